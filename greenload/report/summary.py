"""The summary: one document that says all there is to say about a run, documented in docs/reference/summary.md.

The console and --json both read this; so they cannot disagree.
"""

from __future__ import annotations

from typing import Any

from greenload.core.histogram import Histogram
from greenload.core.results import Results, WorkerRecord
from greenload.core.run_info import RunInfo
from greenload.core.stats import Occurrences, Tally
from greenload.core.verdict import judge

SCHEMA = "greenload.summary/1"
PERCENTS = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)

Document = dict[str, Any]


def summarize(run: RunInfo, results: Results) -> Document:
    """Return the document for `results` as they stand now; every key of a time or a size says its unit."""
    total = results.total
    verdict = judge(results)
    names = sorted(total.tallies.items())
    return {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "started": run.started,
            "duration_s": round(results.elapsed_s, 3),
            "model": run.model,
            "scenario": run.scenario,
            "scenario_sha256": run.scenario_sha256,
            "host": run.host,
            "workers": len(results.workers),
            "seed": run.seed,
            "version": run.version,
        },
        "verdict": {"status": verdict.status, "reasons": list(verdict.reasons)},
        "thresholds": [],
        "reconciliation": _reconciliation(results),
        "names": [_tally(tally, results.elapsed_s, method, name) for (method, name), tally in names],
        "total": _tally(results.total_tally, results.elapsed_s),
        "failures": [
            {"method": method, "name": name, "error": kind, **_occurrences(occurrences)}
            for (method, name), tally in names
            for kind, occurrences in tally.failures
        ],
        "exceptions": [{**_exception(text), **_occurrences(occurrences)} for text, occurrences in total.exceptions],
        "users_died": total.users_died,
        "workers": [_worker(*worker) for worker in enumerate(results.workers.items())],
        "generator": _generator(results),
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
    }


def _worker(index: int, worker: tuple[str, WorkerRecord]) -> Document:
    name, record = worker
    return {
        "id": name,
        "index": index,
        "state": "done" if record.lost_s is None else "lost",
        "users": record.most_users,
        "requests": record.requests,
    }


def milliseconds(histogram: Histogram) -> dict[str, float | None]:
    """Return min, mean, percentiles and max of a histogram in milliseconds, all None when it is empty."""
    keys = ["min", "mean", *(f"p{percent:g}" for percent in PERCENTS), "max"]
    if not histogram.count:
        return dict.fromkeys(keys)
    percentiles = histogram.percentiles(list(PERCENTS))
    values_us = [histogram.min_us, histogram.mean_us(), *percentiles, histogram.max_us]
    return {key: round(value_us / 1000, 3) for key, value_us in zip(keys, values_us, strict=True)}


def _tally(tally: Tally, elapsed_s: float, method: str = "", name: str = "Total") -> Document:
    ended = tally.ended()
    return {
        "method": method,
        "name": name,
        "requests": tally.requests,
        "failures": tally.failed.service.count,
        "rps": round(tally.requests / elapsed_s, 3) if elapsed_s else 0.0,
        "unfinished": tally.unfinished.count,
        "unfinished_oldest_s": round(tally.unfinished.max_us / 1e6, 3) if tally.unfinished.count else None,
        "bytes": tally.received_bytes,
        "clamped": ended.response.clamped,
        "service_ms": milliseconds(ended.service),
        "response_ms": milliseconds(ended.response),
    }


def _occurrences(occurrences: Occurrences) -> Document:
    return {"count": occurrences.count, "first_s": occurrences.first_s, "last_s": occurrences.last_s}


def _exception(text: str) -> Document:
    lines = text.splitlines()
    return {"where": lines[0].removeprefix("in "), "message": lines[-1], "traceback": "\n".join(lines[1:])}


def _generator(results: Results) -> Document:
    lag = milliseconds(results.total.lag)
    records = results.workers.values()
    return {
        "lag_ms": {key: lag[key] for key in ("p50", "p99", "max")},
        "cpu_percent": {
            "mean": round(max((record.cpu_mean_percent for record in records), default=0.0), 1),
            "max": round(max((record.cpu_max_percent for record in records), default=0.0), 1),
        },
    }
