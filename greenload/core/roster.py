"""The roster: who is here and how many users there shall be, when; and so, who runs which users at any time.

Master and workers keep the same roster and draw the same conclusion from it, so placement is never negotiated: a worker
works out its own users, at their own instants, from the load's shape and a few changes that everybody hears of. A
change that comes late is put where it belongs and everything is worked out anew, with the same result as if it had come
in time.

Knows nothing of clocks or messages: time comes in as seconds since the run began.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from greenload.core.placement import Placement, Share
from greenload.core.shape import MOST_USERS, Shape, ShapeError, Stage, Step, check_spawn_rate, steps_to

JOIN = "join"
LOSE = "lose"
EDIT = "edit"
RATE = "rate"


class Change(NamedTuple):
    """From `at_s` on, `worker` is here (JOIN) or is not (LOSE)."""

    at_s: float
    kind: str
    worker: str


class Edit(NamedTuple):
    """From `at_s` on, go to `users` users at `spawn_rate` users/s and stay there, whatever the shape says.

    kind is EDIT: it keeps this apart from a Change of the same instant, in the same order everywhere.
    """

    at_s: float
    kind: str
    users: int
    spawn_rate: float


class RateEdit(NamedTuple):
    """`per_s` arrivals a second, whatever the plan says; known at `at_s`, and in force a moment later (see Turns)."""

    at_s: float
    kind: str
    per_s: float


Entry = Change | Edit | RateEdit


def edit_to(users: int, spawn_rate: float, at_s: float) -> Edit:
    """Return the Edit of `at_s`.  Raises ShapeError for users or a spawn rate that cannot be meant."""
    if not 0 <= users <= MOST_USERS:
        raise ShapeError(f"there can be 0 to {MOST_USERS} users, not {users}")
    check_spawn_rate(spawn_rate)
    return Edit(at_s, EDIT, users, spawn_rate)


def rate_edit_to(per_s: float, at_s: float) -> RateEdit:
    """Return the RateEdit of `at_s`.  Raises ShapeError for a rate that cannot be meant."""
    Stage(per_s, 0.0)
    return RateEdit(at_s, RATE, per_s)


class Roster:
    """The workers of a run over time, and their users."""

    def __init__(self, shares: Sequence[Share], shape: Shape) -> None:
        self._shares = shares
        self._shape = shape
        self._entries: list[Entry] = []
        self._placement: Placement
        self._here: set[str]
        self._steps: Iterator[Step]
        self._step: Step | None
        self._users: int
        self._heard: int  # entries that have been applied
        self._worked_out_s: float
        self._here_at: list[str] = []  # after the first `_here_count` entries
        self._here_count = 0
        self._rewind()

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries so far, in the order of their time: another roster that hears them comes to the same result."""
        return self._entries

    @property
    def workers(self) -> list[str]:
        """Everybody who has ever been here, in the order of coming; those that came together, by name."""
        return list(dict.fromkeys(entry.worker for entry in self._entries if isinstance(entry, Change)))

    def here_at(self, at_s: float) -> list[str]:
        """Return who is here at `at_s`, in the order of coming."""
        count = bisect_right(self._entries, at_s, key=lambda entry: entry.at_s)
        if count != self._here_count:
            here: dict[str, None] = {}
            for entry in self._entries[:count]:
                if isinstance(entry, Change) and entry.kind == JOIN:
                    here[entry.worker] = None
                elif isinstance(entry, Change):
                    here.pop(entry.worker, None)
            self._here_at, self._here_count = list(here), count
        return self._here_at

    def hear(self, entry: Entry) -> None:
        """Take in an entry, in whatever order they come; one that is known already changes nothing."""
        if entry in self._entries:
            return
        insort(self._entries, entry)
        self._here_count = -1
        # Also when it is of just that instant: there it may go before one that was applied.
        if entry.at_s <= self._worked_out_s:
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
        times += [entry.at_s for entry in self._entries[self._heard : self._heard + 1]]
        return min(times, default=None)

    def _work_out(self, until_s: float) -> None:
        """Apply all entries and steps up to `until_s`, in the order of their time; of one time, entries first."""
        while (at_s := self.next_s()) is not None and at_s <= until_s:
            entry = self._entries[self._heard] if self._heard < len(self._entries) else None
            if entry is not None and entry.at_s == at_s:
                self._heard += 1
                self._apply(entry)
            elif self._step is not None:
                self._users = self._step.users
                self._placement.resize(self._users)
                self._step = next(self._steps, None)
        self._worked_out_s = until_s

    def _apply(self, entry: Entry) -> None:
        if isinstance(entry, Edit):
            self._steps = steps_to(entry.users, self._users, entry.spawn_rate, entry.at_s)
            self._step = next(self._steps, None)
        elif isinstance(entry, RateEdit):
            return  # arrivals are nobody's users
        elif entry.kind == JOIN and entry.worker not in self._here:
            self._here.add(entry.worker)
            self._placement.join(entry.worker)
        elif entry.kind == LOSE and entry.worker in self._here:
            self._here.remove(entry.worker)
            self._placement.lose(entry.worker)

    def _rewind(self) -> None:
        self._placement = Placement(self._shares)
        self._here = set()
        self._steps = self._shape.steps()
        self._step = next(self._steps, None)
        self._users = 0
        self._heard = 0
        self._worked_out_s = float("-inf")
