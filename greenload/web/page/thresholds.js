// Thresholds, and how each came out: with a sign and a word.

import {element, emptiness} from "./dom.js";
import {NOTHING} from "./format.js";

const SIGNS = {passed: "✓", failed: "✗"};

export function thresholdsPart(thresholds) {
  if (!thresholds.length) return emptiness("None were set.");
  const rows = thresholds.map(row => element(
    "tr", {}, element("th", {scope: "row", class: "text long"}, `${row.action} if ${row.text}`),
    element("td", {}, row.value === null ? NOTHING : `${Number(row.value.toFixed(3))} ${row.unit}`.trim()),
    element("td", {class: row.status === "passed" ? "text long" : "text long bad"}, `${SIGNS[row.status] ?? "?"} ${outcomeOf(row)}`),
  ));
  const titles = [["Condition", "text"], ["Value", null], ["Outcome", "text"]];
  const head = element("tr", {}, ...titles.map(([title, css]) => element("th", {scope: "col", class: css}, title)));
  const table = element("table", {class: "prose"}, element("caption", {class: "unseen"}, "Thresholds"),
    element("thead", {}, head), element("tbody", {}, ...rows));
  return element("div", {class: "scrolls", tabindex: "0", role: "region", "aria-label": "Thresholds"}, table);
}

function outcomeOf(row) {
  if (row.aborted_at_s !== null) return `${row.status} at ${row.aborted_at_s.toFixed(1)} s, which stopped the run`;
  return row.reason === null ? row.status : `${row.status}: ${row.reason}`;
}
