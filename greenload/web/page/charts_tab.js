// The charts of the run that is shown: all of it when they are opened, then second by second as the live stream brings
// them, and all of it anew every ten seconds.

import {ChartBoard} from "./chart_board.js";
import {element, emptiness, renew, show} from "./dom.js";
import {named} from "./format.js";

const ANEW_MS = 10_000;
// Which value of a second is the next point of which line.
const LIVE = {
  rates: {"requests/s": "rps", "failures/s": "failures_per_s"},
  users: {users: "users", "in flight": "in_flight"},
  arrivals: {delivered: "iterations_per_s", dropped: "dropped_per_s"},
  percentiles: {
    median: "p50_ms", p95: "p95_ms", p99: "p99_ms", max: "max_ms", "response median": "p50_ms",
    "response p95": "p95_ms", "response p99": "p99_ms", "response max": "max_ms", "service p99": "service_p99_ms",
  },
};

export function chartsTab(place, run) {
  const board = new ChartBoard("chart");
  const names = element("select", {id: "chart-name"});
  const nothing = emptiness("No run yet.");
  const early = emptiness("Nothing to draw yet.");
  const chooser = element("div", {class: "filter"}, element("label", {for: "chart-name"}, "Name"), names);
  const tools = element("div", {class: "tools"}, chooser, board.bar);
  place.append(element("h2", {class: "unseen"}, "Charts"), tools, nothing, early, board.place);
  const shown = {run: null, name: null, at: -Infinity, until: null};
  let wanted = {};

  names.addEventListener("change", () => {
    location.hash = names.value ? `charts?${new URLSearchParams(JSON.parse(names.value))}` : "charts";
  });
  run.onSecond(second => {
    if (!place.offsetParent || document.hidden) {
      // What is not drawn now is missing later: then all is asked for anew.
      shown.at = -Infinity;
      return;
    }
    if (wanted.name || second.run !== shown.run || shown.until === null || second.second <= shown.until) return;
    shown.until = second.second;
    append(board, second);
  });

  async function drawNames() {
    const rows = (await run.read("statistics", {of: "all", clock: "response"})).rows;
    const keys = rows.map(row => JSON.stringify({method: row.method, name: row.name}));
    renew(names, keys, () => [
      element("option", {value: ""}, "all requests"),
      ...rows.map((row, number) => element("option", {value: keys[number]}, named(row))),
    ]);
    names.value = wanted.name ? JSON.stringify(wanted) : "";
  }

  return {
    open(query) {
      wanted = query.get("name") ? {method: query.get("method") ?? "", name: query.get("name")} : {};
      shown.at = -Infinity;
    },
    async refresh() {
      const hasRun = run.id !== null;
      for (const each of [tools, board.place]) show(each, hasRun);
      show(nothing, !hasRun);
      show(early, false);
      const isSame = shown.run === run.id && shown.name === JSON.stringify(wanted);
      const isOver = isSame && !run.isGoingOn() && shown.isOver;
      if (!hasRun || isOver || (isSame && performance.now() - shown.at < ANEW_MS)) return;
      Object.assign(shown, {at: performance.now(), name: JSON.stringify(wanted), isOver: !run.isGoingOn()});
      await drawNames();
      const series = await run.read("series", wanted);
      if (shown.name !== JSON.stringify(wanted)) return;
      Object.assign(shown, {run: series.run, until: secondOf(series.from_event)});
      show(early, series.charts.length === 0);
      await board.show(series.charts, `${series.run} ${shown.name}`);
    },
  };
}

// Of "20261126-201450-1f3a:37", 37.
function secondOf(eventId) {
  const second = Number(String(eventId ?? "").split(":").pop());
  return eventId && Number.isFinite(second) ? second : null;
}

function append(board, second) {
  for (const [id, keys] of Object.entries(LIVE)) {
    const lines = board.lines(id);
    let isLonger = false;
    for (const [name, line] of lines) {
      const value = second[keys[name]];
      if (value === undefined || value === null) continue;
      line.x.push(second.second + 0.5); // a second is drawn in its middle, as charts.py does it
      line.y.push(value);
      isLonger = true;
    }
    if (isLonger) board.isChanged(id);
  }
}
