"""A run second by second, in bounded memory.

There are at most MOST_SLOTS slots: the last five minutes are there by the second, and what is older in slots that grow
with their age. Where many names or very many requests make a second big, there are fewer. So a run of days fits, and no
sum is less exact for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from greenload.core.stats import Stats, Tally

MOST_SLOTS = 600
FEWEST_SLOTS = 20
FRESH_SLOTS = 10  # of which more may still come
MOST_BUCKETS = 1_000_000  # of histograms, in all slots together: about 100 MB
TALLY_BUCKETS = 20  # what a tally takes besides
WIDEST_PART = 1 / 25  # of its age, that an old slot covers, as long as there is room


@dataclass
class Slot:
    """Some seconds of the run: `width_s` of them from `first_s` on."""

    first_s: int
    width_s: int = 1
    stats: Stats = field(default_factory=Stats)
    users_on: dict[str, int] = field(default_factory=dict)  # worker -> users at the slot's end
    total: Tally = field(default_factory=Tally)  # of all names
    under_way_on: dict[str, int] = field(default_factory=dict)  # worker -> requests without an end at the slot's end

    @property
    def users(self) -> int:
        return sum(self.users_on.values())

    @property
    def in_flight(self) -> int:
        return sum(self.under_way_on.values())

    @property
    def buckets(self) -> int:
        """What it takes in memory, in histogram buckets."""
        return sum(TALLY_BUCKETS + tally.buckets for tally in self.stats.tallies.values())

    def append(self, later: Slot) -> None:
        """Take in the slot that follows this one."""
        self.width_s = later.first_s + later.width_s - self.first_s
        self.stats.add(later.stats)
        self.total.add(later.total)
        # Not merged: a worker that was lost meanwhile would go on counting beside those who took its users.
        self.users_on = later.users_on or self.users_on
        self.under_way_on = later.under_way_on or self.under_way_on


def sum_of_totals(slots: Iterable[Slot]) -> Tally:
    """Return what happened to all names in `slots` together, a new Tally."""
    total = Tally()
    for slot in slots:
        total.add(slot.total)
    return total


class Slots:
    """All slots of one run, in the order of their time."""

    def __init__(self) -> None:
        self.kept: list[Slot] = []
        self._weighed: dict[int, int] = {}  # first_s -> buckets, of slots that are old enough to be complete

    def at(self, second: int) -> Slot:
        """Return the slot that holds `second`, making it if need be: workers report at their own pace."""
        at = bisect_right(self.kept, second, key=lambda slot: slot.first_s)
        if at and second < self.kept[at - 1].first_s + self.kept[at - 1].width_s:
            return self.kept[at - 1]
        if self._is_full():
            self._coarsen()
            return self.at(second)
        slot = Slot(second)
        self.kept.insert(at, slot)
        return slot

    def append(self, slot: Slot) -> None:
        """Add a slot that follows all others."""
        if self._is_full():
            self._coarsen()
        self.kept.append(slot)

    def _is_full(self) -> bool:
        return len(self.kept) >= MOST_SLOTS or (len(self.kept) > FEWEST_SLOTS and self._held() > MOST_BUCKETS)

    def _held(self) -> int:
        # To weigh all 600 each second would cost more than all else that is done with a second.
        for slot in reversed(self.kept[:-FRESH_SLOTS]):
            if slot.first_s in self._weighed:
                break
            self._weighed[slot.first_s] = slot.buckets
        return sum(self._weighed.values()) + sum(slot.buckets for slot in self.kept[-FRESH_SLOTS:])

    def _coarsen(self) -> None:
        """Make room: join neighbours in the older half until an eighth of it is free."""
        self._weighed.clear()
        half = len(self.kept) // 2
        older, newer = self.kept[:half], self.kept[half:]
        part = WIDEST_PART
        while len(older) > half - max(1, half // 8):
            older = _joined(older, newer[-1].first_s, part)
            part *= 2
        self.kept = older + newer


def _joined(slots: list[Slot], now_s: int, part: float) -> list[Slot]:
    """Join neighbours as long as a slot covers no more than `part` of its age."""
    kept = slots[:1]
    for slot in slots[1:]:
        if slot.first_s + slot.width_s - kept[-1].first_s <= part * (now_s - kept[-1].first_s):
            kept[-1].append(slot)
        else:
            kept.append(slot)
    return kept
