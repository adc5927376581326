// The live stream: each second of the run as it is counted, and each change of state. EventSource connects again by
// itself, and says what it has heard last; so nothing is missed by a connection that breaks.

import {byId, say, show} from "./dom.js";
import {timeOfDay} from "./format.js";

const AGAIN_MS = 3000;

export class Live {
  constructor(run) {
    this.run = run;
    this.lostAt = null;
    this.lastId = "";
  }

  begin() {
    const query = this.lastId ? `?${new URLSearchParams({last_event_id: this.lastId})}` : "";
    const source = new EventSource(`api/v1/live${query}`);
    source.addEventListener("open", () => this.isReached());
    source.addEventListener("error", () => this._isBroken(source));
    source.addEventListener("second", event => {
      this.lastId = event.lastEventId || this.lastId;
      this.run.second(JSON.parse(event.data));
    });
    source.addEventListener("state", event => {
      const told = JSON.parse(event.data);
      this.run.isIn(told.state, told.run);
    });
  }

  isReached() {
    this.lostAt = null;
    show(byId("connection"), false);
  }

  isMissed() {
    this.lostAt ??= new Date().toISOString();
    say(byId("connection"), `! No connection to the master since ${timeOfDay(this.lostAt)}, trying again.`);
    show(byId("connection"), true);
  }

  _isBroken(source) {
    this.isMissed();
    // It has given up, as it does when the answer was no stream: by a proxy between, or since too many look on.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => this.begin(), AGAIN_MS);
  }
}
