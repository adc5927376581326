// Puts the page together: which part is shown, and when it is drawn anew. It computes no statistic: all numbers come from
// the server, which adds up counts first (docs/explanation/architecture.md).

import {NoAnswer} from "./api.js";
import {chartsTab} from "./charts_tab.js";
import {byId, element, say, show} from "./dom.js";
import {downloadsTab} from "./downloads.js";
import {exceptionsTab, failuresTab} from "./failures.js";
import {historyTab} from "./history.js";
import {Header} from "./header.js";
import {Live} from "./live.js";
import {ownTab} from "./own_tab.js";
import {Run} from "./run.js";
import {runTab} from "./run_tab.js";
import {statisticsTab} from "./statistics.js";
import {logTab, tasksTab, workersTab} from "./workers.js";

const BUSY_MS = 1000; // between two looks at the server while a run goes on
const IDLE_EVERY = 5; // so many times as long while none does

const TABS = [
  ["run", "Run", runTab], ["statistics", "Statistics", statisticsTab], ["charts", "Charts", chartsTab],
  ["failures", "Failures", failuresTab], ["exceptions", "Exceptions", exceptionsTab], ["workers", "Workers", workersTab],
  ["tasks", "Tasks", tasksTab], ["log", "Log", logTab], ["downloads", "Downloads", downloadsTab],
  ["history", "History", historyTab],
];

class Page {
  constructor() {
    this.run = new Run();
    this.header = new Header(this.run);
    this.live = new Live(this.run);
    this.tabs = new Map();
    this.current = null;
    for (const [name, title, make] of TABS) this._add(name, title, make);
  }

  async begin() {
    byId("skip").addEventListener("click", event => {
      event.preventDefault();
      byId("main").focus();
    });
    addEventListener("hashchange", () => this._go());
    document.addEventListener("visibilitychange", () => this._lookAnew());
    this.run.onState(() => this._lookAnew());
    await this._attempt(() => Promise.all([this.run.look(), this._addOwn()]));
    this._go();
    this.live.begin();
    let beats = 0;
    setInterval(() => {
      if (document.hidden) return;
      if (this.run.isGoingOn() || beats++ % IDLE_EVERY === 0) this._refresh();
    }, BUSY_MS);
    document.documentElement.dataset.page = "ready";
  }

  // The tabs that a scenario brings along.
  async _addOwn() {
    const {tabs} = await this.run.documents.read("x/");
    for (const {title, path} of tabs) this._add(path.replace(/^\//, ""), title, ownTab(path));
  }

  _add(name, title, make) {
    const link = element("a", {href: `#${name}`}, title);
    const trouble = element("p", {class: "banner bad", role: "alert", hidden: true});
    const panel = element("section", {id: `${name}-panel`, "aria-label": title, hidden: true});
    byId("tabs").append(element("li", {}, link));
    byId("main").append(panel);
    this.tabs.set(name, {link, panel, title, make, trouble, tab: null});
  }

  _go() {
    const [name, query] = location.hash.slice(1).split("?");
    const next = this.tabs.get(name) ?? this.tabs.get("run");
    for (const each of this.tabs.values()) {
      show(each.panel, each === next);
      if (each === next) each.link.setAttribute("aria-current", "page");
      else each.link.removeAttribute("aria-current");
    }
    if (next.tab === null) {
      const place = element("div");
      next.panel.append(next.trouble, place);
      next.tab = next.make(place, this.run);
    }
    document.body.dataset.tab = next.panel.id.replace("-panel", "");
    document.title = `${next.title} – greenload`;
    this.current = next;
    if (next.tab.open) next.tab.open(new URLSearchParams(query ?? ""));
    this._refresh();
  }

  async _lookAnew() {
    if (document.hidden) return;
    await this._attempt(() => this.run.look());
    await this._refresh();
  }

  async _refresh() {
    const shown = this.current;
    if (shown === null) return;
    await this._attempt(() => shown.tab.refresh(), shown.trouble);
    this.header.draw();
  }

  // What went wrong is said where it went wrong; that there is no connection, above all.
  async _attempt(act, trouble = byId("told")) {
    try {
      await act();
      this.live.isReached();
      show(trouble, false);
    } catch (error) {
      if (error instanceof NoAnswer) return this.live.isMissed();
      say(trouble, error.message);
      show(trouble, true);
      if (error.status === undefined) throw error;
    }
  }
}

const page = new Page();
page.begin();
