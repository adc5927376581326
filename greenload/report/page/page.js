"use strict";
// Draws what charts.py has computed; nothing is computed here. No network: all there is lies in this file.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;/=>?@^_`{|}~";
// Okabe and Ito's colours, which all eyes can tell apart; and dashes and marks, for those who see or print none.
const LIGHT = {text: "#1f2328", grid: "#d8dee4", lines: ["#0072b2", "#b84a00", "#00795a", "#a8417f", "#7a5200"]};
const DARK = {text: "#e6edf3", grid: "#3a424c", lines: ["#56b4e9", "#ff9a4d", "#2fc79a", "#e69ac8", "#f0e442"]};
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const MARKS = ["circle", "square", "diamond", "triangle-up", "x"];
const FEW_POINTS = 40;
const PAPER_WIDTH = 660;

function bytesOf(text) {
  const values = new Uint8Array(128);
  for (let digit = 0; digit < DIGITS.length; digit++) values[DIGITS.charCodeAt(digit)] = digit;
  const missing = (5 - text.length % 5) % 5;
  const padded = text + "~".repeat(missing);
  const bytes = new DataView(new ArrayBuffer(padded.length / 5 * 4));
  for (let from = 0, to = 0; from < padded.length; from += 5, to += 4) {
    let number = 0;
    for (let place = 0; place < 5; place++) number = number * 85 + values[padded.charCodeAt(from + place)];
    bytes.setUint32(to, number);
  }
  return bytes.buffer.slice(0, bytes.byteLength - missing);
}

function unpacked(id) {
  const packed = new Blob([bytesOf(document.getElementById(id).textContent)]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function lineTraces(chart, colours) {
  return chart.lines.map((line, number) => ({
    type: "scatter", name: line.name, x: line.x, y: line.y, text: line.labels,
    mode: line.x.length <= FEW_POINTS ? "lines+markers" : "lines", connectgaps: false,
    line: {color: colours.lines[number], dash: DASHES[number], width: 2},
    marker: {symbol: MARKS[number], size: 7},
    hovertemplate: (line.labels ? "%{text}: " : "") + "%{y:.4g}<extra>%{fullData.name}</extra>",
  }));
}

function heatTraces(chart, colours) {
  return [{
    type: "heatmap", x: chart.x, y: chart.y, z: chart.colours, customdata: chart.rates,
    colorscale: "Cividis", reversescale: colours === LIGHT, hoverongaps: false,
    colorbar: {
      title: {text: "requests/s", side: "right"}, thickness: 12, outlinewidth: 0,
      tickvals: chart.ticks.map(tick => tick[0]), ticktext: chart.ticks.map(tick => tick[1]),
    },
    hovertemplate: "%{x:.4g} s, %{y:.4g} ms: %{customdata:.4g}/s<extra></extra>",
  }];
}

function layoutOf(chart, colours) {
  const axis = {gridcolor: colours.grid, linecolor: colours.grid, zeroline: false, automargin: true};
  const isLog = chart.is_log || chart.kind === "heatmap";
  const layout = {
    height: 320, margin: {l: 10, r: 10, t: 10, b: 10}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: colours.text, family: "system-ui, sans-serif", size: 12},
    showlegend: chart.kind !== "heatmap", legend: {orientation: "h", x: 0, y: 1.02, yanchor: "bottom"},
    hovermode: chart.kind === "heatmap" ? "closest" : "x unified",
    hoverlabel: {bgcolor: colours === LIGHT ? "#fff" : "#161b22", font: {color: colours.text}},
    xaxis: {...axis, title: {text: chart.x_title, standoff: 8}},
    yaxis: {...axis, title: {text: chart.y_title, standoff: 8}},
  };
  // On a scale of powers only their 1, 2 and 5 are worth a number.
  if (isLog) Object.assign(layout.yaxis, {type: "log", dtick: "D2", exponentformat: "none"});
  else layout.yaxis.rangemode = "tozero";
  if (chart.kind === "spectrum") {
    const ticks = {tickvals: chart.ticks.map(tick => tick[0]), ticktext: chart.ticks.map(tick => tick[1])};
    Object.assign(layout.xaxis, {type: "log", hoverformat: ".4g", ...ticks});
    layout.hovermode = "closest";
  }
  if (chart.warmup_s) {
    layout.shapes = [{
      type: "rect", yref: "paper", x0: 0, x1: chart.warmup_s, y0: 0, y1: 1, line: {width: 0}, fillcolor: colours.text,
      opacity: 0.15,
    }];
  }
  return layout;
}

function draw(charts, colours, width) {
  for (const chart of charts) {
    const traces = chart.kind === "heatmap" ? heatTraces(chart, colours) : lineTraces(chart, colours);
    const layout = {...layoutOf(chart, colours), ...(width ? {width: width} : {})};
    Plotly.react(chart.id, traces, layout, {responsive: !width, displayModeBar: false});
  }
}

async function main() {
  const charts = JSON.parse(await unpacked("packed-charts"));
  const plotly = document.createElement("script");
  plotly.textContent = await unpacked("packed-plotly");
  document.head.append(plotly);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawOnScreen = () => draw(charts, dark.matches ? DARK : LIGHT);
  drawOnScreen();
  dark.addEventListener("change", drawOnScreen);
  addEventListener("beforeprint", () => draw(charts, LIGHT, PAPER_WIDTH));
  addEventListener("afterprint", drawOnScreen);
  document.documentElement.dataset.charts = "drawn";
}

main().catch(error => {
  const trouble = document.getElementById("trouble");
  trouble.textContent = `The charts could not be drawn (${error}); a browser of 2023 or later is needed.`;
  trouble.hidden = false;
});
