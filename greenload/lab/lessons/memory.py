"""Lesson: how much memory one takes that waits, and how many fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from greenload.lab.findings import Claim, Findings, Measure, Spread, Table, number, spread_of
from greenload.lab.lesson import Effort, LabError, Lesson
from greenload.lab.lessons.crowd import GREEN, KINDS, LEAST_KB, OS, fill, green_threads, look, memory_in_a_process

MANY = 10_000
ROOM_MB = 256
REFUSED = "this machine refused so many, see below"


def measure(effort: Effort) -> Findings:
    """Measure each kind in fresh processes."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise LabError("the lesson memory needs Linux: it reads /proc/self/smaps_rollup")
    count = effort.of(MANY)
    found = {kind: [memory_in_a_process(kind, count) for _ in range(effort.rounds)] for kind in KINDS}
    refused = {kind: [each["refused"] for each in rounds if "refused" in each] for kind, rounds in found.items()}
    said = {kind: (rounds[0], len(rounds)) for kind, rounds in refused.items() if rounds}
    notes = [f"{kind}: {why} at {count:,}, in {n} of {effort.rounds} rounds" for kind, (why, n) in said.items()]
    # What could not be begun in one round is left out: the others would be of a machine with more room.
    found = {kind: rounds for kind, rounds in found.items() if not refused[kind]}
    resident, virtual, early = (
        {kind: spread_of(each[key] for each in rounds) for kind, rounds in found.items()}
        for key in ("resident_kb", "virtual_kb", "early_kb")
    )
    too_early = early.get(GREEN)
    kb_each = {kind: spread.median for kind, spread in resident.items()}
    room_mb = min(effort.of(ROOM_MB), available_mb() / 4)
    filled = {kind: fill(kind, kb, room_mb) for kind, kb in kb_each.items()}
    return Findings(
        measures=[
            *(Measure(f"{kind}, resident", "KB each", spread) for kind, spread in resident.items()),
            *([Measure(f"{GREEN}, looked at too early", "KB each", too_early)] if too_early else []),
            *(Measure(f"{kind}, address space", "KB each", spread) for kind, spread in virtual.items()),
        ],
        tables=[_how_many_fit(kb_each, filled, room_mb)] if filled else [],
        claims=[
            *_of_green_threads(resident.get(GREEN), too_early),
            _of_os_threads(resident.get(OS), virtual.get(OS)),
            _of_the_room(filled, room_mb),
        ],
        notes=[*notes, f"{count:,} of each at once, all begun and waiting. Goroutines are not measured: no Go here."],
    )


def _of_green_threads(resident: Spread | None, early: Spread | None) -> list[Claim]:
    size, hasty = (
        "A green thread takes 1 to 2 KB",
        "Who looks before they have begun is wrong by more than a factor of 3",
    )
    if resident is None or early is None:
        return [Claim(text, None, REFUSED, needs_quiet=False) for text in (size, hasty)]
    kb, early_kb = resident.median, early.median
    return [
        Claim(size, kb <= 2, f"{number(kb)} KB", needs_quiet=False),
        Claim(hasty, kb > 3 * early_kb, f"{number(early_kb)} KB then, {number(kb)} KB when they wait",
              needs_quiet=False),
    ]  # fmt: skip


def _of_os_threads(resident: Spread | None, virtual: Spread | None) -> Claim:
    size = "An OS thread takes 1 to 8 MB"
    if resident is None or virtual is None:
        return Claim(size, None, REFUSED, needs_quiet=False)
    promised = f"{number(virtual.median / 1024)} MB are promised, and cost nothing until used"
    evidence = f"{number(resident.median)} KB are there; {promised}"
    return Claim(size, resident.median > 1000, evidence, needs_quiet=False)


def _how_many_fit(kb_each: dict[str, float], filled: dict[str, dict[str, Any]], room_mb: float) -> Table:
    """What was tried, and what memory allows; other limits (`ulimit -u`, the kernel's threads-max) come on top."""
    free_mb = available_mb()
    most = Path("/proc/sys/kernel/threads-max")
    limit = {OS: f"; the kernel allows {int(most.read_text()):,}"} if most.exists() else {}
    rows = [
        [
            kind,
            f"{each['count']:,}",
            f"refused: {each['refused']}" if "refused" in each else f"{number(each['mb'])} MB",
            f"{1024 * free_mb / max(kb_each[kind], LEAST_KB):,.0f}{limit.get(kind, '')}",
        ]
        for kind, each in filled.items()
    ]
    headings = ["", "begun", "took", f"would fit into the {number(free_mb)} MB free"]
    return Table(f"how many fit into {number(room_mb)} MB", headings, rows)


def _of_the_room(filled: dict[str, dict[str, Any]], room_mb: float) -> Claim:
    text = f"As many as should fit into {number(room_mb)} MB do, within a tenth"
    if not filled or any("refused" in each for each in filled.values()):
        return Claim(text, None, REFUSED, needs_quiet=False)
    evidence = ", ".join(f"{each['count']:,} {kind}s in {number(each['mb'])} MB" for kind, each in filled.items())
    return Claim(text, all(each["mb"] <= 1.1 * room_mb for each in filled.values()), evidence, needs_quiet=False)


def available_mb() -> float:
    """Return how much memory this machine could give a new process now."""
    available = re.search(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert available is not None  # by what the kernel documents
    return int(available[1]) / 1024


LESSON = Lesson(
    name="memory",
    question="how much memory does one take that waits, and how many fit?",
    code=[green_threads, look],
    measure=measure,
    reading=(
        "A green thread keeps its C stack and its Python frames while it waits. Asyncio's task keeps only its "
        "frames and is smaller, as long as few functions are between it and its wait. An OS thread is promised "
        "megabytes and uses little of them. So green threads do not win by bytes; they win because ordinary "
        "blocking code runs in them unchanged. And: a measurement that does not wait until all have begun measures "
        "nothing."
    ),
    following="block",
)
