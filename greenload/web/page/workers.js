// Who makes the load, which tasks they do, and what they and the master have to say.

import {element, say} from "./dom.js";
import {grouped, ms, percent, rate, timeOfDay} from "./format.js";
import {DataTable} from "./table.js";

// A sign beside the word, for those that need a second look.
const GRAVE = {lost: "✗", stalled: "!", gone: "✗"};
const GRAVE_LEVELS = {warning: "!", error: "✗", critical: "✗"};

export function workersTab(place, run) {
  const table = new DataTable({
    id: "workers", caption: "Workers", what: "worker", empty: "No worker is here.", order: {key: "id", isDown: false},
    keyOf: row => row.id, isWide: true,
    columns: [
      {key: "id", title: "Worker", isText: true}, {key: "state", title: "State", isText: true, draw: drawState},
      {key: "users", title: "Users", format: grouped}, {key: "rps", title: "Requests/s", format: rate},
      {key: "requests", title: "Requests", format: grouped},
      {key: "cpu_percent", title: "CPU", unit: "% of a core", format: percent},
      {key: "lag_p99_ms", title: "Lag p99", unit: "ms", format: ms},
      {key: "last_heard_s", title: "Last heard", unit: "s ago", format: percent},
      {key: "unacknowledged", title: "Unacknowledged", unit: "reports", format: grouped},
    ],
  });
  const note = element("p", {class: "note"}, "Lag: how late the worker itself woke up; times of that size are not the server's.");
  place.append(element("h2", {class: "unseen"}, "Workers"), table.place, note);
  return {
    async refresh() {
      table.show((await run.look()).workers);
    },
  };
}

function drawState(cell, row) {
  const sign = GRAVE[row.state];
  say(cell, sign ? `${sign} ${row.state}` : row.state);
  cell.classList.toggle("bad", sign !== undefined);
}

export function tasksTab(place, run) {
  const table = new DataTable({
    id: "tasks", caption: "Tasks", what: "task", empty: "No task has been done yet.",
    keyOf: row => JSON.stringify([row.class, row.task]),
    columns: [
      {key: "class", title: "Class", isText: true}, {key: "task", title: "Task", isText: true},
      {key: "planned_percent", title: "Planned", unit: "%", format: percent},
      {key: "actual_percent", title: "Actual", unit: "%", format: percent},
      {key: "count", title: "Times", format: grouped},
    ],
  });
  const note = element("p", {class: "note"}, "Percent of the tasks of the class; planned by their weights.");
  place.append(element("h2", {class: "unseen"}, "Tasks"), table.place, note);
  return {
    async refresh() {
      table.show((await run.look()).tasks);
    },
  };
}

export function logTab(place, run) {
  const table = new DataTable({
    id: "log", caption: "Log, the newest line first", what: "line", empty: "Nothing has been logged.",
    keyOf: row => row.key, isWide: true,
    columns: [
      {key: "at", title: "Time", isText: true, value: line => line.place, format: (_, line) => timeOfDay(line.at)},
      {key: "from", title: "From", isText: true},
      {key: "level", title: "Level", isText: true, draw: drawLevel},
      {key: "text", title: "Text", isText: true, isLong: true},
    ],
    order: {key: "at", isDown: true},
  });
  place.append(element("h2", {class: "unseen"}, "Log"), table.place);
  return {
    async refresh() {
      const {log} = await run.look();
      table.show(distinct(log));
    },
  };
}

// Lines that say the same at the same time are told apart by which of them it is; they come in the order of their time.
function distinct(log) {
  const seen = new Map();
  return log.map((line, place) => {
    const said = JSON.stringify(line);
    const times = seen.get(said) ?? 0;
    seen.set(said, times + 1);
    return {...line, place, key: `${times} ${said}`};
  });
}

function drawLevel(cell, row) {
  const sign = GRAVE_LEVELS[row.level];
  say(cell, sign ? `${sign} ${row.level}` : row.level);
  cell.classList.toggle("bad", sign !== undefined);
}
