// HTML elements, piece by piece. Whatever comes from a server or a scenario is text in them, and nothing else.

// An element;  attributes: by name, those that are false or null left out;  content: elements, or what becomes text.
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...content.filter(each => each !== null && each !== undefined));
  return made;
}

export function button(words, act, attributes = {}) {
  const made = element("button", {type: "button", ...attributes}, words);
  made.addEventListener("click", act);
  return made;
}

export const byId = id => document.getElementById(id);

// Nothing is touched that says already what it is to say: a screen reader would read it out again, a selection would go.
export function say(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

export function show(place, isShown) {
  if (place.hidden === isShown) place.hidden = !isShown;
}

// Put `content` into `place`, unless what it is made of is the same as last time;  made: returns the content.
export function renew(place, from, made) {
  const key = JSON.stringify(from);
  if (place.renewedFrom === key) return;
  place.renewedFrom = key;
  place.replaceChildren(...made());
}

// Terms and what is said of them, without what there is not.
export function facts(pairs) {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {class: "facts"}, ...told.flatMap(([term, value]) => [
    element("dt", {}, term), element("dd", {}, value),
  ]));
}

export const emptiness = words => element("p", {class: "empty"}, words);
