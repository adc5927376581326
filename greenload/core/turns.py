"""Turns: which arrivals of the open model are one worker's, and of which class the user is that takes them.

Everybody works it out from the plan and the roster, so nobody asks anybody, and each arrival is one worker's. A change
of the roster counts a moment after it was made: by then all have heard of it, and nobody has decided yet.

Knows nothing of clocks, users or messages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

from greenload.core.arrivals import Arrivals
from greenload.core.placement import Share
from greenload.core.roster import Entry, RateEdit, Roster

SETTLE_S = 1.0


class Turn(NamedTuple):
    """An iteration of a user of class `class_name`, to begin at `due_s`."""

    due_s: float
    class_name: str


def as_edited(arrivals: Arrivals, entries: Iterable[Entry]) -> Arrivals:
    """Return `arrivals` with what `entries` of the roster change of their rate."""
    rate = arrivals.rate
    for entry in entries:
        if isinstance(entry, RateEdit):
            rate = rate.until(entry.at_s + SETTLE_S, entry.per_s)
    return replace(arrivals, rate=rate)


class Turns:
    """The turns of `worker`, from `from_s` on.

    names  the classes that have any: those with a weight
    """

    def __init__(
        self, arrivals: Arrivals, shares: Sequence[Share], seed: int, roster: Roster, worker: str, from_s: float
    ) -> None:
        self._planned = self._arrivals = arrivals
        self._known = 0  # entries of the roster
        self._seed = seed
        self._roster = roster
        self._worker = worker
        self._decided_s = from_s
        drawn = [share for share in shares if share.weight]
        self.names = [share.name for share in drawn]
        weights = list(accumulate(Fraction(share.weight) for share in drawn))  # in floats a sum may be infinite
        self._ends = [float(weight / weights[-1]) for weight in weights]  # of the part of each class, in 0 to 1

    def until(self, until_s: float) -> list[Turn]:
        """Return the turns that come due before `until_s` and were not returned before."""
        if until_s <= self._decided_s:
            return []
        if len(self._roster.entries) != self._known:
            self._known = len(self._roster.entries)
            self._arrivals = as_edited(self._planned, self._roster.entries)
        turns = []
        for due_s, class_draw, worker_draw in self._arrivals.between(self._decided_s, until_s, self._seed):
            here = self._here(due_s)
            if here and here[int(worker_draw * len(here))] == self._worker:
                turns.append(Turn(due_s, self.names[bisect_right(self._ends, class_draw)]))
        self._decided_s = until_s
        return turns

    def users_allowed(self, at_s: float) -> int:
        """Return how many users this worker may have at `at_s`: its part of all, and one for each class at least."""
        here = self._here(at_s)
        least = len(self.names)
        if self._worker not in here:
            return least
        each, more = divmod(self._arrivals.max_users, len(here))
        return max(least, each + (here.index(self._worker) < more))

    def _here(self, at_s: float) -> list[str]:
        # Who begins a run is there from its first moment on.
        return self._roster.here_at(max(0.0, at_s - SETTLE_S))
