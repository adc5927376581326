"""The document that says all there is to say about a search, documented in docs/reference/find.md, and its words.

The console and --json both read it; so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from greenload.core.run_info import RunInfo
from greenload.core.search import FAILS, FOUND, GENERATOR, HIGHEST_HELD, HOLDS, LOWEST_FAILED, STOPPED, Search
from greenload.core.thresholds import FAILED, FAILURES, REQUESTS
from greenload.core.verdict import Verdict
from greenload.report.summary import Document
from greenload.report.thresholds import value_of

SCHEMA = "greenload.find/1"
RESULTS = {HOLDS: "holds", FAILS: "fails", GENERATOR: "the generator's limit", STOPPED: "stopped"}


@dataclass(frozen=True)
class Tried:
    """A rate, what came of it, and the summary of the run in which it was tried."""

    rate: float
    result: str
    verdict: Verdict
    summary: Document


def search_document(info: RunInfo, step_time_s: float, search: Search, tried: Sequence[Tried], ended: str) -> Document:
    """Return the document for a search as far as it got.

    info    what is known of each of its runs;  ended: how it ended, a search's outcome or what ended it before that
    """
    steps = [_step(each) for each in tried]
    return {
        "schema": SCHEMA,
        "search": {
            "started": info.started,
            "from_per_s": search.lowest,
            "to_per_s": search.highest,
            "step_time_s": step_time_s,
            "scenario": info.scenario,
            "scenario_sha256": info.scenario_sha256,
            "host": info.host,
            "seed": info.seed,
            "version": info.version,
        },
        "outcome": ended,
        "sentence": _sentence(search, steps, ended),
        "held_per_s": search.held,
        "failed_per_s": search.failed,
        "steps": steps,
    }


def per_s(rate: float) -> str:
    """Return a rate as somebody would type it."""
    return f"{rate:.10g}/s"


def step_line(tried: Tried) -> str:
    """Return all of a step that fits in a line."""
    said = result_in_short(_step(tried))
    if tried.result == HOLDS:
        said += f": {', '.join(_was(threshold) for threshold in tried.summary['thresholds'])}"
    return f"{per_s(tried.rate)}, delivered {tried.summary['arrivals']['delivered_per_s']:.1f}/s: {said}"


def result_in_short(step: Document) -> str:
    """Return what came of a step and the reasons, without the advice that follows them."""
    why = "; ".join(reason.partition(";")[0] for reason in step["why"])
    return RESULTS[step["result"]] + (f": {why}" if why else "")


def _step(tried: Tried) -> Document:
    return {
        "rate_per_s": tried.rate,
        "result": tried.result,
        "why": list(_why(tried)),
        "summary": tried.summary,
    }


def _why(tried: Tried) -> Iterator[str]:
    """Yield the reasons for which it does not hold, or for which nobody knows."""
    if tried.result == STOPPED:
        return
    if tried.result == GENERATOR:
        yield from tried.verdict.generator_reasons
        return
    for threshold in tried.summary["thresholds"]:
        if threshold["status"] == FAILED:
            yield _was(threshold)
    yield from tried.verdict.reasons


def _was(threshold: Document) -> str:
    """Return the value of a threshold, and of what: "GET /albums: p99 was 341 ms"."""
    of_what = str(threshold["text"]).rpartition(f" {threshold['comparison']} ")[0]
    return f"{of_what} {'were' if threshold['metric'] in (FAILURES, REQUESTS) else 'was'} {value_of(threshold)}"


def _sentence(search: Search, steps: list[Document], ended: str) -> str:
    """Return what was found, for somebody who reads nothing else."""
    failed = next((step for step in steps if step["rate_per_s"] == search.failed), None)
    last = steps[-1] if steps else None
    if ended == LOWEST_FAILED and failed is not None:
        return f"even the lowest rate failed: {per_s(search.lowest)} ({_short(failed)})"
    if ended == HIGHEST_HELD:
        return f"even the highest rate held: {per_s(search.highest)}"
    if ended == FOUND:
        return _highest(search, failed)
    if ended == GENERATOR and last is not None:
        limit = f"at {per_s(last['rate_per_s'])} the limit was the generator's, not the server's: {_short(last)}"
        return f"{_highest(search, failed)}; {limit}"
    return f"the search was not finished; {_highest(search, failed)}"


def _highest(search: Search, failed: Document | None) -> str:
    """Return the highest rate that held so far, and the lowest that did not."""
    if search.held is None:
        return "no rate is known to hold" + ("" if failed is None else f" ({_failed(failed)})")
    held = f"the highest rate that held: {per_s(search.held)}"
    return held if failed is None else f"{held} ({_failed(failed)})"


def _failed(step: Document) -> str:
    return f"the next one tried, {per_s(step['rate_per_s'])}, failed: {_short(step)}"


def _short(step: Document) -> str:
    return str(step["why"][0]).partition(";")[0]
