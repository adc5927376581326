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
    if (kept && (document.hidden || performance.now() - kept.askedAt < SHORTEST_MS)) return kept.answer;
    const asked = {askedAt: performance.now(), answer: get(path)};
    this.kept.set(path, asked);
    // What went wrong is no document: it is asked for again.
    asked.answer.catch(() => this.kept.delete(path));
    return asked.answer;
  }

  // Forget all: a run has begun or ended, or somebody has changed it.
  forget() {
    this.kept.clear();
  }
}
