"""What workers logged, as the master has heard it: the last lines, in bounded memory, safe to show.

A line may be missing: each is sent once, and a worker that says more than it may is cut short.
Time comes in as seconds.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from greenload.core.codec import printable
from greenload.core.messages import Log

MOST_LINES = 500
# A worker sends its lines once a second, and its last ones at its end; those of one shall not push out all others.
EVERY_S = 0.5
AHEAD_S = 1.0  # of that pace, which a worker may be for a moment


class WorkerLine(NamedTuple):
    """A line of the log of `source`, a worker; at: ISO 8601, in UTC, by that worker's clock."""

    at: str
    source: str
    level: str
    text: str


class LogBook:
    """The last lines of all workers of a run, in `lines`, the oldest first."""

    def __init__(self) -> None:
        self.lines: deque[WorkerLine] = deque(maxlen=MOST_LINES)
        self._due_s: dict[str, float] = {}  # worker -> when its next lines are due at that pace

    def hear(self, log: Log, now_s: float) -> None:
        """Take in what a worker of the run says it has logged."""
        due_s = self._due_s.get(log.worker, -math.inf)
        if not log.lines or now_s < due_s - AHEAD_S:
            return
        self._due_s[log.worker] = max(due_s, now_s) + EVERY_S
        self.lines += (WorkerLine(each.at, log.worker, each.level, printable(each.text)) for each in log.lines)
        if log.dropped:
            left_out = f"{log.dropped} more line(s) of this worker were left out"
            self.lines.append(WorkerLine(log.lines[-1].at, log.worker, "warning", left_out))
