"""The roster as the master writes it: entry after entry, each told to everybody.

An entry keeps its number, so that a worker can say how many it knows. Knows nothing of who has heard what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from greenload.core.messages import Changes, Plan, Start
from greenload.core.roster import Edit, Entry
from greenload.core.turns import as_edited

# A change is meant for a moment that is still to come when the news of it arrives: then all make it at the same time.
NOTICE_S = 0.25


def plan_as_edited(plan: Plan, entries: Iterable[Entry]) -> Plan:
    """Return `plan` with what `entries` change of its users or its arrivals."""
    if plan.arrivals is not None:
        return replace(plan, arrivals=as_edited(plan.arrivals, entries))
    shape = plan.shape
    for entry in entries:
        if isinstance(entry, Edit):
            way = abs(entry.users - shape.level_at(entry.at_s))
            shape = shape.until(entry.at_s, entry.users, way / entry.spawn_rate)
    return replace(plan, shape=shape)


class RosterLog:
    """All entries of the roster of one run, in the order in which they were written."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._entries: list[Entry] = []
        self._said: tuple[tuple[int, int, float], Start | Changes] | None = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def plan(self) -> Plan:
        """The plan, as entries so far have changed it."""
        return plan_as_edited(self._plan, self._entries)

    def write(self, entries: Sequence[Entry]) -> None:
        self._entries += entries

    def next_s(self, elapsed_s: float) -> float:
        """Return for when the next entry is to be dated, in a run that began `elapsed_s` ago."""
        # One after the other: of one instant, the roster would put a JOIN before the LOSE that it undoes.
        return max(elapsed_s + NOTICE_S, math.nextafter(self._entries[-1].at_s, math.inf))

    def said_from(self, first: int, elapsed_s: float) -> Start | Changes:
        """Return what tells of the entries from `first` on: one message for all who are told the same at one time."""
        key = first, len(self._entries), elapsed_s
        if self._said is None or self._said[0] != key:
            entries = tuple(self._entries[first:])
            self._said = key, Changes(first, entries) if first else Start(self._plan, entries, elapsed_s)
        return self._said[1]
