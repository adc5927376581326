// What the page knows of the run that is shown: one place for all its parts.

import {apiPath, post} from "./api.js";
import {Documents} from "./documents.js";

const CALM = "ready";

export class Run {
  constructor() {
    this.documents = new Documents();
    this.state = null; // "ready", "waiting", "running", "stopping"; null until the server has said so
    this.id = null;
    this.now = {}; // what the last second of the live stream, or the last summary, said: whichever came later
    this.summary = null;
    this._onState = [];
    this._onSecond = [];
  }

  isGoingOn() {
    return this.state !== null && this.state !== CALM;
  }

  onState(act) {
    this._onState.push(act);
  }

  onSecond(act) {
    this._onSecond.push(act);
  }

  // The summary as it stands now.
  async look() {
    const summary = await this.documents.read(apiPath("summary"));
    if (summary === this.summary) return summary;
    this.summary = summary;
    const {elapsed_s, remaining_s, last, model, wanted, broken} = summary;
    const verdict = summary.document?.verdict ?? null;
    this.now = {...this.now, elapsed_s, remaining_s, last, model, wanted, broken, verdict};
    this.isIn(summary.state, summary.run);
    return summary;
  }

  read(path, query = {}) {
    return this.documents.read(apiPath(path, query));
  }

  form() {
    return this.documents.read(apiPath("form"));
  }

  second(told) {
    this.now = {...this.now, ...told};
    this.isIn(told.state, told.run);
    for (const act of this._onSecond) act(told);
  }

  isIn(state, id) {
    if (state === this.state && id === this.id) return;
    this.state = state;
    this.id = id;
    this.documents.forget();
    for (const act of this._onState) act();
  }

  // Ask the server to do something; the documents of before are then of no use.  Raises Refusal, NoAnswer.
  async ask(what, body = {}) {
    const answer = await post(apiPath(what), body);
    this.documents.forget();
    await this.look();
    return answer;
  }
}
