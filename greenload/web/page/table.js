// A table of many rows: sorted, filtered, its columns chosen, some hundred rows of it in the page at a time.
//
// A row in the page is kept for as long as its key is shown, and only cells that differ are written: so a selection, the
// focus and the place of the scroll bar stay while numbers move.

import {button, element, say, show} from "./dom.js";
import {counted} from "./format.js";
import {recall, remember} from "./memory.js";

const FEWEST_TO_FILTER = 8;
const AT_A_TIME = 200;

export class DataTable {
  // columns: {key, title, unit, format, isText, isLong, isHidden, draw}: `draw(cell, row)` for what is not only text;
  // id: under which choices are remembered;  keyOf: what tells one row from another;  caption: for who cannot see
  constructor({id, caption, columns, keyOf, empty, order = null, what = "row", isWide = false}) {
    Object.assign(this, {id, columns, keyOf, what, empty});
    this.most = AT_A_TIME;
    this.rows = [];
    this.total = null;
    this.trs = new Map();
    this.order = recall(`${id}.order`) ?? order;
    this.chosen = new Set(recall(`${id}.columns`) ?? columns.filter(each => !each.isHidden).map(each => each.key));
    this.chosen.add(columns[0].key);
    this.place = element("div", {class: "data"});
    this._build(caption, isWide);
  }

  // Show `rows`, and below them `total`, which is sorted and filtered by nobody.
  show(rows, total = null) {
    this.rows = rows;
    this.total = total;
    this._draw();
  }

  _build(caption, isWide) {
    this.filter = element("input", {type: "search", id: `${this.id}-filter`, autocomplete: "off"});
    this.filter.addEventListener("input", () => {
      this.most = AT_A_TIME;
      this._draw();
    });
    this.filterPlace = element(
      "div", {class: "filter"}, element("label", {for: `${this.id}-filter`}, "Filter"), this.filter,
    );
    this.tools = element("div", {class: "tools"}, this.filterPlace);
    if (this.columns.some(each => each.isHidden !== undefined)) this.tools.append(this._columnPicker());
    this.head = element("tr");
    this.body = element("tbody");
    this.foot = element("tfoot");
    this.table = element(
      "table", {class: isWide ? "wide" : null}, element("caption", {class: "unseen"}, caption),
      element("thead", {}, this.head), this.body, this.foot,
    );
    this.scrolls = element("div", {class: "scrolls", tabindex: "0", role: "region", "aria-label": caption}, this.table);
    this.left = element("p", {class: "note", role: "status"});
    this.more = button(`Show ${AT_A_TIME} more`, () => {
      this.most += AT_A_TIME;
      this._draw();
    });
    this.emptyPlace = element("p", {class: "empty"}, this.empty);
    this.place.append(this.tools, this.emptyPlace, this.scrolls, this.left, this.more);
    this._drawHead();
  }

  _columnPicker() {
    const boxes = this.columns.slice(1).map(column => {
      const box = element("input", {type: "checkbox", checked: this.chosen.has(column.key)});
      box.addEventListener("change", () => {
        if (box.checked) this.chosen.add(column.key);
        else this.chosen.delete(column.key);
        remember(`${this.id}.columns`, [...this.chosen]);
        this.trs.clear();
        this.body.replaceChildren();
        this._drawHead();
        this._draw();
      });
      return element("label", {}, box, column.title);
    });
    const list = element("fieldset", {}, element("legend", {class: "unseen"}, "Columns"), ...boxes);
    return element("details", {class: "picker"}, element("summary", {}, "Columns"), list);
  }

  _shownColumns() {
    return this.columns.filter(each => this.chosen.has(each.key));
  }

  _drawHead() {
    this.head.replaceChildren(...this._shownColumns().map(column => {
      const head = element("th", {scope: "col", class: cssOf(column), "data-key": column.key});
      const sign = element("span", {class: "direction", "aria-hidden": "true"});
      const unit = column.unit ? element("span", {class: "unit"}, ` ${column.unit}`) : null;
      head.append(button("", () => this._sortBy(column)));
      head.firstChild.append(column.title, unit ?? "", sign);
      return head;
    }));
    this._drawOrder();
  }

