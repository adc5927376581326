// A part that a scenario brings along (greenload.web.extend): what its route returns, as a table where it is one.

import {element, renew} from "./dom.js";
import {DataTable} from "./table.js";

// path: of the route, such as "/x/stock"
export function ownTab(path) {
  const address = path.replace(/^\//, "");
  return (place, run) => {
    const shown = element("div");
    place.append(shown);
    let table = null;

    function drawTable(rows) {
      const keys = [...new Set(rows.flatMap(Object.keys))];
      if (table === null || table.keys !== JSON.stringify(keys)) {
        table = new DataTable({
          id: address, caption: address, empty: "Nothing.", columns: keys.map(key => columnOf(key, rows)),
          keyOf: row => row[PLACE],
        });
        table.keys = JSON.stringify(keys);
        shown.replaceChildren(table.place);
      }
      table.show(rows.map((row, number) => ({...row, [PLACE]: number})));
    }

    return {
      async refresh() {
        const said = await run.documents.read(address);
        if (isTable(said)) return drawTable(said);
        table = null;
        const words = typeof said === "string" ? said : JSON.stringify(said, null, 2);
        renew(shown, words, () => [element("pre", {tabindex: "0"}, words)]);
      },
    };
  };
}

const PLACE = Symbol("place");

const isTable = said => Array.isArray(said) && said.length > 0
  && said.every(row => row !== null && typeof row === "object" && !Array.isArray(row));

function columnOf(key, rows) {
  const isText = rows.some(row => typeof row[key] !== "number" && row[key] !== null && row[key] !== undefined);
  const format = value => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "–"));
  return {key, title: key, isText, isLong: isText, format};
}
