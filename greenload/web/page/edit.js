// Edit: other users, or another rate, for the run that goes on.

import {button, byId, element, show} from "./dom.js";
import {field, tellErrors} from "./fields.js";
import {typed} from "./form.js";

export class EditDialog {
  constructor(run) {
    this.run = run;
    this.dialog = byId("edit-dialog");
  }

  open() {
    const {model, wanted} = this.run.now;
    const trouble = element("p", {class: "error", role: "alert", tabindex: "-1", hidden: true});
    const fields = model === "rate"
      ? [field("rate", "Arrival rate", {id: "edit-rate", hint: "For example 200/s or 12000/m."})]
      : [
        field("users", "Users", {id: "edit-users", inputmode: "numeric"}),
        field("spawn_rate", "Spawn rate", {id: "edit-spawn_rate", unit: "users/s", inputmode: "decimal"}),
      ];
    const form = element(
      "form", {novalidate: true}, element("h2", {id: "edit-title"}, "Edit the run"), ...fields, trouble,
      element(
        "div", {class: "acts"}, element("button", {type: "submit", class: "strong"}, "Apply"),
        button("Cancel", () => this.dialog.close()),
      ),
    );
    if (model === "rate") form.elements.rate.value = wanted?.rate ?? "";
    else form.elements.users.value = wanted?.users ?? "";
    form.addEventListener("submit", event => {
      event.preventDefault();
      this._apply(form, trouble);
    });
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
    form.querySelector("input").select();
  }

  async _apply(form, trouble) {
    const asked = [...form.querySelectorAll("input")].map(each => [each.name, typed(each.value)]);
    try {
      await this.run.ask("edit", Object.fromEntries(asked.filter(([, value]) => value !== null)));
      this.dialog.close();
    } catch (error) {
      const fields = error.fields ?? {};
      tellErrors(form, fields, trouble, Object.keys(fields).length ? "" : error.message);
      show(trouble, trouble.textContent !== "");
    }
  }
}