  _drawOrder() {
    for (const head of this.head.children) {
      const isSorted = this.order !== null && head.dataset.key === this.order.key;
      if (isSorted) head.setAttribute("aria-sort", this.order.isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      say(head.querySelector(".direction"), isSorted ? (this.order.isDown ? " ▼" : " ▲") : "");
    }
  }

  _sortBy(column) {
    const isAgain = this.order !== null && this.order.key === column.key;
    // Of numbers one looks for the greatest, of names for the first.
    this.order = {key: column.key, isDown: isAgain ? !this.order.isDown : !column.isText};
    remember(`${this.id}.order`, this.order);
    this._drawOrder();
    this._draw();
  }

  _wanted() {
    const sought = this.filter.value.trim().toLowerCase();
    const texts = this.columns.filter(each => each.isText);
    const found = sought
      ? this.rows.filter(row => texts.some(each => this._text(each, row).toLowerCase().includes(sought)))
      : [...this.rows];
    const column = this.order && this.columns.find(each => each.key === this.order.key);
    if (!column) return found;
    const way = this.order.isDown ? -1 : 1;
    return found.sort((one, other) => way * compared(this._value(column, one), this._value(column, other), way));
  }

  _value(column, row) {
    return column.value ? column.value(row) : row[column.key];
  }

  _text(column, row) {
    const value = this._value(column, row);
    return column.format ? column.format(value, row) : String(value ?? "–");
  }

  _draw() {
    const wanted = this._wanted();
    const shown = wanted.slice(0, this.most);
    const keys = new Set(shown.map(this.keyOf));
    for (const [key, tr] of this.trs) {
      if (keys.has(key)) continue;
      tr.remove();
      this.trs.delete(key);
    }
    let next = this.body.firstChild;
    for (const row of shown) {
      const tr = this._row(this.keyOf(row), row);
      if (tr === next) next = next.nextSibling;
      else this.body.insertBefore(tr, next);
    }
    this.foot.replaceChildren(...(this.total && this.rows.length ? [this._fill(element("tr"), this.total)] : []));
    this._drawRest(wanted.length);
  }

  _drawRest(wantedCount) {
    show(this.scrolls, this.rows.length > 0);
    show(this.tools, this.rows.length > 0);
    show(this.emptyPlace, this.rows.length === 0);
    show(this.filterPlace, this.rows.length >= FEWEST_TO_FILTER || this.filter.value !== "");
    const isCut = wantedCount > this.most;
    const isFiltered = wantedCount < this.rows.length;
    show(this.more, isCut);
    show(this.left, isCut || isFiltered);
    const of = isFiltered ? `${counted(wantedCount, this.what)} of ${this.rows.length}` : counted(wantedCount, this.what);
    say(this.left, isCut ? `The first ${this.most} of ${counted(wantedCount, this.what)}.` : isFiltered ? `${of}.` : "");
  }

  _row(key, row) {
    if (!this.trs.has(key)) this.trs.set(key, element("tr"));
    return this._fill(this.trs.get(key), row);
  }

  _fill(tr, row) {
    const columns = this._shownColumns();
    while (tr.children.length < columns.length) {
      const column = columns[tr.children.length];
      const isFirst = tr.children.length === 0;
      tr.append(element(isFirst ? "th" : "td", {scope: isFirst ? "row" : null, class: cssOf(column)}));
    }
    columns.forEach((column, number) => {
      if (column.draw) column.draw(tr.children[number], row);
      else say(tr.children[number], this._text(column, row));
    });
    return tr;
  }
}

// Of columns of text those of sentences may be broken into lines.
const cssOf = column => (column.isLong ? "text long" : column.isText ? "text" : null);

// What there is no number of comes last, whichever way.
function compared(one, other, way) {
  const [isOne, isOther] = [one, other].map(value => value !== null && value !== undefined);
  if (!isOne || !isOther) return way * (isOther - isOne);
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", {numeric: true});
}
