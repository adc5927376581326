"""A worker: it runs the virtual users that the plan and the roster give it and reports, each second, what it counted.

Around the engine it has a few green threads: one hears the master, one follows the roster, one reports, one measures
how late it wakes. What it counted is kept until the master has acknowledged it. Knows nothing of how messages travel.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping

import gevent
from gevent.event import Event

from greenload.core.errors import GreenloadError
from greenload.core.messages import Ack, Beat, Bye, Changes, Hello, Refused, Report, Start, Stop
from greenload.core.outbox import Outbox
from greenload.core.plain import Malformed
from greenload.core.roster import Roster
from greenload.engine import Engine
from greenload.green import GreenThreads
from greenload.transport import Line
from greenload.user.environment import Environment
from greenload.user.recorder import Recorder, describe
from greenload.user.user import User

HELLO_EVERY_S = 1.0
SEND_EVERY_S = 0.25
SHORT_S = 0.02
BYE_PATIENCE_S = 2.0
ORPHAN_TIMEOUT_S = 60.0
TICK_S = 0.05
# A timer of the event loop is good to a millisecond, which is no use for measuring less than one: the ticker sleeps
# until just before its time and spends the rest taking turns with everybody else.
TICK_EARLY_S = 0.0015

log = logging.getLogger("greenload")


class Unwanted(GreenloadError):
    """The master does not want this worker; the message says why."""


class MasterGone(Exception):
    """Nothing was heard of the master for long, and some of what was counted here was not taken."""


class Worker:
    """One process' part of a run.

    line     to the master
    hello    what the worker says of itself
    classes  the scenario's user classes, by name
    """

    def __init__(self, line: Line, hello: Hello, classes: Mapping[str, type[User]]) -> None:
        self._line = line
        self._hello = hello
        self._classes = classes
        self._threads = GreenThreads()
        self._outbox = Outbox()
        self._part: _Part | None = None  # of the run, once it has begun
        self._refusal: str | None = None
        self._begun = Event()
        self._stopped = Event()
        self._news = Event()
        self._heard_s = time.perf_counter()

    def run(self) -> None:
        """Take part in one run: say hello, play the plan, hand over every report.

        Raises Unwanted or MasterGone; when something breaks here, raises that.
        """
        hearing = [self._threads.start(self._hear), self._threads.start(self._say_hello)]
        gevent.wait([self._begun, self._stopped, self._threads.failed], count=1)  # switch
        if self._part is not None:
            self._play(self._part)  # switch
        gevent.killall(hearing)  # switch
        if self._refusal is not None:
            raise Unwanted(self._refusal)
        if self._threads.error is not None:
            raise self._threads.error

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return bool(self._stopped.is_set())

    def stop(self) -> None:
        """End this worker's part: at first tasks under way may finish within the stop timeout, then no more."""
        if self._stopped.is_set() and self._part is not None:
            self._part.engine.cut_off()
        self._stopped.set()

    def _play(self, part: _Part) -> None:
        """Run users until the plan, the master or something broken ends it; then hand over what was counted."""
        follower = self._threads.start(part.follow, self._news)
        reporter = self._threads.start(self._report_each_second, part)
        ticker = self._threads.start(part.tick)
        sender = self._threads.start(self._send)
        self._wait_for_the_end(part)  # switch
        follower.kill()  # switch
        part.engine.drain()  # switch
        gevent.killall([reporter, ticker])  # switch
        self._threads.start(self._put_last_report, part).join()  # switch
        while not self._outbox.is_empty and not self._is_orphan():
            gevent.sleep(SHORT_S)  # switch: to those who send and hear
        sender.kill()  # switch
        if not self._outbox.is_empty and self._refusal is None:
            raise MasterGone(f"no word from the master for {ORPHAN_TIMEOUT_S:.0f} s; some reports were not taken")
        self._say_bye()  # switch

    def _put_last_report(self, part: _Part) -> None:
        self._outbox.put(part.report())

    def _say_bye(self) -> None:
        """Say bye until the master answers, or does not for a while."""
        error = self._threads.error
        bye = Bye(self._hello.worker, self._hello.epoch, None if error is None else describe(error))
        said_s = time.perf_counter()
        while self._heard_s < said_s and time.perf_counter() - said_s < BYE_PATIENCE_S:
            self._line.send(bye)
            gevent.sleep(SHORT_S)  # switch: to who hears

    def _wait_for_the_end(self, part: _Part) -> None:
        ends = [self._stopped, self._threads.failed]
        # By our own clock, and in short steps: a timer is set against the loop's clock, which may stand where it stood
        # before the imports; and a master that is gone says nothing.
        while part.left_s() > 0 and not self._is_orphan():
            if gevent.wait(ends, timeout=min(1.0, part.left_s()), count=1):  # switch
                return

    def _is_orphan(self) -> bool:
        return self._refusal is not None or time.perf_counter() - self._heard_s > ORPHAN_TIMEOUT_S

    def _say_hello(self) -> None:
        """Say hello until somebody answers with a start, and then that we are still here."""
        while not self._begun.is_set():
            self._line.send(self._hello)
            self._begun.wait(HELLO_EVERY_S)  # switch

    def _report_each_second(self, part: _Part) -> None:
        while True:
            part.wait_for_the_next_second()  # switch
            self._outbox.put(part.report())

    def _send(self) -> None:
        """Send what is to be sent; a beat when there is nothing, so that the master knows."""
        for count in itertools.count():
            due = self._outbox.due(time.perf_counter())
            for report in due:
                self._line.send(report)
            if not due and count % 4 == 0:
                self._line.send(Beat(self._hello.worker, self._hello.epoch))
            gevent.sleep(SEND_EVERY_S)  # switch

    def _hear(self) -> None:
        while True:
            try:
                message = self._line.receive()  # switch
            except Malformed as error:
                log.warning("the master said something that is no message: %s", error)
                continue
            self._heard_s = time.perf_counter()
            self._obey(message)

    def _obey(self, message: Start | Changes | Ack | Stop | Refused) -> None:
        if isinstance(message, Ack):
            self._outbox.acknowledge(message.seq, time.perf_counter())
        elif isinstance(message, Start):
            self._start(message)
        elif isinstance(message, Changes):
            self._change(message)
        elif isinstance(message, Stop):
            # Said again and again, it means no more than once.
            if message.at_once or not self.is_stopping:
                self.stop()
            if message.at_once and self._part is not None:
                self._part.engine.cut_off()
        else:
            self._refusal = message.reason
            self._stopped.set()

    def _start(self, start: Start) -> None:
        """Begin; a second start only brings the roster up to date."""
        if self._part is None:
            self._part = _Part(self._hello, start, self._classes, self._threads)
            self._begun.set()
        self._change(Changes(start.changes))

    def _change(self, message: Changes) -> None:
        if self._part is not None:
            for change in message.changes:
                self._part.roster.hear(change)
            self._news.set()


