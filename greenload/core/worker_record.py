"""What is known of one worker of a run, and what it was like lately.

Knows nothing of the others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from greenload.core.histogram import Histogram
from greenload.core.messages import Account

BUSY_CPU_PERCENT = 90.0
SHORTEST_CPU_S = 0.5  # the processor's clock is too coarse to say much about less
LATELY_S = 10.0
MOST_LATE_REPORTS = 20  # of that time: more of them are no worker's


class Lately:
    """What a worker reported of its last LATELY_S seconds; none of it outlives the master."""

    def __init__(self) -> None:
        self._parts: deque[tuple[Account, Histogram]] = deque(maxlen=MOST_LATE_REPORTS)
        self.cpu_percent = 0.0  # of one core, in the last of these seconds

    def hear(self, account: Account, lag: Histogram) -> None:
        """Take in a report, and how late the worker's ticker woke in its time."""
        self._parts.append((account, lag))
        while self._parts[0][0].until_s <= account.until_s - LATELY_S:
            self._parts.popleft()
        if account.covered_s >= SHORTEST_CPU_S:
            self.cpu_percent = account.cpu_percent

    @property
    def rps(self) -> float:
        """Requests that ended, a second."""
        covered_s = sum(account.covered_s for account, _ in self._parts)
        return sum(account.ended for account, _ in self._parts) / covered_s if covered_s else 0.0

    def lag(self) -> Histogram:
        """Return how late its ticker woke."""
        lag = Histogram()
        for _, part in self._parts:
            lag.add(part)
        return lag


@dataclass
class WorkerRecord:
    """What is known of one worker.

    users     that live there now;  most_users: that ever did at one time
    requests  that ended, as merged from its reports;  counted: by its own count
    until_s   how far its reports go;  lost_s: when it was lost, unless it came back
    busy_s    its longest time on end above BUSY_CPU_PERCENT
    unacknowledged  its reports that waited for an acknowledgement when it last spoke
    lag       how late its ticker woke, in the whole run; None when a part of that came from a file, which has it not
    clock_step_s  the largest step of its calendar clock, if that was set;  clock_step_at_s: in which second
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
    clock_step_s: float = 0.0
    clock_step_at_s: int = 0
    unacknowledged: int = field(default=0, compare=False)
    lag: Histogram | None = field(default_factory=Histogram, compare=False)
    lately: Lately = field(default_factory=Lately, compare=False)
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

    def hear(self, account: Account, lag: Histogram | None = None) -> None:
        """Take in a report; its lag is None when nobody knows it any more."""
        if lag is None:
            self.lag = None
        else:
            self.lately.hear(account, lag)
            if self.lag is not None:
                self.lag.add(lag)
        self.users = account.users
        self.until_s = max(self.until_s, account.until_s)
        self.most_users = max(self.most_users, account.users)
        self.sent += account.sent
        self.requests += account.ended
        self.unfinished += account.unfinished
        self.counted = max(self.counted, account.counted)
        self._reported_s += account.covered_s
        self._cpu_s += account.cpu_percent / 100 * account.covered_s
        if account.covered_s >= SHORTEST_CPU_S:
            self.cpu_max_percent = max(self.cpu_max_percent, account.cpu_percent)
        self._busy_now_s = self._busy_now_s + account.covered_s if account.cpu_percent > BUSY_CPU_PERCENT else 0.0
        self.busy_s = max(self.busy_s, self._busy_now_s)
        if abs(account.clock_step_s) > abs(self.clock_step_s):
            self.clock_step_s, self.clock_step_at_s = account.clock_step_s, account.second
