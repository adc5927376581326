"""Lesson: what it costs to start one more, and to see it end."""

from __future__ import annotations

import asyncio
import threading
import time

import gevent

from greenload.lab.findings import Claim, Findings, Measure, number, spread_of
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import bare

MANY = 10_000
THREADS = 1_000


def nothing() -> None:
    """What each of them has to do."""


def green_threads(count: int) -> None:
    """Start `count` green threads and wait until the last one has ended."""
    gevent.joinall([gevent.spawn(nothing) for _ in range(count)])


def asyncio_tasks(count: int) -> None:
    """The same with asyncio's tasks."""

    async def nothing_async() -> None:
        pass

    async def all_of_them() -> None:
        await asyncio.gather(*[asyncio.create_task(nothing_async()) for _ in range(count)])

    asyncio.run(all_of_them())


def os_threads(count: int) -> None:
    """The same with OS threads."""
    threads = [threading.Thread(target=nothing) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


KINDS = {
    "green thread": (green_threads, MANY),
    "asyncio task": (asyncio_tasks, MANY),
    "OS thread": (os_threads, THREADS),
}


def time_starts(kind: str, count: int, rounds: int) -> list[float]:
    """Return the microseconds for each that was started and ended, in each round; the first does not count."""
    run, _ = KINDS[kind]
    taken_us = []
    for _ in range(rounds + 1):
        began_s = time.perf_counter()
        run(count)
        taken_us.append(1e6 * (time.perf_counter() - began_s) / count)
    return taken_us[1:]


def measure(effort: Effort) -> Findings:
    """Time each kind in a process of its own."""
    spreads = {
        kind: spread_of(bare(time_starts, kind=kind, count=effort.of(full), rounds=effort.rounds))
        for kind, (_, full) in KINDS.items()
    }
    green_us, _, thread_us = (spread.median for spread in spreads.values())
    return Findings(
        measures=[Measure(kind, "us to start and end", spread) for kind, spread in spreads.items()],
        claims=[
            Claim("A green thread starts in less time than an OS thread", green_us < thread_us,
                  f"{number(thread_us / green_us)} times as fast"),
            Claim("A thousand virtual users are started in less than a tenth of a second", 1000 * green_us < 1e5,
                  f"{number(green_us)} ms for a thousand"),
        ],
        notes=["Goroutines are not measured: no Go here."],
    )  # fmt: skip


LESSON = Lesson(
    name="spawn",
    question="what does it cost to start one more?",
    code=[green_threads, asyncio_tasks, os_threads],
    measure=measure,
    reading=(
        "A green thread is a stack and an entry in a list; an OS thread is asked for from the kernel, which also "
        "has to take it back. These do nothing. One that has frames on its stack and waits for something costs more "
        "of everything: `memory` looks at that."
    ),
    following="memory",
)
