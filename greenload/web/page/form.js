// The form with which a run is asked for. What is typed is sent as it stands, in the command line's own grammar; whether
// it will do is said by the server, beside the field.

import {button, element, show} from "./dom.js";
import {clearErrors, field, lines, tellErrors} from "./fields.js";
import {recall, remember} from "./memory.js";

const MODELS = [
  ["users", "Users", "So many virtual users, one iteration after the other each (closed model)."],
  ["rate", "Arrival rate", "So many iterations begin a second, whoever is still busy (open model)."],
  ["scenario", "As the scenario says", "Its load shape or stages, if it has any."],
];
const LISTS = ["fail_if", "abort_if"];
const TEXTS = {
  users: ["users", "spawn_rate", "stages"],
  rate: ["rate", "rate_stages", "arrivals", "max_users", "max_lag"],
  scenario: [],
};
const ALWAYS = ["host", "run_time", "warmup", "note"];

export class StartForm {
  // offered: what GET form says;  start: called with what was filled in
  constructor(offered, start) {
    this.offered = offered;
    this.start = start;
    this.memory = `form.${offered.scenario}`;
    this.trouble = element("p", {class: "error", role: "alert", tabindex: "-1", hidden: true});
    this.form = element("form", {class: "start", novalidate: true}, ...this._parts());
    this.fill(this._lastValues());
    this.form.addEventListener("input", () => this._remember());
    this.form.addEventListener("submit", event => {
      event.preventDefault();
      this._submit();
    });
  }

  _parts() {
    const {classes, options, thresholds} = this.offered;
    const start = element("button", {type: "submit", class: "strong"}, "Start");
    return [
      group("What", field("host", "Host", {hint: "Base URL, for example http://127.0.0.1:8080.", inputmode: "url"}),
        classes.length ? this._classes(classes) : null),
      this._load(),
      group("How long",
        field("run_time", "Run time", {hint: "For example 30s, 2m or 1h20m; empty: until somebody stops it."}),
        field("warmup", "Warm-up", {hint: "How much of the start does not count, for example 10s."})),
      options.length ? group("Options of the scenario", ...options.map(optionField)) : null,
      group("Thresholds",
        field("fail_if", "Fail if", {input: lines(), hint: "One a line, for example p99 > 300ms."}),
        field("abort_if", "Abort if", {input: lines(), hint: "One a line; looked at each second."}),
        thresholds.length ? element("p", {class: "hint"}, `The scenario's own: ${thresholds.map(String).join("; ")}`) : null),
      group("To find it again",
        field("tags", "Tags", {input: lines(), hint: "KEY=VALUE, one a line."}), field("note", "Note")),
      element("div", {class: "acts"}, start, button("Back to what was", () => this._forget(), {
        title: "Fill in what the last run, or the command line, said",
      }), this.trouble),
    ];
  }

  _load() {
    const choices = MODELS.map(([value, label, hint]) => {
      const choice = element("input", {type: "radio", name: "model", value, id: `model-${value}`});
      choice.addEventListener("change", () => this._showModel());
      return element("label", {class: "choice"}, choice, element("span", {}, label, element("small", {}, hint)));
    });
    const arrivals = element("select", {}, ...["uniform", "poisson"].map(each => element("option", {}, each)));
    const parts = {
      users: [
        field("users", "Users", {inputmode: "numeric"}),
        field("spawn_rate", "Spawn rate", {unit: "users/s", inputmode: "decimal"}),
        field("stages", "Stages", {hint: "Instead of the two, for example 50@30s,50@2m,0@10s."}),
      ],
      rate: [
        field("rate", "Arrival rate", {hint: "For example 200/s or 12000/m."}),
        field("rate_stages", "Stages", {hint: "Instead, for example 100/s@30s,400/s@2m,0/s@10s."}),
        field("arrivals", "Spacing", {input: arrivals}),
        field("max_users", "Most users", {inputmode: "numeric", hint: "How many there may be."}),
        field("max_lag", "Most lag", {hint: "An arrival that waits longer is dropped, for example 5s."}),
      ],
    };
    this.models = {};
    for (const [name, fields] of Object.entries(parts)) {
      this.models[name] = element("div", {class: "fields", hidden: true}, ...fields);
    }
    return group("Load", element("div", {class: "choices", role: "radiogroup", "aria-label": "Model"}, ...choices),
      this.models.users, this.models.rate);
  }

