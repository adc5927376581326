// The head of the page: what runs, its state, its last seconds, whether its numbers can be believed; Edit, Reset, Stop.

import {NoAnswer} from "./api.js";
import {byId, element, renew, say, show} from "./dom.js";
import {EditDialog} from "./edit.js";
import {duration, grouped, ms, rate} from "./format.js";

// A sign and a word for each state: never a colour alone.
const STATES = {
  ready: ["○", "Ready"], waiting: ["◔", "Waiting for workers"], running: ["▶", "Running"], stopping: ["■", "Stopping"],
};
const TOLD_FOR_MS = 8000;

export class Header {
  constructor(run) {
    this.run = run;
    this.edit = new EditDialog(run);
    this.figures = new Map();
    run.onState(() => this.draw());
    run.onSecond(() => this.draw());
    byId("stop").addEventListener("click", () => this._ask("stop", answer => (
      answer.at_once ? "Stopped at once: tasks were cut off." : "Running tasks may finish; Stop now cuts them off."
    )));
    byId("reset").addEventListener("click", () => this._ask("reset", answer => (
      `What is measured begins anew at ${answer.from_s} s; the record keeps all.`
    )));
    byId("edit").addEventListener("click", () => this.edit.open());
    byId("new-run").addEventListener("click", () => setTimeout(() => byId("host")?.focus()));
  }

  draw() {
    const {state} = this.run;
    const [sign, word] = STATES[state] ?? ["…", "Connecting"];
    say(byId("state-sign"), sign);
    say(byId("state-word"), word);
    byId("state").dataset.state = state;
    show(byId("stop"), this.run.isGoingOn());
    say(byId("stop"), state === "stopping" ? "Stop now" : "Stop");
    show(byId("edit"), state === "running");
    show(byId("reset"), state === "running");
    show(byId("new-run"), state === "ready");
    this._drawWhat();
    this._drawFigures();
    this._drawVerdict();
  }

  _drawWhat() {
    const about = this.run.summary?.document?.run;
    const words = about ? `${about.scenario}${about.host ? ` against ${about.host}` : ""}` : "No run yet";
    if (this.run.summary) say(byId("what"), words);
  }

  _drawFigures() {
    const {elapsed_s, remaining_s, last, wanted, model, in_flight, iterations_per_s} = this.run.now;
    for (const place of ["figures", "figures-note"]) show(byId(place), this.run.id !== null);
    if (this.run.id === null) return;
    const when = `the last ${Math.round(last?.seconds ?? 10)} s${this.run.isGoingOn() ? "" : " of the run"}`;
    say(byId("figures-note"), `Requests/s, failures/s and p50 to p99: ${when}.`);
    const users = wanted?.users && this.run.isGoingOn() ? ` of ${grouped(wanted.users)}` : "";
    this._figure("Elapsed", "", duration(elapsed_s));
    this._figure("Remaining", "", this.run.isGoingOn() && remaining_s === null ? "no end" : duration(remaining_s));
    this._figure("Users", "", grouped(last?.users), users);
    this._figure("In flight", "", grouped(in_flight));
    // Arrivals are iterations, not requests: of those each may make several.
    if (model === "rate") this._figure("Iterations/s", "", rate(iterations_per_s), wanted?.rate ? ` of ${wanted.rate}` : "");
    this._figure("Requests/s", "", rate(last?.rps));
    this._figure("Failures/s", "", rate(last?.failures_per_s), "", last?.failures_per_s > 0);
    this._figure("p50", "ms", ms(last?.p50_ms));
    this._figure("p95", "ms", ms(last?.p95_ms));
    this._figure("p99", "ms", ms(last?.p99_ms));
  }

  _figure(term, unit, value, beside = "", isBad = false) {
    if (!this.figures.has(term)) {
      const number = element("span");
      const small = element("small");
      const title = element("dt", {}, term, unit ? element("span", {class: "unit"}, ` ${unit}`) : "");
      const figure = element("div", {}, title, element("dd", {}, number, small));
      byId("figures").append(figure);
      this.figures.set(term, {figure, number, small});
    }
    const {figure, number, small} = this.figures.get(term);
    say(number, isBad ? `! ${value}` : value);
    say(small, beside);
    figure.classList.toggle("bad", isBad);
  }

  _drawVerdict() {
    const {verdict, broken} = this.run.now;
    const isShown = this.run.id !== null && this.run.state !== "waiting" && (verdict || broken);
    show(byId("verdict"), Boolean(isShown));
    if (!isShown) return;
    const isOver = !this.run.isGoingOn();
    renew(byId("verdict"), [verdict, broken, isOver], () => verdictParts(verdict, broken, isOver));
    // Read out when it changes, and not each time that a number in a reason has moved on.
    renew(byId("verdict-said"), [verdict?.status, verdict?.reasons?.length, broken, isOver], () => [byId("verdict").textContent]);
    byId("verdict").classList.toggle("suspect", Boolean(broken) || verdict.status !== "valid");
  }

  async _ask(what, sentence) {
    try {
      this._tell(sentence(await this.run.ask(what)));
    } catch (error) {
      this._tell(error.message);
      if (!(error instanceof NoAnswer) && error.status === undefined) throw error;
    }
    this.draw();
  }

  _tell(words) {
    say(byId("told"), words);
    show(byId("told"), true);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => show(byId("told"), false), TOLD_FOR_MS);
  }
}

// The verdict as a sign, a word, and its reasons.
export function verdictParts(verdict, broken, isOver) {
  const isValid = !broken && verdict?.status === "valid";
  const said = isValid ? "These numbers can be believed." : "These numbers need a second look. ";
  const reasons = [...(broken ? [`The run broke: ${broken}`] : []), ...(verdict?.reasons ?? [])];
  return [
    element("p", {}, element("strong", {}, isValid ? "✓ VALID" : "! SUSPECT"), isOver ? " " : " so far. ", said,
      reasons.length ? element("a", {class: "why", href: "#run"}, "Why?") : ""),
    ...(reasons.length ? [element("ul", {}, ...reasons.map(reason => element("li", {}, reason)))] : []),
  ];
}
