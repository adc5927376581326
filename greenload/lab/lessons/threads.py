"""Lesson: the exercise's question 5: green threads beside OS threads, asyncio's tasks and goroutines."""

from __future__ import annotations

from greenload.lab.findings import (
    Claim,
    Findings,
    Measure,
    Spread,
    Table,
    judged,
    median_of,
    number,
    spread_of,
    spread_of_known,
)
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.lessons import crowd, memory, spawn, switch
from greenload.lab.probe import bare


def measure(effort: Effort) -> Findings:
    """Measure the three costs anew, and put them beside what the exercise says."""
    switch_us = {
        kind: spread_of(bare(switch.time_switches, kind=kind, switches=effort.of(full), rounds=effort.rounds))
        for kind, (_, full) in switch.KINDS.items()
    }
    start_us = {
        kind: spread_of(bare(spawn.time_starts, kind=kind, count=effort.of(full), rounds=effort.rounds))
        for kind, (_, full) in spawn.KINDS.items()
    }
    count = effort.of(memory.MANY)
    kb = {
        kind: spread_of_known(
            crowd.memory_in_a_process(kind, count).get("resident_kb") for _ in range(effort.load_rounds)
        )
        for kind in crowd.KINDS
    }
    return findings_of(switch_us, start_us, kb)


def findings_of(switch_us: dict[str, Spread], start_us: dict[str, Spread], kb: dict[str, Spread | None]) -> Findings:
    """Return what the three costs say: of a switch, of a start, of one that waits."""
    switches = {kind: spread.median for kind, spread in switch_us.items()}
    starts = {kind: spread.median for kind, spread in start_us.items()}
    sizes = {kind: median_of(spread) for kind, spread in kb.items()}
    bare_us, hub_us, thread_us = (
        switches[kind] for kind in ("greenlet to greenlet", "gevent through its hub", "OS thread")
    )
    headings = ["", "expected there", "green thread here", "OS thread here", "asyncio task here"]
    return Findings(
        measures=[
            *(Measure(f"a switch: {kind}", "us", spread) for kind, spread in switch_us.items()),
            *(Measure(f"to start and end: {kind}", "us", spread) for kind, spread in start_us.items()),
            *(Measure(f"waiting: {kind}", "KB", spread) for kind, spread in kb.items() if spread),
        ],
        tables=[
            Table("green threads and OS threads", headings, [
                ["a switch", "0.1-0.2 us, 1-3 us", f"{number(switches['greenlet to greenlet'])} us",
                 f"{number(switches['OS thread'])} us", f"{number(switches['asyncio task'])} us"],
                ["a switch, with the scheduler", "", f"{number(switches['gevent through its hub'])} us", "", ""],
                ["to start and end", "", *(f"{number(starts[kind])} us" for kind in ("green thread", "OS thread")),
                 f"{number(starts['asyncio task'])} us"],
                ["memory, waiting", "1-2 KB, 1-8 MB", *(_kb(sizes[kind])
                 for kind in ("green thread", "OS thread", "asyncio task"))],
            ]),
            Table("who does what", ["", "green thread", "goroutine", "OS thread"], [
                ["scheduled by", "gevent's hub", "Go's runtime", "the kernel"],
                ["changes", "where one waits", "where one waits, or after 10 ms", "anywhere"],
                ["cores used", "one a process", "all", "all; in CPython one at a time for Python code"],
                ["needs locks", "where something waits between a read and its write", "always", "always"],
            ]),
        ],
        claims=[
            Claim("A green thread is cheaper to switch to than an OS thread", hub_us < thread_us,
                  f"{number(thread_us / hub_us)} times through gevent's hub, which is what a user pays, and "
                  f"{number(thread_us / bare_us)} times from one bare greenlet to another"),
            Claim("And cheaper to start", starts["green thread"] < starts["OS thread"],
                  f"{number(starts['OS thread'] / starts['green thread'])} times"),
            Claim("And a hundred times smaller",
                  judged(lambda thread, green: thread > 100 * green, sizes["OS thread"], sizes["green thread"]),
                  f"{_kb(sizes['OS thread'])} and {_kb(sizes['green thread'])}", needs_quiet=False),
        ],
        notes=["Goroutines are not measured: no Go here. What is said of them is from Go's documentation."],
    )  # fmt: skip


def _kb(size: float | None) -> str:
    return "–" if size is None else f"{number(size)} KB"


LESSON = Lesson(
    name="question 5",
    question="green threads, goroutines, OS threads: what is the same, and why can one machine make the load?",
    code=[switch.greenlet_to_greenlet, spawn.green_threads, crowd.green_threads],
    measure=measure,
    reading=(
        "A virtual user waits almost all of its time (see `trace`), so what counts is how many can wait at once, "
        "and that their code may be written as if each were alone. Goroutines do the same, on all cores; green "
        "threads keep to one, and a second core takes a second worker process. The price of both is that waiting "
        "must be known to the scheduler: Go's is told by its whole library, gevent's by patching (see `monkey` and "
        "`block`)."
    ),
    following="locust",
)
