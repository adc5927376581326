"""A run, second by second: what the workers reported, added up.

Totals are exact for the whole run; the seconds are kept for windows and curves.

Knows nothing of how reports travel, and computes no percentile before somebody asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from greenload.core.histogram import Histogram
from greenload.core.messages import Account, Report
from greenload.core.origins import Origins
from greenload.core.slots import Slot, Slots
from greenload.core.stats import Stats, Tally, sum_of
from greenload.core.worker_record import WorkerRecord

MOST_FRESH = 4  # seconds that are added up before they go into the totals and the slots


@dataclass(frozen=True)
class Missing:
    """What is not in the numbers of `worker`: `requests` that are known of, in from_s to until_s.

    A worker that was lost may have made more of them in that time than anybody knows.
    """

    worker: str
    requests: int
    from_s: float
    until_s: float
    is_lost: bool


@dataclass(frozen=True)
class Reconciliation:
    """The line that adds up: sent = succeeded + failed + unfinished, and planned = sent + dropped.

    `dropped` are arrivals. How many requests each would have made nobody knows, so in `planned` it counts as one: that
    is exact where an iteration is one request. What holds in every run is in Offer.
    `counted_by_workers` is what the workers say they counted, `merged` what arrived here; `missing` has a gap for each
    worker whose two differ, and for each that was lost.
    """

    sent: int
    succeeded: int
    failed: int
    unfinished: int
    dropped: int
    counted_by_workers: int
    merged: int
    missing: tuple[Missing, ...]

    @property
    def planned(self) -> int:
        return self.sent + self.dropped

    @property
    def adds_up(self) -> bool:
        return self.sent == self.succeeded + self.failed + self.unfinished and not self.missing


class Results:
    """The record of one run.

    What was counted in its first `warmup_s` seconds is a part of the record and not of what was measured.
    """

    def __init__(self, warmup_s: int = 0) -> None:
        self.warmup_s = warmup_s
        self.workers: dict[str, WorkerRecord] = {}
        self.elapsed_s = 0.0
        self.stopped_s = math.inf  # when somebody ended the run
        self.ignored = 0  # messages that nobody can have meant for this run
        self._origins = Origins()  # of exceptions
        self._total = Stats()
        self._total_tally = Tally()  # of all names: kept, since it is looked at each second
        # Apart from the beginning on: old seconds are joined, and then nobody knows what of them was the warm-up.
        self._measured = Stats() if warmup_s else self._total
        self._measured_tally = Tally() if warmup_s else self._total_tally
        self._slots = Slots()
        # A second of many workers is added up here and goes into all else once, when somebody looks: adding each report
        # to everything would cost five times as much.
        self._fresh: dict[int, Slot] = {}
        self._settled: list[tuple[int, Stats]] = []  # and not yet taken by who keeps it

    @property
    def total(self) -> Stats:
        """All that was reported."""
        self._settle()
        return self._total

    @property
    def total_tally(self) -> Tally:
        """The same, of all names together."""
        self._settle()
        return self._total_tally

    @property
    def measured(self) -> Stats:
        """All that was reported of the time after the warm-up."""
        self._settle()
        return self._measured

    @property
    def measured_tally(self) -> Tally:
        """The same, of all names together."""
        self._settle()
        return self._measured_tally

    @property
    def measured_s(self) -> float:
        """How long that time is so far."""
        return max(0.0, self.elapsed_s - self.warmup_s)

    @property
    def slots(self) -> list[Slot]:
        """The run second by second, as far as that is kept."""
        self._settle()
        return self._slots.kept

    def add(self, report: Report) -> Account:
        """Add what one worker counted in one second; return what there was beside the counts."""
        account, stats = report.account, report.stats
        self.count(report.second, stats)
        self.note_in(self._fresh_slot(account.second), account, stats.lag)
        self._origins.note(report.worker, stats.exceptions)
        if self._origins.are_too_many:
            self._origins.forget(self.total.exceptions.kept)
        return account

    def count(self, second: int, stats: Stats) -> None:
        """Add what was counted in `second`, by whomever."""
        self._fresh_slot(second).stats.add(stats)

    def note_in(self, slot: Slot, account: Account, lag: Histogram | None = None) -> None:
        """Add what else one worker reported, in a slot that is taken in later; lag: None where nobody knows it."""
        record = self.workers.setdefault(account.worker, WorkerRecord())
        record.hear(account, lag)
        slot.users_on[account.worker], slot.under_way_on[account.worker] = account.users, record.under_way
        self.elapsed_s = max(self.elapsed_s, account.until_s)

    def take_in(self, slot: Slot) -> None:
        """Add a slot that follows all others and lies before the end of the warm-up or behind it, for good."""
        slot.total = slot.stats.total()
        self._add(slot.first_s, slot.stats, slot.total)
        self._slots.append(slot)

    def reset(self, second: int) -> int:
        """Let what is measured begin anew with `second`, as if all before it had been the warm-up; return with which.

        That is a later one when something of `second` was reported already. The record keeps everything.
        """
        slots = self.slots  # nothing is fresh any more
        self.warmup_s = max(1, second, slots[-1].first_s + slots[-1].width_s if slots else 0)
        self._measured, self._measured_tally = Stats(), Tally()
        return self.warmup_s

    def take_seconds(self) -> list[tuple[int, Stats]]:
        """Return what was counted since the last call, as (second, Stats); a second may come in several parts."""
        self._settle()
        seconds, self._settled = self._settled, []
        return seconds

    def note_unacknowledged(self, worker: str, reports: int) -> None:
        """Note how many reports of `worker` wait for an acknowledgement."""
        if worker in self.workers:
            self.workers[worker].unacknowledged = reports

    def exception_came_from(self, text: str) -> Sequence[str]:
        """Return the workers from which an exception of `total` came to this master, the first one first."""
        return self._origins.of(text)

    def expect(self, worker: str) -> None:
        """Note that `worker` takes part; its place among the workers is its index."""
        self.workers.setdefault(worker, WorkerRecord())

    def lose(self, worker: str, at_s: float) -> None:
        """Note that `worker` was lost at `at_s`: what it did after its last report is missing, unless it comes back."""
        record = self.workers.setdefault(worker, WorkerRecord())
        record.lost_s, record.users = at_s, 0

    def find(self, worker: str) -> None:
        """Note that `worker` is back."""
        self.workers.setdefault(worker, WorkerRecord()).lost_s = None

    def stop(self, at_s: float) -> None:
        """Note that somebody ended the run at `at_s`; the first time counts."""
        self.stopped_s = min(self.stopped_s, at_s)

    @property
    def users(self) -> int:
        return sum(record.users for record in self.workers.values())

    @property
    def in_flight(self) -> int:
        """Requests under way when each worker last reported, without those of lost ones: nobody knows of them."""
        return sum(record.under_way for record in self.workers.values() if record.lost_s is None)

    def window(self, from_s: float, to_s: float) -> Stats:
        """Return the sum of the slots that begin in from_s <= t < to_s."""
        return sum_of(slot.stats for slot in self.slots if from_s <= slot.first_s < to_s)

    def last(self, seconds: int) -> list[Slot]:
        """Return the slots of the last `seconds` seconds that were reported."""
        end_s = self.slots[-1].first_s + self.slots[-1].width_s if self.slots else 0
        return [slot for slot in self.slots[-seconds:] if slot.first_s >= end_s - seconds]

    def reconcile(self) -> Reconciliation:
        missing = [
            Missing(worker, record.counted - record.requests, 0.0, record.until_s, is_lost=False)
            for worker, record in self.workers.items()
            if record.counted != record.requests
        ]
        missing += [
            Missing(worker, record.under_way, record.until_s, record.lost_s, is_lost=True)
            for worker, record in self.workers.items()
            if record.lost_s is not None
        ]
        return Reconciliation(
            sent=self.total.sent,
            succeeded=self.total.succeeded,
            failed=self.total.failed,
            unfinished=self.total.unfinished,
            dropped=self.total.dropped,
            counted_by_workers=sum(record.counted for record in self.workers.values()),
            merged=sum(record.requests for record in self.workers.values()),
            missing=tuple(missing),
        )

    def _settle(self) -> None:
        """Let what is fresh go into the totals and the slots."""
        for second, fresh in sorted(self._fresh.items()):
            tally = fresh.stats.total()
            self._add(second, fresh.stats, tally)
            slot = self._slots.at(second)
            slot.stats.add(fresh.stats)
            slot.total.add(tally)
            slot.users_on.update(fresh.users_on)
            slot.under_way_on.update(fresh.under_way_on)
            self._settled.append((second, fresh.stats))
        self._fresh.clear()

    def _add(self, second: int, stats: Stats, tally: Tally) -> None:
        self._total.add(stats)
        self._total_tally.add(tally)
        if second >= self.warmup_s > 0:
            self._measured.add(stats)
            self._measured_tally.add(tally)

    def _fresh_slot(self, second: int) -> Slot:
        if second not in self._fresh:
            if len(self._fresh) >= MOST_FRESH:
                self._settle()
            self._fresh[second] = Slot(second)
        return self._fresh[second]
