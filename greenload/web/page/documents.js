// The server's documents, each asked for once a second at most, and not at all while nobody looks.

import {get} from "./api.js";

const SHORTEST_MS = 1000;

export class Documents {
  constructor() {
    this.kept = new Map();
  }

  // The document at `path`, not much older than a second. Raises what api.js raises.
  async read(path) {
    const kept = this.kept.get(path);
    // A server that takes long is not asked again before it has answered.
    const isFresh = kept && (kept.isAwaited || performance.now() - kept.askedAt < SHORTEST_MS);
    if (kept && (isFresh || document.hidden)) return kept.answer;
    const asked = {askedAt: performance.now(), answer: get(path), isAwaited: true};
    this.kept.set(path, asked);
    asked.answer.then(() => {
      asked.isAwaited = false;
    }, () => {
      // What went wrong is no document: it is asked for again.
      if (this.kept.get(path) === asked) this.kept.delete(path);
    });
    return asked.answer;
  }

  // Forget all: a run has begun or ended, or somebody has changed it.
  forget() {
    this.kept.clear();
  }
}
