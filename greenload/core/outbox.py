"""The outbox: a worker's reports, each kept until the master has acknowledged it.

A report that was sent keeps its number and what is in it, for it may have been counted already. At most
MOST_ON_THE_WAY are sent and not acknowledged; what comes meanwhile is added together, which loses nothing, and sent as
one when there is room. Knows nothing of sockets; time comes in as seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from greenload.core.messages import Report
from greenload.core.stats import sum_of

MOST_ON_THE_WAY = 10
SEND_AGAIN_S = 2.0
LONGEST_SEND_AGAIN_S = 16.0  # to a master that says nothing at all: one that has too much to do must not get more


class Outbox:
    """Reports on their way."""

    def __init__(self) -> None:
        self._on_the_way: deque[Report] = deque()
        self._waiting: Report | None = None
        self._last_seq = 0
        self._sent_to_seq = 0
        # A new report does not begin this wait anew: there is one each second, and a lost one would wait for them all.
        self._unanswered_since_s = 0.0
        self._patience_s = SEND_AGAIN_S

    @property
    def is_empty(self) -> bool:
        return self.unacknowledged == 0

    @property
    def unacknowledged(self) -> int:
        """How many reports there are; those that are added together are one."""
        return len(self._on_the_way) + (self._waiting is not None)

    def put(self, report: Report) -> None:
        """Take in a report; its number is given here, when it is first sent."""
        self._waiting = report if self._waiting is None else _added(self._waiting, report)

    def due(self, now_s: float) -> list[Report]:
        """Return what is to be sent now: what never was, and all of it when it has been without an answer for long."""
        if not self._on_the_way:
            self._unanswered_since_s = now_s
        if self._waiting is not None and len(self._on_the_way) < MOST_ON_THE_WAY:
            self._last_seq += 1
            waiting = len(self._on_the_way)
            self._on_the_way.append(replace(self._waiting, seq=self._last_seq, unacknowledged=waiting))
            self._waiting = None
        if now_s - self._unanswered_since_s >= self._patience_s:
            self._sent_to_seq, self._unanswered_since_s = 0, now_s
            self._patience_s = min(2 * self._patience_s, LONGEST_SEND_AGAIN_S)
        due = [report for report in self._on_the_way if report.seq > self._sent_to_seq]
        self._sent_to_seq = self._last_seq
        return due

    def acknowledge(self, seq: int, now_s: float) -> None:
        """Let go of all reports up to `seq`."""
        self._patience_s = SEND_AGAIN_S
        while self._on_the_way and self._on_the_way[0].seq <= seq:
            self._on_the_way.popleft()
            self._unanswered_since_s = now_s


def _added(early: Report, late: Report) -> Report:
    """Return one report of two seconds: the counts of both, the state at the end."""
    busy_s = early.cpu_percent * early.covered_s + late.cpu_percent * late.covered_s
    covered_s = late.until_s - early.from_s
    cpu_percent = busy_s / covered_s if covered_s else late.cpu_percent
    step_s = early.clock_step_s + late.clock_step_s
    stats = sum_of([early.stats, late.stats])
    return replace(late, from_s=early.from_s, stats=stats, cpu_percent=cpu_percent, clock_step_s=step_s)
