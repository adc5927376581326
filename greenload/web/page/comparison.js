// How two runs differ, with what can be said of it: the judgement is `greenload compare`'s.

import {element, facts, say} from "./dom.js";
import {NOTHING, grouped, ms, named, rate, signed} from "./format.js";
import {DataTable} from "./table.js";

const SIGNS = {better: "▼", worse: "▲"};

export function comparisonParts(comparison) {
  const [found] = comparison.comparisons;
  return [
    element("h2", {}, "Two runs compared"), facts([["A", linkTo(found.one)], ["B", linkTo(found.other)]]),
    element("p", {class: "note"}, `By ${comparison.clock} time, of all requests that ended. A difference is B less A.`),
    ...onlyIn(found), timesTable(found).place, element("h2", {}, "Requests"), countsTable(found).place,
    element("h2", {}, "Both spectra"),
  ];
}

const linkTo = id => element("a", {href: `#history?${new URLSearchParams({run: id})}`}, id);

function onlyIn(found) {
  const told = [["A", found.only_in_one], ["B", found.only_in_other]];
  return told.filter(([, names]) => names.length).map(([side, names]) => (
    element("p", {}, `Only in ${side}: ${names.map(named).join(", ")}.`)
  ));
}

function timesTable(found) {
  const table = new DataTable({
    id: "compared-times", caption: "Times compared", what: "row", empty: "No name is in both.", isWide: true,
    keyOf: row => `${row.time} ${named(row)}`,
    columns: [
      {key: "name", title: "Name", isText: true, isLong: true, value: named}, {key: "time", title: "Time", isText: true},
      {key: "one", title: "A", unit: "ms", format: ms}, {key: "other", title: "B", unit: "ms", format: ms},
      {key: "difference_ms", title: "Difference", unit: "ms", format: value => signed(value, 2)},
      {key: "difference_percent", title: "Difference", unit: "%", format: value => signed(value, 1)},
      {key: "interval", title: "95 % interval", unit: "ms"},
      {key: "judgement", title: "Judgement", isText: true, isLong: true, draw: drawJudgement},
    ],
  });
  table.show(found.names.flatMap(each => Object.entries(each.times).map(([time, row]) => ({
    ...row, method: each.method, name: each.name, time, one: row.ms[0], other: row.ms[1],
    interval: row.interval_ms ? row.interval_ms.map(value => signed(value, 2)).join(" to ") : NOTHING,
  }))));
  return table;
}

function drawJudgement(cell, row) {
  const sign = SIGNS[row.judgement];
  say(cell, [sign, row.judgement ?? NOTHING, row.reason ? `(${row.reason})` : ""].filter(Boolean).join(" "));
  cell.classList.toggle("bad", row.judgement === "worse");
  cell.classList.toggle("good", row.judgement === "better");
}

function countsTable(found) {
  const both = (key, title, format) => ["A", "B"].map((side, place) => (
    {key: `${key}-${place}`, title, unit: side, format, value: row => row[key][place]}
  ));
  const table = new DataTable({
    id: "compared-counts", caption: "Requests compared", what: "name", empty: "No name is in both.", keyOf: named,
    isWide: true,
    columns: [
      {key: "name", title: "Name", isText: true, isLong: true, value: named}, ...both("requests", "Requests", grouped),
      ...both("requests_per_s", "Requests/s", rate), ...both("failures", "Failures", grouped),
    ],
  });
  table.show(found.names);
  return table;
}
