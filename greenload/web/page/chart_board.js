// Charts side by side: drawn when they come into view, and with one time axis between all that have one.

import {DARK, LIGHT, drawChart} from "./charts.js";
import {button, element, say, show} from "./dom.js";

const NO_PLOTLY = "The charts need plotly.js, which is not installed beside greenload: pip install 'greenload[report]'."
  + " All else works without.";

let loading = null;

// plotly.js is large: it is loaded by whoever first wants to see a chart.
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", {src: "plotly.js"});
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error(NO_PLOTLY)));
    document.head.append(script);
  });
  return loading;
}

const hasTime = chart => chart.kind !== "spectrum";

export class ChartBoard {
  // id: stands before the ids of its charts, so that two boards can be in one page
  constructor(id) {
    this.id = id;
    this.figures = new Map();
    this.zoom = null; // seconds from and until, null: all
    this.draws = 0;
    this.trouble = element("p", {class: "banner", role: "status", hidden: true});
    this.grid = element("div", {class: "charts"});
    this.grey = element("p", {class: "note", hidden: true});
    this.place = element("div", {}, this._zoomBar(), this.trouble, this.grey, this.grid);
    this.seeing = new IntersectionObserver(entries => this._seen(entries), {rootMargin: "200px"});
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this._drawAll());
  }

  // Show `charts`, as charts.py makes them;  revision: other data keep what was zoomed, another run does not.
  async show(charts, revision) {
    if (revision !== this.revision) this._setZoom(null);
    this.revision = revision;
    const shown = new Set(charts.map(chart => chart.id));
    for (const [id, figure] of this.figures) if (!shown.has(id)) this._remove(id, figure);
    charts.forEach((chart, number) => this._put(chart, number));
    show(this.bar, charts.some(hasTime));
    const warmup_s = charts.find(chart => chart.warmup_s)?.warmup_s;
    say(this.grey, `Grey: the first ${warmup_s} s, which do not count.`);
    show(this.grey, warmup_s !== undefined);
    await this._drawAll();
  }

  // Lines of the chart `id` by their names, to be added to; an empty Map where there is no such chart.
  lines(id) {
    return new Map((this.figures.get(id)?.chart.lines ?? []).map(line => [line.name, line]));
  }

  // Draw the chart anew whose lines have been added to.
  isChanged(id) {
    const figure = this.figures.get(id);
    if (figure) this._draw(figure);
  }

  _put(chart, number) {
    if (!this.figures.has(chart.id)) this.figures.set(chart.id, this._figure(chart));
    const figure = this.figures.get(chart.id);
    figure.chart = chart;
    say(figure.title, chart.title);
    say(figure.note, chart.note ?? "");
    show(figure.note, Boolean(chart.note));
    figure.drawing.setAttribute("aria-label", chart.title);
    const next = this.grid.children[number] ?? null;
    if (next !== figure.place) this.grid.insertBefore(figure.place, next);
  }

  _figure(chart) {
    const title = element("figcaption");
    const drawing = element("div", {class: "chart", id: `${this.id}-${chart.id}`, role: "img"});
    const note = element("p", {class: "note"});
    const place = element("figure", {}, title, drawing, note);
    this.seeing.observe(place);
    return {place, title, drawing, note, chart, isSeen: false, isStale: true};
  }

  _remove(id, figure) {
    this.seeing.unobserve(figure.place);
    if (window.Plotly) Plotly.purge(figure.drawing);
    figure.place.remove();
    this.figures.delete(id);
  }

  _seen(entries) {
    for (const entry of entries) {
      const figure = [...this.figures.values()].find(each => each.place === entry.target);
      if (!figure) continue;
      figure.isSeen = entry.isIntersecting;
      if (figure.isSeen && figure.isStale) this._draw(figure);
    }
  }

  async _drawAll() {
    try {
      await plotly();
    } catch (error) {
      say(this.trouble, error.message);
      show(this.trouble, true);
      show(this.grid, false);
      return;
    }
    for (const figure of this.figures.values()) this._draw(figure);
  }

  _draw(figure) {
    figure.isStale = !figure.isSeen || !window.Plotly;
    if (figure.isStale) return;
    // The x axis has one master, which is this board; all else that somebody has moved stays so for the whole run.
    const range = this.zoom ? {range: [...this.zoom], autorange: false} : {autorange: true};
    const xaxis = hasTime(figure.chart) ? {...range, uirevision: ++this.draws} : {};
    const isTouched = matchMedia("(pointer: coarse)").matches;
    const look = {xaxis, uirevision: this.revision, dragmode: isTouched ? false : "zoom"};
    drawChart(figure.drawing, figure.chart, this.dark.matches ? DARK : LIGHT, look, {responsive: true});
    figure.drawing.dataset.drawn = "yes";
    if (figure.isHeard) return;
    figure.isHeard = true;
    figure.drawing.on("plotly_relayout", change => hasTime(figure.chart) && this._isMoved(change));
  }

  _isMoved(change) {
    const [from, until] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (from !== undefined && until !== undefined) this.zoomTo([from, until]);
    else if (change["xaxis.autorange"]) this.zoomTo(null);
  }

  // Show the seconds `zoom` of all charts over time, or all of them.
  zoomTo(zoom) {
    if (JSON.stringify(zoom) === JSON.stringify(this.zoom)) return;
    this._setZoom(zoom);
    for (const figure of this.figures.values()) if (hasTime(figure.chart)) this._draw(figure);
  }

  _setZoom(zoom) {
    this.zoom = zoom;
    this.from.value = zoom ? Math.round(zoom[0]) : "";
    this.until.value = zoom ? Math.round(zoom[1]) : "";
    this.whole.disabled = zoom === null;
  }

  // What a mouse does by dragging, for who has none.
  _zoomBar() {
    const number = {type: "number", min: "0", step: "1", placeholder: "all"};
    this.from = element("input", {...number, id: `${this.id}-from`});
    this.until = element("input", {...number, id: `${this.id}-until`});
    this.whole = button("Whole run", () => this.zoomTo(null), {disabled: true});
    this.bar = element(
      "form", {class: "zoom", "aria-label": "Seconds shown"},
      element("label", {for: this.from.id}, "Seconds from"), this.from, element("label", {for: this.until.id}, "to"), this.until,
      element("button", {type: "submit"}, "Zoom"), this.whole,
    );
    this.bar.addEventListener("submit", event => {
      event.preventDefault();
      const [from, until] = [this.from.valueAsNumber || 0, this.until.valueAsNumber];
      if (until > from) this.zoomTo([from, until]);
    });
    return this.bar;
  }
}
