// The exports of a run.

import {apiPath} from "./api.js";
import {element, renew} from "./dom.js";

const FORMATS = [
  ["html", "Report", "one page with tables and charts, which works without a network"],
  ["json", "Summary", "all that is known of the run, as JSON"],
  ["csv", "CSV", "Locust's four files, and one with the verdict, packed as zip"],
  ["ndjson", "NDJSON", "each second and name as a line of JSON"],
  ["hlog", "HdrHistogram log", "the exact histograms, for other tools"],
  ["prometheus", "Prometheus text", "the totals as metrics"],
];

export function downloadsTab(place, run) {
  place.append(element("h2", {class: "unseen"}, "Downloads"));
  const list = element("div");
  place.append(list, element(
    "p", {class: "note"}, "For programs: ", element("a", {href: "metrics"}, "/metrics"), " for Prometheus, ",
    element("a", {href: "api/v1/openapi.json"}, "/api/v1/openapi.json"), " for all the rest.",
  ));
  return {
    async refresh() {
      renew(list, [run.id, run.isGoingOn()], () => downloads(run.id, run.isGoingOn()));
    },
  };
}

function downloads(id, isGoingOn) {
  if (id === null) return [element("p", {class: "empty"}, "No run yet. Earlier ones are under History.")];
  const words = isGoingOn ? `Run ${id}, as far as it has come:` : `Run ${id}:`;
  return [element("p", {}, words), downloadList(id)];
}

export function downloadList(id) {
  return element("ul", {class: "downloads"}, ...FORMATS.map(([format, title, what]) => element("li", {},
    element("a", {href: apiPath(`runs/${encodeURIComponent(id)}/export`, {format}), download: true}, title),
    element("span", {class: "note"}, ` ${what}`))));
}
