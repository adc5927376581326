"""A worker: it runs the virtual users the plan gives it and reports, each second, what it counted.

Around the engine it starts three green threads: one follows the plan, one reports, one measures how late it wakes.
Knows nothing of how a report travels or of who adds them up.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping

import gevent
from gevent.event import Event

from greenload.core.messages import Plan, Report
from greenload.core.placement import Placement
from greenload.engine import Engine
from greenload.green import GreenThreads
from greenload.user.environment import Environment
from greenload.user.recorder import Recorder
from greenload.user.user import User

TICK_S = 0.05
# A timer of the event loop is good to a millisecond, which is no use for measuring less than one: the ticker sleeps
# until just before its time and spends the rest taking turns with everybody else.
TICK_EARLY_S = 0.0015


class Worker:
    """One process' part of a run. `deliver` takes its reports."""

    def __init__(
        self, name: str, plan: Plan, classes: Mapping[str, type[User]], deliver: Callable[[Report], object]
    ) -> None:
        self._name = name
        self._plan = plan
        self._deliver = deliver
        self._began_s = time.perf_counter()
        self._threads = GreenThreads()
        self._recorder = Recorder(self.now)
        environment = Environment(plan.host, self._recorder, self.now, plan.seed)
        self._engine = Engine(classes, environment, self._threads, plan.stop_timeout_s)
        self._stopped = Event()
        self._reported_s = 0.0
        self._cpu_s = time.process_time()

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self._began_s

    def run(self) -> None:
        """Play the plan until its end, until `stop`, or until something breaks; then raises what broke."""
        self._began_s = time.perf_counter()
        follower = self._threads.start(self._follow_plan)
        reporter = self._threads.start(self._report_each_second)
        ticker = self._threads.start(self._tick)
        self._wait_for_the_end()  # switch
        follower.kill()  # switch
        self._engine.drain()  # switch
        gevent.killall([reporter, ticker])  # switch
        self._report()
        if self._threads.error is not None:
            raise self._threads.error

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return bool(self._stopped.is_set())

    def stop(self) -> None:
        """End the run: the first call lets running tasks finish within the stop timeout, the next ends them now."""
        if self._stopped.is_set():
            self._engine.cut_off()
        self._stopped.set()

    def _wait_for_the_end(self) -> None:
        ends = [self._stopped, self._threads.failed]
        if self._plan.duration_s is None:
            gevent.wait(ends, count=1)  # switch
            return
        # By our own clock: a timer is set against the loop's, which may stand where it stood before the imports.
        while (left_s := self._plan.duration_s - self.now()) > 0:
            if gevent.wait(ends, timeout=left_s, count=1):  # switch
                return

    def _follow_plan(self) -> None:
        placement = Placement(self._plan.shares)
        placement.join(self._name)
        for step in self._plan.shape.steps():
            gevent.sleep(max(0.0, step.at_s - self.now()))  # switch
            placement.resize(step.users)
            self._engine.resize(placement.on(self._name))

    def _report_each_second(self) -> None:
        while True:
            end_s = int(self._reported_s) + 1
            while self.now() < end_s:  # a timer may fire a moment early
                gevent.sleep(end_s - self.now())  # switch
            self._report()

    def _report(self) -> None:
        """Deliver what was counted since the last report, as the second in which that time began."""
        now_s, cpu_s = self.now(), time.process_time()
        covered_s = now_s - self._reported_s
        self._deliver(
            Report(
                worker=self._name,
                from_s=self._reported_s,
                until_s=now_s,
                stats=self._recorder.take(),
                users=self._engine.users,
                cpu_percent=100 * (cpu_s - self._cpu_s) / covered_s if covered_s else 0.0,
                counted=self._recorder.counted,
            )
        )
        self._reported_s, self._cpu_s = now_s, cpu_s

    def _tick(self) -> None:
        """Record how late this green thread wakes: as late as a user whose answer has arrived.

        The schedule is fixed, so being held up for a second counts twenty times, once for each tick it swallowed.
        """
        for due_s in itertools.count(TICK_S, TICK_S):
            gevent.sleep(max(0.0, due_s - TICK_EARLY_S - self.now()))  # switch
            while self.now() < due_s:
                gevent.sleep(0)  # switch
            self._recorder.record_lag(self.now() - due_s)
