// What went wrong: requests that failed, by name and kind, and exceptions of the scenario, by where they were raised.

import {button, element, renew, say, show} from "./dom.js";
import {counted, grouped, named} from "./format.js";
import {DataTable} from "./table.js";

const AT_A_TIME = 100;

export function failuresTable(id) {
  return new DataTable({
    id, caption: "Failures", what: "kind", empty: "Nothing has failed.", order: {key: "count", isDown: true},
    keyOf: row => JSON.stringify([row.method, row.name, row.error]),
    columns: [
      {key: "error", title: "Failure", isText: true, isLong: true},
      {key: "count", title: "Count", format: grouped},
      {key: "name", title: "Name", isText: true, isLong: true, value: named},
      {key: "first_s", title: "First", unit: "s", format: grouped},
      {key: "last_s", title: "Last", unit: "s", format: grouped},
    ],
  });
}

export function failuresTab(place, run) {
  const table = failuresTable("failures");
  const left = element("p", {class: "note", hidden: true});
  place.append(element("h2", {class: "unseen"}, "Failures"), table.place, left);
  return {
    async refresh() {
      const {document} = await run.look();
      table.show(document?.failures ?? []);
      const leftOut = document?.failures_left_out ?? 0;
      show(left, leftOut > 0);
      say(left, `These are the most frequent; ${counted(leftOut, "rarer kind")} are left out here.`);
    },
  };
}

export class ExceptionList {
  constructor(id) {
    this.found = new Map();
    this.rows = [];
    this.most = AT_A_TIME;
    this.filter = element("input", {type: "search", id: `${id}-filter`, autocomplete: "off"});
    this.filter.addEventListener("input", () => this._draw());
    this.tools = element("div", {class: "filter"}, element("label", {for: `${id}-filter`}, "Filter"), this.filter);
    this.list = element("div", {class: "exceptions"});
    this.empty = element("p", {class: "empty"}, "No exception in the scenario.");
    this.left = element("p", {class: "note", role: "status"});
    this.more = button(`Show ${AT_A_TIME} more`, () => {
      this.most += AT_A_TIME;
      this._draw();
    });
    this.place = element("div", {}, this.tools, this.empty, this.list, this.left, this.more);
  }

  show(rows) {
    this.rows = rows;
    this._draw();
  }

  _draw() {
    const sought = this.filter.value.trim().toLowerCase();
    const wanted = this.rows.filter(row => `${row.where} ${row.message} ${row.traceback}`.toLowerCase().includes(sought));
    const shown = wanted.slice(0, this.most);
    const keys = new Set(shown.map(keyOf));
    for (const [key, each] of this.found) {
      if (keys.has(key)) continue;
      each.place.remove();
      this.found.delete(key);
    }
    shown.forEach((row, number) => this._put(row, number));
    show(this.empty, this.rows.length === 0);
    show(this.tools, this.rows.length > 8);
    show(this.more, wanted.length > this.most);
    say(this.left, wanted.length > this.most ? `The first ${this.most} of ${grouped(wanted.length)}.` : "");
  }

  _put(row, number) {
    const key = keyOf(row);
    if (!this.found.has(key)) this.found.set(key, exceptionPart(row));
    const {place, count} = this.found.get(key);
    if (this.list.children[number] !== place) this.list.insertBefore(place, this.list.children[number] ?? null);
    const who = row.workers?.length ? `, by ${row.workers.join(", ")}` : "";
    say(count, `${counted(row.count, "time")}, ${row.first_s} s to ${row.last_s} s${who}`);
  }
}

const keyOf = row => JSON.stringify([row.where, row.traceback]);

function exceptionPart(row) {
  const count = element("span", {class: "note"});
  const title = element("summary", {}, element("strong", {}, row.message), element("span", {}, ` in ${row.where} `), count);
  const place = element("details", {}, title, element("pre", {tabindex: "0", "aria-label": "Traceback"}, row.traceback));
  return {place, count};
}

export function exceptionsTab(place, run) {
  const list = new ExceptionList("exceptions");
  const died = element("p", {class: "note"});
  place.append(element("h2", {class: "unseen"}, "Exceptions"), list.place, died);
  return {
    async refresh() {
      const {document} = await run.look();
      list.show(document?.exceptions ?? []);
      renew(died, document?.users_died ?? 0, () => (
        document?.users_died ? [`Users that failed and were started anew: ${grouped(document.users_died)}`] : []
      ));
    },
  };
}
