"""The roster: who is here, when; and so, with the load's shape, who runs which users at any time.

Master and workers keep the same roster and draw the same conclusion from it, so placement is never negotiated: a worker
works out its own users, at their own instants, from a few changes that everybody hears of. A change that comes late is
put where it belongs and everything is worked out anew, with the same result as if it had come in time.

Knows nothing of clocks or messages: time comes in as seconds since the run began.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from greenload.core.placement import Placement, Share
from greenload.core.shape import Shape, Step

JOIN = "join"
LOSE = "lose"


class Change(NamedTuple):
    """From `at_s` on, `worker` is here (JOIN) or is not (LOSE)."""

    at_s: float
    kind: str
    worker: str


class Roster:
    """The workers of a run over time, and their users."""

    def __init__(self, shares: Sequence[Share], shape: Shape) -> None:
        self._shares = shares
        self._shape = shape
        self._changes: list[Change] = []
        self._placement: Placement
        self._here: set[str]
        self._steps: Iterator[Step]
        self._step: Step | None
        self._heard: int  # changes that have been applied
        self._worked_out_s: float
        self._rewind()

    @property
    def changes(self) -> Sequence[Change]:
        """All changes so far, in the order of their time: another roster that hears them comes to the same result."""
        return self._changes

    def hear(self, change: Change) -> None:
        """Take in a change, in whatever order changes come; one that is known already changes nothing."""
        if change in self._changes:
            return
        insort(self._changes, change)
        if change.at_s < self._worked_out_s:
            self._rewind()

    def users_of(self, worker: str, at_s: float) -> dict[str, int]:
        """Return how many users of each class live on `worker` at `at_s`; none when it is not here then."""
        if at_s < self._worked_out_s:
            self._rewind()
        self._work_out(at_s)
        if worker not in self._here:
            return {share.name: 0 for share in self._shares}
        return self._placement.on(worker)

    def next_s(self) -> float | None:
        """Return when something changes next after the time last asked for, or None when nothing will."""
        times = [self._step.at_s] if self._step is not None else []
        times += [change.at_s for change in self._changes[self._heard : self._heard + 1]]
        return min(times, default=None)

    def _work_out(self, until_s: float) -> None:
        """Apply all changes and steps up to `until_s`, in the order of their time; of one time, changes first."""
        while (at_s := self.next_s()) is not None and at_s <= until_s:
            change = self._changes[self._heard] if self._heard < len(self._changes) else None
            if change is not None and change.at_s == at_s:
                self._heard += 1
                self._apply(change)
            elif self._step is not None:
                self._placement.resize(self._step.users)
                self._step = next(self._steps, None)
        self._worked_out_s = until_s

    def _apply(self, change: Change) -> None:
        if change.kind == JOIN and change.worker not in self._here:
            self._here.add(change.worker)
            self._placement.join(change.worker)
        elif change.kind == LOSE and change.worker in self._here:
            self._here.remove(change.worker)
            self._placement.lose(change.worker)

    def _rewind(self) -> None:
        self._placement = Placement(self._shares)
        self._here = set()
        self._steps = self._shape.steps()
        self._step = next(self._steps, None)
        self._heard = 0
        self._worked_out_s = float("-inf")
