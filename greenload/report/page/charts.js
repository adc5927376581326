// How the charts that charts.py has computed are drawn; nothing is computed here. The report carries this file in itself
// (page.py), the page of a run imports it. Plotly is a name of the window: plotly.js is no module.

// Okabe and Ito's colours, which all eyes can tell apart; and dashes and marks, for those who see or print none.
export const LIGHT = {
  text: "#1f2328", grid: "#d8dee4", label: "#fff", lines: ["#0072b2", "#b84a00", "#00795a", "#a8417f", "#7a5200"],
};
export const DARK = {
  text: "#e6edf3", grid: "#3a424c", label: "#161b22", lines: ["#56b4e9", "#ff9a4d", "#2fc79a", "#e69ac8", "#f0e442"],
};
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const MARKS = ["circle", "square", "diamond", "triangle-up", "x"];
const FEW_POINTS = 40;

// Draw `chart` into the element `place`, over what is drawn there;  extra: layout beside, or instead of, the usual.
export function drawChart(place, chart, colours, extra = {}, config = {}) {
  const traces = chart.kind === "heatmap" ? heatTraces(chart, colours) : lineTraces(chart, colours);
  const usual = layoutOf(chart, colours);
  const layout = {...usual, ...extra, xaxis: {...usual.xaxis, ...extra.xaxis}};
  return Plotly.react(place, traces, layout, {displayModeBar: false, ...config});
}

function lineTraces(chart, colours) {
  return chart.lines.map((line, number) => ({
    type: "scatter", name: line.name, x: line.x, y: line.y, text: line.labels,
    mode: line.x.length <= FEW_POINTS ? "lines+markers" : "lines", connectgaps: false,
    line: {color: colours.lines[number % colours.lines.length], dash: DASHES[number % DASHES.length], width: 2},
    marker: {symbol: MARKS[number % MARKS.length], size: 7},
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
    hoverlabel: {bgcolor: colours.label, font: {color: colours.text}},
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
