"""Lesson: what it costs to let somebody else go on."""

from __future__ import annotations

import asyncio
import threading
import time

import gevent
import greenlet

from greenload.lab.findings import Claim, Findings, Measure, Spread, Table, number, spread_of
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import bare

SWITCHES = 100_000
THREAD_SWITCHES = 10_000


def greenlet_to_greenlet(switches: int) -> None:
    """Two greenlets hand over to each other: no scheduler, only another stack."""

    def partner() -> None:
        while True:
            main.switch()

    main, other = greenlet.getcurrent(), greenlet.greenlet(partner)
    for _ in range(switches // 2):  # there and back
        other.switch()


def through_the_hub(switches: int) -> None:
    """Two green threads of gevent's yield: the hub decides who goes on."""

    def turns() -> None:
        for _ in range(switches // 2):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(turns), gevent.spawn(turns)])


def asyncio_tasks(switches: int) -> None:
    """Two asyncio tasks yield: the event loop decides who goes on."""

    async def turns() -> None:
        for _ in range(switches // 2):
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(turns(), turns())

    asyncio.run(both())


def os_threads(switches: int) -> None:
    """Two OS threads hand a lock to each other: the kernel decides, and the GIL is handed over, too."""
    mine, yours = threading.Lock(), threading.Lock()
    yours.acquire()

    def turns(wait: threading.Lock, wake: threading.Lock) -> None:
        for _ in range(switches // 2):
            wait.acquire()
            wake.release()

    threads = [threading.Thread(target=turns, args=pair) for pair in ((mine, yours), (yours, mine))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


KINDS = {
    "greenlet to greenlet": (greenlet_to_greenlet, SWITCHES),
    "gevent through its hub": (through_the_hub, SWITCHES),
    "asyncio task": (asyncio_tasks, SWITCHES),
    "OS thread": (os_threads, THREAD_SWITCHES),
}


def time_switches(kind: str, switches: int, rounds: int) -> list[float]:
    """Return the microseconds a switch took, in each round; one round to warm up does not count."""
    run, _ = KINDS[kind]
    taken_us = []
    for _ in range(rounds + 1):
        began_s = time.perf_counter()
        run(switches)
        taken_us.append(1e6 * (time.perf_counter() - began_s) / switches)
    return taken_us[1:]


def measure(effort: Effort) -> Findings:
    """Time each kind in a process of its own."""
    spreads = {
        kind: spread_of(bare(time_switches, kind=kind, switches=effort.of(full), rounds=effort.rounds))
        for kind, (_, full) in KINDS.items()
    }
    bare_us, hub_us, asyncio_us, thread_us = (spread.median for spread in spreads.values())
    return Findings(
        measures=[Measure(kind, "us a switch", spread) for kind, spread in spreads.items()],
        tables=[_beside_the_exercise(spreads)],
        claims=[
            Claim("A green thread switches in 100 to 200 ns", bare_us <= 0.2, f"{number(1000 * bare_us)} ns"),
            Claim("A switch through gevent's hub costs more than the bare one", hub_us > bare_us,
                  f"{number(hub_us / bare_us)} times as much: the hub's own work"),
            Claim("gevent and asyncio cost the same, within a factor of 2", 0.5 < hub_us / asyncio_us < 2,
                  f"{number(hub_us)} and {number(asyncio_us)} us"),
            Claim("An OS thread's switch costs more than a green one's", thread_us > hub_us,
                  f"{number(thread_us / hub_us)} times as much"),
        ],
    )  # fmt: skip


def _beside_the_exercise(spreads: dict[str, Spread]) -> Table:
    green, thread = spreads["greenlet to greenlet"], spreads["OS thread"]
    return Table(
        "beside the numbers that the exercise expects",
        ["", "expected there", "measured here"],
        [
            ["green thread", "100-200 ns", f"{number(1000 * green.median)} ns"],
            ["OS thread", "1-3 us", f"{number(thread.median)} us"],
            ["goroutine", "108 ns", "not measured: no Go here"],
        ],
    )


LESSON = Lesson(
    name="switch",
    question="what does it cost to let somebody else go on?",
    code=[greenlet_to_greenlet, through_the_hub, asyncio_tasks, os_threads],
    measure=measure,
    reading=(
        "A bare switch exchanges two stacks. What one really pays is the line below it: gevent's hub has to look "
        "who is next. An OS thread pays for the kernel, and in Python for the GIL, which has to be handed over. A "
        "request over a network takes a thousand times as long as any of these, so the switch is not why green "
        "threads are used; see `spawn` and `memory`."
    ),
    following="spawn",
)