class _Part:
    """A worker's part of one run: its clock, its users, and what they counted."""

    def __init__(self, hello: Hello, start: Start, classes: Mapping[str, type[User]], threads: GreenThreads) -> None:
        plan = start.plan
        self._hello = hello
        self._plan = plan
        self._began_s = time.perf_counter() - start.elapsed_s
        self._recorder = Recorder(self.now)
        self._reported_s = start.elapsed_s
        self._cpu_s = time.process_time()
        self.roster = Roster(plan.shares, plan.shape)
        order = list(dict.fromkeys(change.worker for change in start.changes))
        environment = Environment(plan.host, self._recorder, self.now, plan.seed, order.index(hello.worker))
        self.engine = Engine(classes, environment, threads, plan.stop_timeout_s)

    def now(self) -> float:
        """Return the seconds since the run began."""
        return time.perf_counter() - self._began_s

    def left_s(self) -> float:
        """Return how long the plan goes on."""
        return float("inf") if self._plan.duration_s is None else self._plan.duration_s - self.now()

    def follow(self, news: Event) -> None:
        """Have the users that the roster gives this worker, at every moment; `news` is set when the roster changes."""
        while True:
            news.clear()
            self.engine.resize(self.roster.users_of(self._hello.worker, self.now()))
            next_s = self.roster.next_s()
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
            cpu_percent=100 * (cpu_s - self._cpu_s) / covered_s if covered_s else 0.0,
            counted=self._recorder.counted,
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
