"""A run, second by second: what the workers reported, added up.

Totals are exact for the whole run. The seconds are kept for windows and curves; so that a run of days fits in memory
there are at most MOST_SLOTS of them: the last five minutes are always there by the second, and what is older in slots
that grow with their age.

Knows nothing of how reports travel, and computes no percentile before somebody asks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from greenload.core.messages import Report
from greenload.core.stats import Stats, Tally, sum_of

MOST_SLOTS = 600
FEWEST_SLOTS = 20
MOST_TALLIES = 30_000  # in all slots together: with fifty names or fewer it is the slots that are counted
WIDEST_PART = 1 / 25  # of its age, that an old slot covers, as long as there is room
BUSY_CPU_PERCENT = 90.0
SHORTEST_CPU_S = 0.5  # the processor's clock is too coarse to say much about less


@dataclass
class Slot:
    """Some seconds of the run: `width_s` of them from `first_s` on."""

    first_s: int
    width_s: int = 1
    stats: Stats = field(default_factory=Stats)
    users_on: dict[str, int] = field(default_factory=dict)  # worker -> users at the slot's end
    total: Tally = field(default_factory=Tally)  # of all names

    @property
    def users(self) -> int:
        return sum(self.users_on.values())

    def append(self, later: Slot) -> None:
        """Take in the slot that follows this one."""
        self.width_s = later.first_s + later.width_s - self.first_s
        self.stats.add(later.stats)
        self.total.add(later.total)
        # Not merged: a worker that was lost meanwhile would go on counting beside those who took its users.
        self.users_on = later.users_on or self.users_on


@dataclass
class WorkerRecord:
    """What is known of one worker.

    users     that live there now;  most_users: that ever did at one time
    requests  that ended, as merged from its reports;  counted: by its own count
    until_s   how far its reports go;  lost_s: when it was lost, unless it came back
    busy_s    its longest time on end above BUSY_CPU_PERCENT
    """

    users: int = 0
    most_users: int = 0
    sent: int = 0
    requests: int = 0
    unfinished: int = 0
    counted: int = 0
    until_s: float = 0.0
    lost_s: float | None = None
    cpu_max_percent: float = 0.0
    busy_s: float = 0.0
    _busy_now_s: float = 0.0
    _reported_s: float = 0.0
    _cpu_s: float = 0.0

    @property
    def under_way(self) -> int:
        """Requests that had begun and not ended when it last reported."""
        return self.sent - self.requests - self.unfinished

    @property
    def cpu_mean_percent(self) -> float:
        return 100 * self._cpu_s / self._reported_s if self._reported_s else 0.0

    def hear(self, report: Report) -> None:
        self.users = report.users
        self.until_s = max(self.until_s, report.until_s)
        self.most_users = max(self.most_users, report.users)
        self.sent += report.stats.sent
        self.requests += report.stats.succeeded + report.stats.failed
        self.unfinished += report.stats.unfinished
        self.counted = max(self.counted, report.counted)
        self._reported_s += report.covered_s
        self._cpu_s += report.cpu_percent / 100 * report.covered_s
        if report.covered_s >= SHORTEST_CPU_S:
            self.cpu_max_percent = max(self.cpu_max_percent, report.cpu_percent)
        self._busy_now_s = self._busy_now_s + report.covered_s if report.cpu_percent > BUSY_CPU_PERCENT else 0.0
        self.busy_s = max(self.busy_s, self._busy_now_s)


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
    """The line that adds up: planned = sent + dropped, sent = succeeded + failed + unfinished.

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


def sum_of_totals(slots: Iterable[Slot]) -> Tally:
    """Return what happened to all names in `slots` together, a new Tally."""
    total = Tally()
    for slot in slots:
        total.add(slot.total)
    return total


class Results:
    """The record of one run."""

    def __init__(self) -> None:
        self.total = Stats()
        self.total_tally = Tally()  # of all names: kept, since it is looked at each second
        self.slots: list[Slot] = []
        self.workers: dict[str, WorkerRecord] = {}
        self.elapsed_s = 0.0

    def add(self, report: Report) -> None:
        """Add what one worker counted in one second."""
        stats, tally = report.stats, report.stats.total()
        self.total.add(stats)
        self.total_tally.add(tally)
        slot = self._slot(report.second)
        slot.stats.add(stats)
        slot.total.add(tally)
        slot.users_on[report.worker] = report.users
        self.workers.setdefault(report.worker, WorkerRecord()).hear(report)
        self.elapsed_s = max(self.elapsed_s, report.until_s)

    def lose(self, worker: str, at_s: float) -> None:
        """Note that `worker` was lost at `at_s`: what it did after its last report is missing, unless it comes back."""
        record = self.workers.setdefault(worker, WorkerRecord())
        record.lost_s, record.users = at_s, 0

    def find(self, worker: str) -> None:
        """Note that `worker` is back."""
        self.workers.setdefault(worker, WorkerRecord()).lost_s = None

    @property
    def users(self) -> int:
        return sum(record.users for record in self.workers.values())

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
            dropped=0,
            counted_by_workers=sum(record.counted for record in self.workers.values()),
            merged=sum(record.requests for record in self.workers.values()),
            missing=tuple(missing),
        )

    def _slot(self, second: int) -> Slot:
        """Return the slot that holds `second`, making it if need be: workers report at their own pace."""
        at = bisect_right(self.slots, second, key=lambda slot: slot.first_s)
        if at and second < self.slots[at - 1].first_s + self.slots[at - 1].width_s:
            return self.slots[at - 1]
        if len(self.slots) >= MOST_SLOTS or (len(self.slots) > FEWEST_SLOTS and self._held() > MOST_TALLIES):
            self._coarsen()
            return self._slot(second)
        slot = Slot(second)
        self.slots.insert(at, slot)
        return slot

    def _held(self) -> int:
        return sum(len(slot.stats.tallies) for slot in self.slots)

    def _coarsen(self) -> None:
        """Make room: join neighbours in the older half until an eighth of it is free."""
        half = len(self.slots) // 2
        older, newer = self.slots[:half], self.slots[half:]
        part = WIDEST_PART
        while len(older) > half - max(1, half // 8):
            older = _joined(older, newer[-1].first_s, part)
            part *= 2
        self.slots = older + newer


def _joined(slots: list[Slot], now_s: int, part: float) -> list[Slot]:
    """Join neighbours as long as a slot covers no more than `part` of its age."""
    kept = slots[:1]
    for slot in slots[1:]:
        if slot.first_s + slot.width_s - kept[-1].first_s <= part * (now_s - kept[-1].first_s):
            kept[-1].append(slot)
        else:
            kept.append(slot)
    return kept
