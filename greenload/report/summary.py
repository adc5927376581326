"""The summary: one document that says all there is to say about a run, documented in docs/reference/summary.md.

The console and --json both read this; so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenload.core.clocks import why_clocks_differ
from greenload.core.gate import Outcome
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.kinds import Occurrences
from greenload.core.offer import Offer
from greenload.core.pause import Pause, no_pause
from greenload.core.phases import PHASES, Phases
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.stall import Stall
from greenload.core.stats import Stats, Tally
from greenload.core.verdict import Judge, judge
from greenload.core.worker_record import WorkerRecord
from greenload.report.task_rows import planned_in, task_rows

SCHEMA = "greenload.summary/1"
MOST_NAMED = 10  # workers, of one exception
PERCENTS = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)

Document = dict[str, Any]


def summarize(
    run: RunInfo,
    results: Results,
    outcomes: Sequence[Outcome] = (),
    offer: Offer | None = None,
    pause: Pause = no_pause,
    judged: Judge = judge,
) -> Document:
    """Return the document for `results` as they stand now; every key of a time or a size says its unit.

    Requests and lag are those of the time after the warm-up; what went wrong in the scenario counts from the beginning.
    All numbers of requests are as of one moment, also where `pause` lets the run go on.

    judged: how the verdict is found; while the run goes on, by judge_so_far
    """
    total, measured = results.total, results.measured
    sums = _reconciliation(results)
    named = sorted(measured.tallies.items())
    rows = [_counts(tally, results.measured_s, *called) for called, tally in named]
    whole = _counts(results.measured_tally, results.measured_s)
    pause()
    verdict = judged(results, offer, outcomes)
    pause()
    why = why_clocks_differ(results, offer, pause)
    document = {
        "schema": SCHEMA,
        "run": _run(run, results),
        "verdict": {"status": verdict.status, "reasons": list(verdict.reasons)},
        "thresholds": [_threshold(outcome) for outcome in outcomes],
        "arrivals": None if offer is None else _arrivals(offer),
        "reconciliation": sums,
        "names": rows,
        "total": whole,
        "clocks": {"differ": why is not None, "why": why},
        "missed_slots": measured.missed_slots,
        "longest_stall": _stall(measured.longest_stall),
        "failures": _failures(measured, pause),
        "exceptions": [_exception(results, *each) for each in total.exceptions],
        "users_died": total.users_died,
        "tasks": task_rows(run.tasks, measured.tasks),
        "workers": [_worker(*worker) for worker in enumerate(results.workers.items())],
        "generator": _generator(results),
    }
    for row, tally in zip([*rows, whole], [*(tally for _, tally in named), results.measured_tally], strict=True):
        row.update(_times(tally))
        pause()
    return document


def excerpt(document: Document, measured: Stats, seconds: float) -> Document:
    """Return `document` with the requests of `measured`, which took `seconds`; all else stays that of the whole run."""
    return {
        **document,
        "names": [_tally(tally, seconds, *called) for called, tally in sorted(measured.tallies.items())],
        "total": _tally(measured.total(), seconds),
        # Why the clocks differ was looked for in the whole run.
        "clocks": {"differ": False, "why": None},
        "missed_slots": measured.missed_slots,
        "longest_stall": _stall(measured.longest_stall),
        "failures": _failures(measured),
        "tasks": task_rows(planned_in(document.get("tasks", ())), measured.tasks),
    }


def _run(run: RunInfo, results: Results) -> Document:
    return {
        "id": run.id,
        "started": run.started,
        "duration_s": round(results.elapsed_s, 3),
        "warmup_s": results.warmup_s,
        "model": run.model,
        "scenario": run.scenario,
        "scenario_sha256": run.scenario_sha256,
        "host": run.host,
        "workers": len(results.workers),
        "seed": run.seed,
        "version": run.version,
        "made_with": dict(run.made_with),
    }


def _failures(measured: Stats, pause: Pause = no_pause) -> list[Document]:
    found: list[Document] = []
    for (method, name), tally in sorted(measured.tallies.items()):
        found += (
            {"method": method, "name": name, "error": kind, **_occurrences(occurrences)}
            for kind, occurrences in tally.failures
        )
        pause()
    return found


def _threshold(outcome: Outcome) -> Document:
    threshold, judgement = outcome.threshold, outcome.judgement
    return {
        "text": str(threshold),
        "action": outcome.action,
        "name": threshold.name,
        "clock": threshold.clock,
        "metric": threshold.metric,
        "comparison": threshold.comparison,
        "limit": threshold.limit,
        "unit": threshold.unit,
        "value": judgement.value,
        "status": judgement.status,
        "reason": judgement.reason,
        "aborted_at_s": None if outcome.aborted_at_s is None else round(outcome.aborted_at_s, 3),
    }


def _arrivals(offer: Offer) -> Document:
    return {
        "planned": offer.planned,
        "started": offer.started,
        "dropped": offer.dropped,
        "missing": offer.missing,
        "queued": offer.queued,
        "offered_per_s": round(offer.offered_per_s, 3),
        "delivered_per_s": round(offer.delivered_per_s, 3),
        "dropped_percent": round(100 * offer.dropped_part, 3),
    }


def _reconciliation(results: Results) -> Document:
    sums = results.reconcile()
    return {
        "planned": sums.planned,
        "sent": sums.sent,
        "succeeded": sums.succeeded,
        "failed": sums.failed,
        "unfinished": sums.unfinished,
        "dropped": sums.dropped,
        "counted_by_workers": sums.counted_by_workers,
        "merged_by_master": sums.merged,
        "missing": [
            {"worker": gap.worker, "requests": gap.requests, "from_s": gap.from_s, "until_s": gap.until_s}
            for gap in sums.missing
        ],
        "ignored_messages": results.ignored,
    }


def _worker(index: int, worker: tuple[str, WorkerRecord]) -> Document:
    name, record = worker
    return {
        "id": name,
        "index": index,
        "state": "done" if record.lost_s is None else "lost",
        "users": record.most_users,
        "requests": record.requests,
        "cpu_percent": _cpu_percent(record.cpu_mean_percent, record.cpu_max_percent),
        "lag_p99_ms": None if record.lag is None else milliseconds(record.lag)["p99"],
    }


def milliseconds(histogram: Histogram) -> dict[str, float | None]:
    """Return min, mean, percentiles and max of a histogram in milliseconds, None what it holds too few values for."""
    keys = ["min", "mean", *(f"p{percent:g}" for percent in PERCENTS), "max"]
    if not histogram.count:
        return dict.fromkeys(keys)
    percentiles = [
        value_us if histogram.count >= fewest_for(percent) else None
        for percent, value_us in zip(PERCENTS, histogram.percentiles(list(PERCENTS)), strict=True)
    ]
    values_us = [histogram.min_us, histogram.mean_us(), *percentiles, histogram.max_us]
    return {key: None if us is None else round(us / 1000, 3) for key, us in zip(keys, values_us, strict=True)}


def _stall(stall: Stall | None) -> Document | None:
    return None if stall is None else {"length_s": round(stall.length_s, 3), "from_s": round(stall.from_s, 3)}


def _tally(tally: Tally, seconds: float, method: str = "", name: str = "Total") -> Document:
    return {**_counts(tally, seconds, method, name), **_times(tally)}


def _counts(tally: Tally, seconds: float, method: str = "", name: str = "Total") -> Document:
    return {
        "method": method,
        "name": name,
        "requests": tally.requests,
        "failures": tally.failed.service.count,
        "rps": round(tally.requests / seconds, 3) if seconds else 0.0,
        "unfinished": tally.unfinished.count,
        "unfinished_oldest_s": round(tally.unfinished.max_us / 1e6, 3) if tally.unfinished.count else None,
        "bytes": tally.received_bytes,
        "clamped": tally.succeeded.response.clamped + tally.failed.response.clamped,
    }


def _times(tally: Tally) -> Document:
    ended = tally.ended()
    service = milliseconds(ended.service)
    response = dict(service) if ended.are_alike else milliseconds(ended.response)
    times = {"service_ms": service, "response_ms": response}
    return times if tally.phases is None else {**times, "phases": _phases(tally.phases)}


def _phases(phases: Phases) -> Document:
    held = {phase: phases.histograms[phase] for phase in PHASES if phase in phases.histograms}
    return {f"{phase}_ms": {"count": histogram.count, **milliseconds(histogram)} for phase, histogram in held.items()}


def _occurrences(occurrences: Occurrences) -> Document:
    return {"count": occurrences.count, "first_s": occurrences.first_s, "last_s": occurrences.last_s}


def _exception(results: Results, text: str, occurrences: Occurrences) -> Document:
    lines, workers = text.splitlines(), results.exception_came_from(text)
    return {
        "where": lines[0].removeprefix("in "),
        "message": lines[-1],
        "traceback": "\n".join(lines[1:]),
        **_occurrences(occurrences),
        "workers": workers[:MOST_NAMED],
        "more_workers": len(workers[MOST_NAMED:]),
    }


def _generator(results: Results) -> Document:
    lag = milliseconds(results.measured.lag)
    records = results.workers.values()
    return {
        "lag_ms": {key: lag[key] for key in ("p50", "p99", "max")},
        "cpu_percent": _cpu_percent(
            max((record.cpu_mean_percent for record in records), default=0.0),
            max((record.cpu_max_percent for record in records), default=0.0),
        ),
    }


def _cpu_percent(mean: float, most: float) -> Document:
    return {"mean": round(mean, 1), "max": round(most, 1)}
