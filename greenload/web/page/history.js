// Runs that were kept: a list of them, one of them opened, two of them laid over each other.

import {apiPath, get} from "./api.js";
import {ChartBoard} from "./chart_board.js";
import {comparisonParts} from "./comparison.js";
import {button, element, emptiness, say, show} from "./dom.js";
import {downloadList} from "./downloads.js";
import {ExceptionList, failuresTable} from "./failures.js";
import {duration, grouped, ms, utc} from "./format.js";
import {verdictParts} from "./header.js";
import {outcomeParts} from "./run_tab.js";
import {statisticsTable} from "./statistics.js";
import {DataTable} from "./table.js";

const MOST_RUNS = 500;

export function historyTab(place, run) {
  const chosen = new Set();
  const listed = element("div");
  const opened = element("div", {hidden: true});
  const compare = button("Compare the two chosen", () => {
    const [a, b] = [...chosen];
    location.hash = `history?${new URLSearchParams({a, b})}`;
  }, {disabled: true});
  const table = runsTable(chosen, () => {
    compare.disabled = chosen.size !== 2;
  });
  const why = element("p", {class: "empty", hidden: true});
  const hint = element("p", {class: "note"}, "Choose two runs to lay them over each other.");
  listed.append(element("h2", {class: "unseen"}, "History"), why, element("div", {class: "tools"}, compare, hint, table.tools), table.place);
  place.append(listed, opened);
  let shown = "";

  async function list() {
    try {
      const runs = (await run.read("runs", {most: MOST_RUNS})).runs;
      table.show(runs);
      show(why, false);
    } catch (error) {
      if (error.status !== 409) throw error;
      say(why, error.message);
      show(why, true);
      for (const each of [table.place, compare, hint]) show(each, false);
    }
  }

  async function open(query) {
    const [id, a, b] = ["run", "a", "b"].map(each => query.get(each));
    opened.replaceChildren(element("p", {}, element("a", {href: "#history"}, "← All runs")), emptiness("Reading…"));
    const parts = id ? await runParts(id) : await comparedRuns(a, b);
    if (shown !== query.toString()) return;
    opened.lastChild.remove();
    opened.append(...parts.places);
    await parts.draw();
  }

  return {
    open(query) {
      show(listed, query.toString() === "");
      show(opened, query.toString() !== "");
    },
    async refresh() {
      const query = new URLSearchParams(location.hash.split("?")[1] ?? "");
      if (query.toString() === "") {
        shown = "";
        await list();
      } else if (shown !== query.toString()) {
        shown = query.toString();
        await open(query);
      }
    },
  };
}

function runsTable(chosen, isChosen) {
  const drawChoice = (cell, row) => {
    if (!cell.firstChild) {
      const box = element("input", {type: "checkbox"});
      box.addEventListener("change", () => {
        if (box.checked) chosen.add(box.value);
        else chosen.delete(box.value);
        isChosen();
      });
      cell.append(element("label", {class: "pick"}, box));
    }
    const box = cell.querySelector("input");
    box.value = row.id;
    box.setAttribute("aria-label", `Choose run ${row.id}`);
    box.checked = chosen.has(row.id);
  };
  const drawLink = (cell, row) => {
    if (!cell.firstChild) cell.append(element("a"));
    say(cell.firstChild, row.id);
    cell.firstChild.setAttribute("href", `#history?${new URLSearchParams({run: row.id})}`);
  };
  const tagsOf = row => Object.entries(row.tags ?? {}).map(([key, value]) => `${key}=${value}`).join(" ");
  const verdict = {valid: "✓ VALID", suspect: "! SUSPECT"};
  return new DataTable({
    id: "runs", caption: "Runs that were kept", what: "run", empty: "No run has been kept yet.", keyOf: row => row.id,
    order: {key: "started", isDown: true}, isWide: true,
    columns: [
      {key: "id", title: "Run", isText: true, draw: drawLink}, {key: "chosen", title: "Chosen", draw: drawChoice, value: row => Number(chosen.has(row.id))},
      {key: "started", title: "Started", isText: true, format: utc, isHidden: false},
      {key: "scenario", title: "Scenario", isText: true, isLong: true, isHidden: false}, {key: "load", title: "Load", isText: true, isHidden: false},
      {key: "duration_s", title: "Length", unit: "min:s", format: duration, isHidden: false},
      {key: "requests", title: "Requests", format: grouped, isHidden: false}, {key: "failures", title: "Failures", format: grouped, isHidden: false},
      {key: "response_p99_ms", title: "p99", unit: "ms", format: ms, isHidden: false},
      {key: "verdict", title: "Verdict", isText: true, isHidden: false, format: (value, row) => verdict[value] ?? row.state},
      {key: "tags", title: "Tags", isText: true, isLong: true, isHidden: false, value: tagsOf, format: value => value || "–"},
      {key: "note", title: "Note", isText: true, isLong: true, isHidden: false, format: value => value || "–"},
    ],
  });
}

async function runParts(id) {
  const {document: told, charts} = await get(apiPath(`runs/${encodeURIComponent(id)}`));
  const board = new ChartBoard("kept");
  const statistics = statisticsTable("kept-statistics");
  statistics.show(told.names.map(flat), flat(told.total));
  const failures = failuresTable("kept-failures");
  failures.show(told.failures);
  const exceptions = new ExceptionList("kept-exceptions");
  exceptions.show(told.exceptions);
  const css = told.verdict.status === "valid" ? "verdict" : "verdict suspect";
  return {
    places: [
      element("h2", {}, `Run ${id}`), element("div", {class: css}, ...verdictParts(told.verdict, null, true)),
      element("h2", {}, "Statistics by response time"), statistics.place,
      element("h2", {}, "Charts"), board.place,
      element("h2", {}, "Failures"), failures.place, element("h2", {}, "Exceptions"), exceptions.place,
      element("div", {class: "cards"}, ...outcomeParts(told)), element("h2", {}, "Downloads"), downloadList(id),
    ],
    draw: () => board.show(charts, id),
  };
}

// A row of the summary document as the table of statistics wants it.
function flat(row) {
  const times = Object.entries(row.response_ms).map(([key, value]) => [`${key}_ms`, value]);
  return {...row, ...Object.fromEntries(times)};
}

async function comparedRuns(a, b) {
  const comparison = await get(apiPath("compare", {a, b}));
  const board = new ChartBoard("compared");
  const {chart} = comparison;
  return {
    places: [...comparisonParts(comparison), ...(chart ? [board.place] : [])],
    draw: async () => chart && board.show([chart], `${a} ${b}`),
  };
}
