// The first part of the page: the form while no run goes on, and how the run that is shown stands.

import {element, emptiness, facts, renew, show} from "./dom.js";
import {StartForm} from "./form.js";
import {grouped, rate} from "./format.js";
import {thresholdsPart} from "./thresholds.js";

const SUMS = ["sent", "succeeded", "failed", "unfinished", "dropped"];

export function runTab(place, run) {
  const formPlace = element("section", {class: "card", "aria-labelledby": "form-title"});
  const outcome = element("section", {class: "cards", "aria-label": "How the run stands"});
  const waiting = element("p", {class: "banner", role: "status", hidden: true});
  place.append(waiting, element("div", {class: "two"}, formPlace, outcome));
  let form = null;
  let wasGoingOn = null;

  async function drawForm() {
    if (form !== null && wasGoingOn === run.isGoingOn()) return;
    const isOver = wasGoingOn === true;
    wasGoingOn = run.isGoingOn();
    show(formPlace, !wasGoingOn);
    if (wasGoingOn || (form !== null && !isOver)) return;
    const offered = await run.form();
    form = new StartForm(offered, async values => {
      await run.ask("start", values);
      document.getElementById("main").focus();
    });
    formPlace.replaceChildren(
      element("h2", {id: "form-title"}, "A new run"), element("p", {class: "note"}, offered.scenario), form.form,
    );
  }

  return {
    async refresh() {
      const summary = await run.look();
      await drawForm();
      const here = summary.workers.length;
      show(waiting, run.state === "waiting");
      if (run.state === "waiting") waiting.textContent = `The run begins when its workers are here; ${here} now.`;
      show(outcome, summary.document !== null || wasGoingOn);
      renew(outcome, summary.document && standing(summary.document), () => outcomeParts(summary.document));
    },
  };
}

// What of the document the outcome is drawn from.
const standing = ({run, thresholds, reconciliation, arrivals, clocks}) => [run, thresholds, reconciliation, arrivals, clocks];

export function outcomeParts(document) {
  if (document === null) return [emptiness("Nothing has been reported yet.")];
  return [
    card("Thresholds", thresholdsPart(document.thresholds)), card("What adds up", ...sums(document)),
    card("The run", ...about(document)),
  ];
}

const card = (title, ...content) => element("div", {class: "card"}, element("h2", {}, title), ...content);

function sums({reconciliation, arrivals}) {
  const counts = SUMS.filter(each => each !== "dropped" || arrivals).map(each => [each, grouped(reconciliation[each])]);
  counts.push(["reconciled", `${grouped(reconciliation.merged_by_master)} of ${grouped(reconciliation.counted_by_workers)}`]);
  const offered = arrivals && [
    ["arrivals offered", `${grouped(arrivals.planned)} (${rate(arrivals.offered_per_s)}/s)`],
    ["arrivals delivered", `${grouped(arrivals.started)} (${rate(arrivals.delivered_per_s)}/s)`],
    ["arrivals dropped", `${grouped(arrivals.dropped)} (${arrivals.dropped_percent.toFixed(1)} %)`],
  ];
  const missing = reconciliation.missing.map(gap => {
    const when = `${gap.from_s.toFixed(1)} s to ${gap.until_s.toFixed(1)} s`;
    return element("p", {class: "bad"}, `! Missing: ${gap.worker}, ${when}, ${grouped(gap.requests)} requests known of.`);
  });
  return [facts([...counts, ...(offered ?? [])]), ...missing];
}

function about({run, clocks}) {
  return [
    ...(clocks.why ? [element("p", {}, clocks.why)] : []),
    facts([
      ["id", run.id], ["started", run.started.replace("T", " ").replace("+00:00", " UTC")],
      ["model", run.model === "rate" ? "arrivals (open)" : "users (closed)"], ["workers", grouped(run.workers)],
      ["warm-up", run.warmup_s ? `${run.warmup_s} s` : null], ["seed", String(run.seed)], ["greenload", run.version],
    ]),
  ];
}
