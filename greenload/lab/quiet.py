"""Is the machine quiet enough to conclude anything from a time that was measured on it?

Two things are looked at, before a lesson and after it: how much of its time on the clock a loop of arithmetic got a
processor for, and how much of the processors others use while we do nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

STAT = Path("/proc/stat")
LOOK_S = 0.3
LEAST_SHARE = 0.9
LEAST_IDLE = 0.7


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


def _ticks() -> list[int]:
    return [int(each) for each in STAT.read_text().split("\n", 1)[0].split()[1:9]]
