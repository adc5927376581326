"""A worker's part of one run: its clock, its users, and what they counted since it was last asked.

Follows the roster, and measures how late it wakes itself. Knows nothing of who hears its reports.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
from gevent.event import Event

from greenload.core.messages import MOST_CPU_PERCENT, Hello, Report, Start
from greenload.core.roster import Entry, Roster
from greenload.engine import Engine
from greenload.green import GreenThreads
from greenload.http.names import process_names
from greenload.user.environment import Environment
from greenload.user.recorder import Recorder
from greenload.user.user import User

TICK_S = 0.05
# A timer of the event loop is good to a millisecond, which is no use for measuring less than one: the ticker sleeps
# until just before its time and spends the rest taking turns with everybody else.
TICK_EARLY_S = 0.0015


class Part:
    """One worker's part; `start` says what the run is and how long ago it began."""

    def __init__(
        self,
        hello: Hello,
        start: Start,
        classes: Mapping[str, type[User]],
        threads: GreenThreads,
        take_row: Callable[[str], int],
    ) -> None:
        plan = start.plan
        process_names().fix(plan.resolved)
        self._hello = hello
        self._plan = plan
        self._began_s = time.perf_counter() - start.elapsed_s
        self._recorder = Recorder(self.now)
        self._reported_s = start.elapsed_s
        self._cpu_s = time.process_time()
        self._roster = Roster(plan.shares, plan.shape)
        self._environment = Environment(plan.host, self._recorder, self.now, plan.seed, take_row)
        self.known = 0  # entries of the roster
        self.hear(0, start.entries)
        self.engine = Engine(classes, self._environment, threads, plan.stop_timeout_s)

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self._began_s

    def left_s(self) -> float:
        """Return how long the plan goes on."""
        return float("inf") if self._plan.duration_s is None else self._plan.duration_s - self.now()

    def hear(self, first: int, entries: Sequence[Entry]) -> None:
        """Take in entries first, first + 1, ... of the roster; after a gap none, for they will be said again."""
        if first > self.known:
            return
        for entry in entries:
            self._roster.hear(entry)
        self.known = max(self.known, first + len(entries))
        workers = self._roster.workers
        self._environment.worker_index = workers.index(self._hello.worker)
        self._environment.worker_count = len(workers)

    def follow(self, news: Event) -> None:
        """Have the users that the roster gives this worker, at every moment; `news` is set when the roster changes."""
        while True:
            news.clear()
            self.engine.resize(self._roster.users_of(self._hello.worker, self.now()))
            next_s = self._roster.next_s()
            news.wait(None if next_s is None else max(0.0, next_s - self.now()))  # switch

    def wait_for_the_next_second(self) -> None:
        end_s = int(self._reported_s) + 1
        while self.now() < end_s:  # a timer may fire a moment early
            gevent.sleep(end_s - self.now())  # switch

    def report(self) -> Report:
        """Return what was counted since the last report, as the second in which that time began."""
        now_s, cpu_s = self.now(), time.process_time()
        covered_s = now_s - self._reported_s
        report = Report(
            worker=self._hello.worker,
            epoch=self._hello.epoch,
            seq=0,  # given when it is sent
            from_s=self._reported_s,
            until_s=now_s,
            stats=self._recorder.take(),
            users=self.engine.users,
            cpu_percent=_percent(cpu_s - self._cpu_s, covered_s),
            counted=self._recorder.counted,
            known=self.known,
        )
        self._reported_s, self._cpu_s = now_s, cpu_s
        return report

    def tick(self) -> None:
        """Record how late this green thread wakes: as late as a user whose answer has arrived.

        The schedule is fixed, so being held up for a second counts twenty times, once for each tick it swallowed.
        """
        first_s = self.now()
        for number in itertools.count(1):
            due_s = first_s + number * TICK_S
            gevent.sleep(max(0.0, due_s - TICK_EARLY_S - self.now()))  # switch
            while self.now() < due_s:
                gevent.sleep(0)  # switch
            self._recorder.record_lag(self.now() - due_s)


def _percent(cpu_s: float, covered_s: float) -> float:
    # In a moment, the step of a coarse processor clock looks like any number of cores.
    return min(100 * cpu_s / covered_s, MOST_CPU_PERCENT) if covered_s else 0.0
