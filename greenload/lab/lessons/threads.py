"""Lesson: the exercise's question 5: green threads beside OS threads, asyncio's tasks and goroutines."""

from __future__ import annotations

from greenload.lab.findings import Claim, Findings, Table, number, spread_of
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.lessons import memory, spawn, switch
from greenload.lab.probe import bare


def measure(effort: Effort) -> Findings:
    """Measure the three costs anew, and put them beside what the exercise says."""
    switches = {
        kind: spread_of(bare(switch.time_switches, kind=kind, switches=effort.of(full), rounds=effort.rounds)).median
        for kind, (_, full) in switch.KINDS.items()
    }
    starts = {
        kind: spread_of(bare(spawn.time_starts, kind=kind, count=effort.of(full), rounds=effort.rounds)).median
        for kind, (_, full) in spawn.KINDS.items()
    }
    count = effort.of(memory.MANY)
    sizes = {kind: bare(memory.memory_of, kind=kind, count=count).get("resident_kb") for kind in memory.KINDS}
    thread_kb = sizes["OS thread"]
    green_kb = sizes["green thread"]
    headings = ["", "expected there", "green thread here", "OS thread here", "asyncio task here"]
    return Findings(
        tables=[
            Table("green threads and OS threads", headings, [
                ["a switch", "0.1-0.2 us, 1-3 us", f"{number(switches['greenlet to greenlet'])} us",
                 f"{number(switches['OS thread'])} us", f"{number(switches['asyncio task'])} us"],
                ["a switch, with the scheduler", "", f"{number(switches['gevent through its hub'])} us", "", ""],
                ["to start and end", "", *(f"{number(starts[kind])} us" for kind in ("green thread", "OS thread")),
                 f"{number(starts['asyncio task'])} us"],
                ["memory, waiting", "1-2 KB, 1-8 MB", f"{number(green_kb)} KB",
                 "–" if thread_kb is None else f"{number(thread_kb)} KB", f"{number(sizes['asyncio task'])} KB"],
            ]),
            Table("who does what", ["", "green thread", "goroutine", "OS thread"], [
                ["scheduled by", "gevent's hub", "Go's runtime", "the kernel"],
                ["changes", "where one waits", "where one waits, or after 10 ms", "anywhere"],
                ["cores used", "one a process", "all", "all; in CPython one at a time for Python code"],
                ["needs locks", "where something waits between a read and its write", "always", "always"],
            ]),
        ],
        claims=[
            Claim("A green thread is cheaper to switch to than an OS thread",
                  switches["greenlet to greenlet"] < switches["OS thread"],
                  f"{number(switches['OS thread'] / switches['greenlet to greenlet'])} times"),
            Claim("And cheaper to start", starts["green thread"] < starts["OS thread"],
                  f"{number(starts['OS thread'] / starts['green thread'])} times"),
            Claim("And a hundred times smaller", thread_kb is not None and thread_kb > 100 * green_kb,
                  "not measured" if thread_kb is None else f"{number(thread_kb / green_kb)} times", needs_quiet=False),
        ],
        notes=["Goroutines are not measured: no Go here. What is said of them is from Go's documentation."],
    )  # fmt: skip


LESSON = Lesson(
    name="question 5",
    question="green threads, goroutines, OS threads: what is the same, and why can one machine make the load?",
    code=[switch.greenlet_to_greenlet, spawn.green_threads, memory.green_threads],
    measure=measure,
    reading=(
        "A virtual user waits almost all of its time (see `trace`), so what counts is how many can wait at once, "
        "and that their code may be written as if each were alone. Goroutines do the same, on all cores; green "
        "threads keep to one, and a second core takes a second worker process. The price of both is that waiting "
        "must be known to the scheduler: Go's is told by its whole library, gevent's by patching (see `monkey` and "
        "`block`)."
    ),
    following=None,
)
