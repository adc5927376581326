"""What a run did lately: its last second, its last ten, and whether its numbers may be believed so far."""

from __future__ import annotations

import time
from typing import Any

from greenload.core.curves import SHORTEST_LAST_S
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.offer import offer_of
from greenload.core.pause import Pause, no_pause
from greenload.core.results import Results
from greenload.core.slots import Slot
from greenload.core.stats import Tally
from greenload.web.breath import Breath
from greenload.web.control import READY, Shown
from greenload.web.prepared import FRESH_TIMES, MOST_FRESH_S

NOW_S = 10

Facts = dict[str, Any]


def last_of(results: Results, pause: Pause = no_pause) -> Facts:
    """Return what happened in the last NOW_S seconds, by response time."""
    slots = results.last(NOW_S)
    response, requests, failures = Histogram(), 0, 0
    for slot in slots:
        requests += slot.total.requests
        failures += slot.total.failed.service.count
        response.add(slot.total.succeeded.response)
        response.add(slot.total.failed.response)
        pause()
    seconds = min(NOW_S, results.elapsed_s)
    return {
        "seconds": round(seconds, 3),
        "rps": round(requests / seconds, 3) if seconds else 0.0,
        "failures_per_s": round(failures / seconds, 3) if seconds else 0.0,
        **_times(response, {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}),
        "users": results.users,
    }


def second_of(slot: Slot | None, elapsed_s: float) -> Facts:
    """Return what happened in one second; of one that nobody reported, nothing."""
    slot = slot or Slot(0, 0)
    width_s = min(slot.first_s + slot.width_s, elapsed_s) - slot.first_s
    is_rate = width_s >= SHORTEST_LAST_S
    stats, ended = slot.stats, slot.total.ended()
    rates = {
        "rps": slot.total.requests,
        "failures_per_s": slot.total.failed.service.count,
        "iterations_per_s": stats.iterations,
        "dropped_per_s": stats.dropped,
    }
    return {
        "users": slot.users if slot.users_on else None,
        "in_flight": slot.in_flight if slot.users_on else None,
        **{name: round(count / width_s, 3) if is_rate else None for name, count in rates.items()},
        **_times(ended.response, {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "max_ms": 100.0}),
        **_times(ended.service, {"service_p99_ms": 99.0}),
        **_times(stats.lag, {"lag_p99_ms": 99.0}),
    }


def _times(histogram: Histogram, percents: dict[str, float]) -> Facts:
    """Return percentiles in ms, None of too few values to have one; of 100: the maximum, of any number."""
    if not histogram.count:
        return dict.fromkeys(percents)
    values_us = histogram.percentiles(list(percents.values()))
    return {
        key: round(us / 1000, 3) if percent == 100 or histogram.count >= fewest_for(percent) else None
        for (key, percent), us in zip(percents.items(), values_us, strict=True)
    }


def remaining_s_of(shown: Shown, state: str) -> float | None:
    """Return how long the run will go on; None when nobody knows, or none does."""
    if state == READY or shown.plan.duration_s is None:
        return None
    return round(max(0.0, shown.plan.duration_s - shown.elapsed_s), 3)


def wanted_of(shown: Shown) -> Facts:
    """Return how many users, or which rate, the plan wants now."""
    plan = shown.plan
    if plan.arrivals is None:
        return {"users": round(plan.shape.level_at(shown.elapsed_s)), "rate": None}
    return {"users": None, "rate": f"{plan.arrivals.rate.level_at(shown.elapsed_s):g}/s"}


class Verdicts:
    """The verdict so far, judged anew as often as that takes no more than a small part of all time."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._of: tuple[str, str] | None = None
        self._verdict: Facts = {}

    def of(self, shown: Shown, state: str, breath: Breath) -> Facts:
        if self._of != (shown.info.id, state) or time.monotonic() >= self._until_s:
            results, before_s = shown.results, breath.worked_s
            outcomes = shown.gate.judge(results, shown.breach, breath)
            offer = offer_of(shown.plan, results)
            breath()
            verdict = shown.judge(results, offer, outcomes)
            breath()
            self._verdict = {"status": verdict.status, "reasons": list(verdict.reasons)}
            self._of = (shown.info.id, state)
            fresh_s = min(FRESH_TIMES * (breath.worked_s - before_s), MOST_FRESH_S)
            self._until_s = time.monotonic() + fresh_s
        return self._verdict


def tally_of(slot: Slot, called: tuple[str, str] | None) -> Tally | None:
    """Return what happened in `slot` to the requests of one name, or to all."""
    return slot.total if called is None else slot.stats.tallies.get(called)
