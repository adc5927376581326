"""Wait times: how long a user waits between two iterations.

A wait time is a function of the user (or TaskSet) that returns seconds; assigned to `wait_time` in a class body it is
a method like any other. There are two sorts. *Think time* counts from the end of an iteration. *Pacing* counts from
its intended start; its functions carry the distance as `pace_s`, so that the schedule is kept by adding, not by
measuring again each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WaitTime = Callable[[Any], float]


def constant(wait_s: float) -> WaitTime:
    """Think for `wait_s` seconds."""
    return _think_time(lambda user: wait_s)


def between(min_s: float, max_s: float) -> WaitTime:
    """Think for a time drawn evenly from `min_s` to `max_s` seconds, from the user's own random numbers."""
    if not 0 <= min_s <= max_s:
        raise ValueError(f"between({min_s}, {max_s}): expected 0 <= min_s <= max_s")
    return _think_time(lambda user: float(user.random.uniform(min_s, max_s)))


def constant_pacing(pace_s: float) -> WaitTime:
    """Start an iteration every `pace_s` seconds.

    An iteration that takes longer makes the next ones late, and late they stay in the record: the next start is
    counted from the intended one, not from now, or a stalled server would hide its own stall
    (docs/explanation/coordinated-omission.md).
    """
    if pace_s <= 0:
        raise ValueError(f"constant_pacing({pace_s}): expected more than 0 seconds")

    def wait_time(user: Any) -> float:
        return float(max(0.0, user.turn_s + pace_s - user.environment.now()))

    wait_time.pace_s = pace_s  # type: ignore[attr-defined]
    return wait_time


def constant_throughput(iterations_per_s: float) -> WaitTime:
    """Start `iterations_per_s` iterations a second: constant_pacing by its inverse."""
    if iterations_per_s <= 0:
        raise ValueError(f"constant_throughput({iterations_per_s}): expected more than 0 iterations/s")
    return constant_pacing(1 / iterations_per_s)


def _think_time(wait_time: WaitTime) -> WaitTime:
    """Return `wait_time` marked as no pacing: to look for what a method does not have takes 0.3 us each time."""
    wait_time.pace_s = None  # type: ignore[attr-defined]
    return wait_time
