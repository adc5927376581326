// Fields of forms: a label, a hint, and a place for what is wrong with it, which a screen reader reads with the field.

import {byId, element, say, show} from "./dom.js";

// A field named `name`;  input: what is filled in, by default one line of text;  id: where two forms have that name.
export function field(name, label, {hint = "", unit = "", input = null, id = name, inputmode = null, list = null} = {}) {
  const filled = input ?? element("input", {type: "text", autocomplete: "off", spellcheck: "false", inputmode, list});
  filled.id = id;
  filled.name = name;
  filled.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-error` : `${id}-error`);
  return element(
    "div", {class: "field", "data-field": name},
    element("label", {for: id}, label, unit ? element("span", {class: "unit"}, ` ${unit}`) : ""),
    filled,
    hint ? element("p", {class: "hint", id: `${id}-hint`}, hint) : "",
    element("p", {class: "error", id: `${id}-error`, hidden: true}),
  );
}

export function lines(rows = 2) {
  return element("textarea", {rows, spellcheck: "false", autocomplete: "off"});
}

// Say beside each field of `form` what is wrong with it, and go to the first;  fields: sentences by the field's name.
// What belongs to no field is said at `place`.
export function tellErrors(form, fields, place, otherwise = "") {
  clearErrors(form, place);
  const found = [];
  const left = otherwise ? [otherwise] : [];
  for (const [name, sentence] of Object.entries(fields)) {
    const filled = fieldNamed(form, name);
    if (filled === null) {
      left.push(`${name}: ${sentence}`);
      continue;
    }
    filled.setAttribute("aria-invalid", "true");
    const error = byId(`${filled.id}-error`);
    say(error, `! ${sentence}`);
    show(error, true);
    found.push(filled);
  }
  say(place, left.join(" "));
  show(place, left.length > 0);
  found.sort((one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  (found.find(each => each.offsetParent !== null) ?? place).focus();
}

export function clearErrors(form, place) {
  show(place, false);
  for (const filled of form.querySelectorAll("[aria-invalid]")) {
    filled.removeAttribute("aria-invalid");
    show(byId(`${filled.id}-error`), false);
  }
}

// "options.albums", and "albums" alone, are the option's field; "classes" is the group.
function fieldNamed(form, name) {
  const last = name.split(".").pop();
  for (const each of [name, `options.${last}`, last]) {
    const found = [...form.querySelectorAll("[name]")].find(one => one.name === each || one.getAttribute("name") === each);
    if (found) return found;
  }
  return null;
}