  _classes(classes) {
    const boxes = classes.map(each => {
      const much = each.fixed_count ? `exactly ${each.fixed_count}` : `weight ${each.weight}`;
      const box = element("input", {type: "checkbox", name: "class", value: each.name});
      return element("label", {class: "choice"}, box, element("span", {}, each.name, element("small", {}, much)));
    });
    return element(
      "fieldset", {class: "field wide", id: "classes", name: "classes", tabindex: "-1", "aria-describedby": "classes-error"},
      element("legend", {}, "User classes"), element("div", {class: "choices"}, ...boxes),
      element("p", {class: "error", id: "classes-error", hidden: true}),
    );
  }

  _showModel() {
    for (const [name, place] of Object.entries(this.models)) show(place, name === this._model());
  }

  _model() {
    return this.form.querySelector("[name=model]:checked")?.value ?? "users";
  }

  // Put `values` into the fields, as `values` below returns them.
  fill(values) {
    const {elements} = this.form;
    for (const name of [...ALWAYS, ...TEXTS.users, ...TEXTS.rate]) {
      if (name !== "arrivals" || values[name]) elements[name].value = values[name] ?? "";
    }
    for (const name of LISTS) elements[name].value = (values[name] ?? []).join("\n");
    elements.tags.value = Object.entries(values.tags ?? {}).map(([key, value]) => `${key}=${value}`).join("\n");
    const model = values.model ?? (values.rate || values.rate_stages ? "rate" : "users");
    byIdIn(this.form, `model-${model}`).checked = true;
    for (const box of this.form.querySelectorAll("[name=class]")) {
      box.checked = !values.classes?.length || values.classes.includes(box.value);
    }
    for (const option of this.offered.options) {
      const filled = elements[`options.${option.name}`];
      const value = values.options?.[option.name] ?? option.default;
      if (filled.type === "checkbox") filled.checked = Boolean(value);
      else filled.value = value ?? "";
    }
    this._showModel();
  }

  // What is filled in, as the API wants it; null where nothing is.
  values() {
    const {elements} = this.form;
    const model = this._model();
    const values = {model};
    for (const name of [...ALWAYS, ...TEXTS[model]]) values[name] = typed(elements[name].value);
    for (const name of LISTS) values[name] = linesOf(elements[name].value);
    values.tags = Object.fromEntries(linesOf(elements.tags.value).map(pairOf));
    const boxes = [...this.form.querySelectorAll("[name=class]")];
    values.classes = boxes.filter(box => box.checked).map(box => box.value);
    values.options = Object.fromEntries(this.offered.options.map(option => {
      const filled = elements[`options.${option.name}`];
      return [option.name, filled.type === "checkbox" ? filled.checked : optionValue(option, filled.value)];
    }));
    return values;
  }

  async _submit() {
    clearErrors(this.form, this.trouble);
    try {
      await this.start(this.values());
    } catch (error) {
      const fields = error.fields ?? {};
      tellErrors(this.form, fields, this.trouble, Object.keys(fields).length ? "" : error.message);
    }
  }

  // A draft of this browser's holds as long as the server would fill in what it did when the draft was begun: a new
  // command line, or a run that somebody else has started, is news.
  _lastValues() {
    const draft = recall(this.memory);
    const isOfNow = draft !== null && JSON.stringify(draft.from) === JSON.stringify(this.offered.values);
    return isOfNow ? {...this.offered.values, ...draft.values} : this.offered.values;
  }

  _remember() {
    remember(this.memory, {from: this.offered.values, values: this.values()});
  }

  _forget() {
    clearErrors(this.form, this.trouble);
    remember(this.memory, null);
    this.fill(this.offered.values);
  }
}

const byIdIn = (form, id) => form.querySelector(`#${id}`);
const linesOf = text => text.split("\n").map(each => each.trim()).filter(each => each !== "");

function pairOf(line) {
  const place = line.indexOf("=");
  return place < 0 ? [line, ""] : [line.slice(0, place).trim(), line.slice(place + 1).trim()];
}

// What somebody typed: null when nothing, a number when it is one.
export function typed(text) {
  const said = text.trim();
  if (said === "") return null;
  return /^\d+(\.\d+)?$/.test(said) ? Number(said) : said;
}

const optionValue = (option, text) => (typeof option.default === "string" ? text : typed(text));

function optionField(option) {
  const isYesOrNo = option.type === "bool" || typeof option.default === "boolean";
  const input = isYesOrNo ? element("input", {type: "checkbox"}) : null;
  const made = field(`options.${option.name}`, option.name, {id: `option-${option.name}`, input});
  if (isYesOrNo) made.classList.add("check");
  return made;
}

function group(title, ...parts) {
  return element("fieldset", {class: "group"}, element("legend", {}, title), element("div", {class: "fields"},
    ...parts.filter(each => each !== null)));
}
