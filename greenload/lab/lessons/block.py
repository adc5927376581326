"""Lesson: one green thread that does not wait green holds up all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent

from greenload.lab.findings import Chart, Claim, Findings, Measure, number, spread_of
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import bare

TICK_S = 0.001
RUN_S = 0.6
BEGIN_S = 0.2
HOLD_S = 0.2


def tick(end_s: float) -> list[tuple[float, float]]:
    """Wake every millisecond, and note how late: (when, seconds late)."""
    late = []
    began_s = time.perf_counter()
    due_s = began_s
    while due_s < began_s + end_s:
        due_s = max(due_s + TICK_S, time.perf_counter())
        gevent.sleep(max(0.0, due_s - time.perf_counter()))
        late.append((due_s - began_s, time.perf_counter() - due_s))
    return late


def compute() -> None:
    """Work that never waits."""
    end_s = time.perf_counter() + HOLD_S
    while time.perf_counter() < end_s:
        sum(range(1_000))


def sleep_unpatched() -> None:
    """Wait, but in a way that gevent does not know: nothing was patched in this process."""
    time.sleep(HOLD_S)


def sleep_green() -> None:
    """Wait green."""
    gevent.sleep(HOLD_S)


def compute_in_slices() -> None:
    """The same work, with a switch point now and then."""
    end_s = time.perf_counter() + HOLD_S
    while time.perf_counter() < end_s:
        sum(range(1_000))
        gevent.sleep(0)


def nobody() -> None:
    """Nobody else is there."""


OTHERS: dict[str, Callable[[], None]] = {
    "nobody else": nobody,
    "waits green": sleep_green,
    "computes": compute,
    "sleeps unpatched": sleep_unpatched,
    "computes in slices": compute_in_slices,
}


def lateness_beside(other: str) -> list[tuple[float, float]]:
    """Tick beside another green thread, which begins after a while."""
    late: list[tuple[float, float]] = []
    ticking = gevent.spawn(lambda: late.extend(tick(RUN_S)))
    gevent.spawn_later(BEGIN_S, OTHERS[other])
    ticking.join()
    return late


def measure(effort: Effort) -> Findings:
    """Tick beside each of them, in a process of its own, several times."""
    ticks: dict[str, list[list[Any]]] = {
        other: [bare(lateness_beside, other=other) for _ in range(effort.rounds)] for other in OTHERS
    }
    worst = {
        other: spread_of(1000 * max(late for _, late in each) for each in rounds) for other, rounds in ticks.items()
    }
    held_ms = 1000 * HOLD_S

    def claim(text: str, other: str, is_held: bool) -> Claim:
        median = worst[other].median
        return Claim(text, (median > held_ms / 2) == is_held, f"at worst {number(median)} ms late")

    return Findings(
        measures=[Measure(f"another {other}" if other != "nobody else" else other, "ms late at worst", spread)
                  for other, spread in worst.items()],
        charts=[
            Chart("how late a tick each millisecond was", "s", "ms late",
                  {other: [(at_s, 1000 * late_s) for at_s, late_s in rounds[-1]] for other, rounds in ticks.items()})
        ],
        claims=[
            claim(f"One that computes for {held_ms:.0f} ms holds up everybody for as long", "computes", True),
            claim("One that sleeps unpatched does so, too", "sleeps unpatched", True),
            claim("One that waits green holds up nobody", "waits green", False),
            claim("One that computes in slices holds up nobody for long", "computes in slices", False),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="block",
    question="what does one green thread do to the others when it does not wait green?",
    code=[tick, compute, sleep_unpatched, compute_in_slices],
    measure=measure,
    reading=(
        "Green threads change only where one of them waits. Nobody takes the processor from one that computes, or "
        "that waits in the kernel behind gevent's back: everybody is late by as long as that takes. In a load "
        "generator the lateness lands in the measured times, which is why greenload measures its own lag and says "
        "so in each verdict."
    ),
    following="monkey",
)
