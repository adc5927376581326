// The numbers of each request name.

import {element, say, show} from "./dom.js";
import {grouped, ms, named, rate} from "./format.js";
import {recall, remember} from "./memory.js";
import {DataTable} from "./table.js";

const time = (key, title, isHidden = false) => ({key, title, unit: "ms", format: ms, isHidden});

// linkOf: where the name of a row leads, null for nowhere
const columnsOf = linkOf => [
  {key: "name", title: "Name", isText: true, isLong: true, value: named, draw: (cell, row) => drawName(cell, row, linkOf(row))},
  {key: "requests", title: "Requests", format: grouped, isHidden: false},
  {key: "failures", title: "Failures", format: grouped, draw: drawFailures, isHidden: false},
  time("p50_ms", "Median"), time("p75_ms", "p75", true), time("p90_ms", "p90", true), time("p95_ms", "p95"),
  time("p99_ms", "p99"), time("p99.9_ms", "p99.9", true), time("max_ms", "Max"), time("mean_ms", "Mean"),
  time("min_ms", "Min", true),
  {key: "rps", title: "Requests/s", format: rate, isHidden: false},
  {key: "bytes", title: "Received", unit: "bytes", format: grouped, isHidden: false},
];

export function statisticsTable(id, linkOf = () => null) {
  return new DataTable({
    id, caption: "Statistics by name", columns: columnsOf(linkOf), keyOf: named, what: "name", isWide: true,
    empty: "No request has ended yet.", order: {key: "name", isDown: false},
  });
}

export function statisticsTab(place, run) {
  const table = statisticsTable("statistics", row => (
    row.method || row.name !== "Total" ? `#charts?${new URLSearchParams({method: row.method, name: row.name})}` : null
  ));
  const of = choice("of", "Requests", [["all", "all"], ["succeeded", "ok only"], ["failed", "failed only"]], () => refresh());
  const clock = choice("clock", "Time", [["response", "response"], ["service", "service"]], () => refresh());
  const note = element("p", {class: "note"});
  const nothing = element("p", {class: "empty"}, "No run yet.");
  const tools = element("div", {class: "tools"}, of.place, clock.place, table.tools);
  const shown = element("div", {}, tools, table.place, note);
  place.append(element("h2", {class: "unseen"}, "Statistics"), nothing, shown);

  async function refresh() {
    show(nothing, run.id === null);
    show(shown, run.id !== null);
    if (run.id === null) return;
    const asked = {of: of.value(), clock: clock.value()};
    const found = await run.read("statistics", asked);
    // Somebody may have chosen otherwise while the answer was on its way.
    if (asked.of !== of.value() || asked.clock !== clock.value()) return;
    table.show(found.rows, found.total);
    say(note, `Counted from ${found.from_s} s to ${Math.round(found.until_s)} s of the run. ${CLOCKS[asked.clock]} `
      + "–: too few requests for that percentile.");
  }
  return {refresh};
}

const CLOCKS = {
  response: "Response time counts from when a request should have begun.",
  service: "Service time counts from when a request was sent.",
};

// A group of radio buttons in one line, which is remembered.
function choice(name, label, values, act) {
  const key = `statistics.${name}`;
  const before = recall(key) ?? values[0][0];
  const inputs = values.map(([value, words]) => {
    const input = element("input", {type: "radio", name, value, checked: value === before});
    input.addEventListener("change", () => {
      remember(key, value);
      act();
    });
    return [input, element("label", {}, input, words)];
  });
  const place = element("fieldset", {class: "segments"}, element("legend", {}, label), ...inputs.map(each => each[1]));
  return {place, value: () => inputs.find(([input]) => input.checked)?.[0].value ?? values[0][0]};
}

function drawName(cell, row, address) {
  if (address === null) {
    say(cell, named(row));
    return;
  }
  if (!cell.firstElementChild) cell.append(element("a", {title: "Charts of this name"}));
  const link = cell.firstElementChild;
  say(link, named(row));
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
}

function drawFailures(cell, row) {
  say(cell, row.failures ? `! ${grouped(row.failures)}` : "0");
  cell.classList.toggle("bad", row.failures > 0);
}
