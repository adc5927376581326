// Unpacks and draws what charts.py has computed; nothing is computed here. No network: all there is lies in this file.
// charts.js stands before it in the same script.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;/=>?@^_`{|}~";
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

function draw(charts, colours, width) {
  const size = width ? {width: width} : {};
  for (const chart of charts) drawChart(chart.id, chart, colours, size, {responsive: !width});
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
