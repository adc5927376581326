"""Is the machine quiet enough to conclude anything from a time that was measured on it?

Two things are looked at, before a lesson and after it: how much of its time on the clock a loop of arithmetic got a
processor for, and how much of the processors others use while we do nothing. During a lesson we do a lot, so there it
is counted what all used, less what this process and its children did.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
LOOK_S = 0.3
LEAST_SHARE = 0.9
LEAST_IDLE = 0.7
# Shorter than this the kernel's ticks of 10 ms say too little.
LEAST_S = 1.0


@dataclass(frozen=True)
class Used:
    """Seconds of all processors since the machine started: how many there were, idle ones, and those used by us."""

    all_s: float
    idle_s: float
    ours_s: float


def disturbances() -> list[str]:
    """Return what disturbs measurements now, in sentences; nothing on a quiet machine. Takes about 0.6 s."""
    found = []
    share = share_of_a_processor()
    if share < LEAST_SHARE:
        found.append(f"a loop that only computes got a processor for {share:.0%} of its time")
    idle = idle_share()
    if idle is not None and idle < LEAST_IDLE:
        found.append(f"others use {1 - idle:.0%} of the processors")
    return found


def share_of_a_processor() -> float:
    """Return for which part of its time a computing loop was given a processor."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - began_s < LOOK_S:
        sum(range(1_000))
    return (time.process_time() - cpu_s) / (time.perf_counter() - began_s)


def idle_share() -> float | None:
    """Return which part of all processors' time is idle while this process sleeps; None where that cannot be known."""
    if not STAT.exists():
        return None
    before = _ticks()
    time.sleep(LOOK_S)
    spent = [after - earlier for after, earlier in zip(_ticks(), before, strict=True)]
    return (spent[3] + spent[4]) / sum(spent) if sum(spent) else None  # idle, and waiting for a disk


def used() -> Used | None:
    """Return what was used until now; None where that cannot be known. A child's part is known when it has ended."""
    if not STAT.exists():
        return None
    ticks, each_s = _ticks(), 1 / os.sysconf("SC_CLK_TCK")
    return Used(sum(ticks) * each_s, (ticks[3] + ticks[4]) * each_s, sum(os.times()[:4]))


def disturbances_between(before: Used | None, after: Used | None) -> list[str]:
    """Return what disturbed measurements from one moment to the other, in sentences."""
    if before is None or after is None:
        return []
    all_s = after.all_s - before.all_s
    others_s = all_s - (after.idle_s - before.idle_s) - (after.ours_s - before.ours_s)
    if all_s < LEAST_S or others_s <= (1 - LEAST_IDLE) * all_s:
        return []
    return [f"others used {others_s / all_s:.0%} of the processors"]


def _ticks() -> list[int]:
    return [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1:9]]
