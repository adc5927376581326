"""A worker's part of one run: its clock, its users, and what they counted since it was last asked.

Follows the roster, and measures how late it wakes itself. Knows nothing of who hears its reports.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from random import Random

import gevent
from gevent.event import Event

from greenload.alarm import Alarm
from greenload.calendar_clock import CalendarClock
from greenload.core.messages import MOST_CPU_PERCENT, Hello, Report, Start
from greenload.core.roster import JOIN, Entry, Roster
from greenload.core.turns import Turns
from greenload.engine import ClosedModel, Engine
from greenload.green import GreenThreads
from greenload.http.names import process_names
from greenload.open_model import OpenModel
from greenload.user.environment import Environment
from greenload.user.recorder import Recorder
from greenload.user.user import User

TICK_S = 0.05


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
        self.now = _clock_at(start.elapsed_s)  # seconds since the run began
        self._recorder = Recorder(self.now)
        self._reported_s = start.elapsed_s
        self._cpu_s = time.process_time()
        self._calendar = CalendarClock(lambda: time.time(), self.now)
        self._roster = Roster(plan.shares, plan.shape)
        self._environment = Environment(plan.host, self._recorder, self.now, plan.seed, take_row)
        self._environment.has_phases = plan.has_phases
        self._environment.options = dict(plan.options)
        self.known = 0  # entries of the roster
        self._up_to_date_s = 0.0  # when these were last known to be all
        self.hear(0, start.entries)
        self._open_model = self._new_open_model(start)
        model = self._open_model or ClosedModel(self.now)
        self.engine = Engine(classes, model, self._environment, threads, plan.stop_timeout_s)

    def _new_open_model(self, start: Start) -> OpenModel | None:
        """Return what hands out arrivals, if there are any in the plan."""
        plan, me = start.plan, self._hello.worker
        if plan.arrivals is None:
            return None
        came_s = min((entry.at_s for entry in start.entries if entry[1:] == (JOIN, me)), default=start.elapsed_s)
        turns = Turns(plan.arrivals, plan.shares, plan.seed, self._roster, me, came_s)
        duration_s = math.inf if plan.duration_s is None else plan.duration_s
        return OpenModel(turns, self._environment, plan.arrivals.max_lag_s, duration_s, lambda: self._up_to_date_s)

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

    def compare(self, entries: int) -> None:
        """Take in that the roster has so many entries now."""
        if self.known >= entries:
            self._up_to_date_s = self.now()

    def follow(self, news: Event) -> None:
        """Have the users that the plan gives this worker, at every moment; `news` is set when the roster changes."""
        if self._open_model is not None:
            self._open_model.run(self.engine)  # switch
            return
        while True:
            news.clear()
            self.engine.resize(self._roster.users_of(self._hello.worker, self.now()))
            next_s = self._roster.next_s()
            news.wait(None if next_s is None else max(0.0, next_s - self.now()))  # switch

    def end(self) -> None:
        """Count what the plan wanted and there was nobody to do."""
        if self._open_model is not None:
            self._open_model.end()

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
            clock_step_s=self._calendar.step_s(),
        )
        self._reported_s, self._cpu_s = now_s, cpu_s
        return report

    def tick(self) -> None:
        """Record how late this green thread wakes: as late as a user whose answer has arrived.

        The schedule is fixed, so being held up for a second counts twenty times, once for each tick it swallowed. Each
        tick has a random moment of its twentieth of a second: users often keep time, too, and what they hold up would
        always come between two ticks, or never.
        """
        first_s, draw = self.now(), Random(self._plan.seed)
        with closing(Alarm(self.now)) as alarm:
            for number in itertools.count():
                due_s = first_s + (number + draw.random()) * TICK_S
                try:
                    alarm.wait_until(due_s)  # switch
                finally:  # also when all was held up until the run was over
                    if (late_s := self.now() - due_s) >= 0:
                        self._recorder.record_lag(late_s)


def _percent(cpu_s: float, covered_s: float) -> float:
    # In a moment, the step of a coarse processor clock looks like any number of cores.
    return min(100 * cpu_s / covered_s, MOST_CPU_PERCENT) if covered_s else 0.0


def _clock_at(elapsed_s: float) -> Callable[[], float]:
    """Return a clock that shows `elapsed_s` seconds now. A function of its own: each request asks it four times."""
    clock = time.perf_counter
    began_s = clock() - elapsed_s
    return lambda: clock() - began_s
