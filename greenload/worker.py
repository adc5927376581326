"""A worker: it runs the virtual users that the plan and the roster give it and reports, each second, what it counted.

Around the engine it has a few green threads: one hears the master, one follows the roster, one reports, one measures
how late it wakes. What it counted is kept until the master has acknowledged it. Knows nothing of how messages travel.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Mapping

import gevent
from gevent.event import Event

from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.messages import (
    Ack,
    Beat,
    Bye,
    Changes,
    Claim,
    Farewell,
    FromMaster,
    Grant,
    Hello,
    Log,
    Refused,
    Start,
    Stop,
)
from greenload.core.outbox import Outbox
from greenload.core.roster import Change
from greenload.descriptors import TooFewDescriptors, check
from greenload.green import GreenThreads
from greenload.part import Part
from greenload.row_desk import RowDesk
from greenload.transport import Line, Unwelcome
from greenload.user.recorder import describe
from greenload.user.user import User
from greenload.worker_log import WorkerLog

HELLO_EVERY_S = 1.0
HELLOS_BEFORE_A_WORD = 5
SEND_EVERY_S = 0.25
SHORT_S = 0.02
FAREWELL_WITHIN_S = 3.0
BYE_EVERY = 25  # times SHORT_S
DEFAULT_ORPHAN_TIMEOUT_S = 60.0

log = logging.getLogger("greenload")


class Unwanted(GreenloadError):
    """The master does not want this worker; the message says why."""


class MasterGone(Exception):
    """Nothing was heard of the master for long, and some of what was counted here was not taken."""


class Worker:
    """One process' part of a run.

    line              to the master
    hello             what the worker says of itself
    classes           the scenario's user classes, by name
    orphan_timeout_s  how long it goes on when nothing is heard of the master
    log_lines         what is logged here and shall go to the master; None for one whose log is the master's own
    """

    def __init__(
        self,
        line: Line,
        hello: Hello,
        classes: Mapping[str, type[User]],
        orphan_timeout_s: float = DEFAULT_ORPHAN_TIMEOUT_S,
        log_lines: WorkerLog | None = None,
    ) -> None:
        self._line = line
        self._hello = hello
        self._classes = classes
        self._orphan_timeout_s = orphan_timeout_s
        self._log_lines = log_lines
        self._threads = GreenThreads()
        self._outbox = Outbox()
        self._desk = RowDesk(self._claim)
        self._part: Part | None = None  # of the run, once it has begun
        self._refusal: str | None = None
        self._farewell: Farewell | None = None
        self._is_told_to_stop = False
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
        elif self._refusal is None and self._farewell is None:
            # The master waits for the beginning, and must not count on this one. If it was the master who stopped, it
            # may say that another run will come.
            self._say_bye(FAREWELL_WITHIN_S if self._is_told_to_stop else 0.0)  # switch
        gevent.killall(hearing)  # switch
        if self._refusal is not None:
            raise Unwanted(self._refusal)
        if self._threads.error is not None:
            raise self._threads.error

    @property
    def may_return(self) -> bool:
        """Whether the run is over and the master may make another one."""
        return self._farewell is not None and self._farewell.more_runs

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return bool(self._stopped.is_set())

    def stop(self) -> None:
        """End this worker's part: at first tasks under way may finish within the stop timeout, then no more."""
        if self._stopped.is_set() and self._part is not None:
            self._part.engine.cut_off()
        self._stopped.set()

    def _play(self, part: Part) -> None:
        """Run users until the plan, the master or something broken ends it; then hand over what was counted."""
        follower = self._threads.start(part.follow, self._news)
        reporter = self._threads.start(self._report_each_second, part)
        ticker = self._threads.start(part.tick)
        sender = self._threads.start(self._send, part)
        clerk = self._threads.start(self._desk.serve)
        self._wait_for_the_end(part)  # switch
        follower.kill()  # switch
        part.engine.drain()  # switch
        gevent.killall([reporter, ticker, clerk])  # switch
        part.end()
        self._threads.start(self._put_last_report, part).join()  # switch
        while not self._outbox.is_empty and self._is_listened_to():
            gevent.sleep(SHORT_S)  # switch: to those who send and hear
        sender.kill()  # switch
        if not self._outbox.is_empty and self._refusal is None and self._farewell is None:
            raise MasterGone(f"no word from the master for {self._orphan_timeout_s:g} s; some reports were not taken")
        self._say_what_was_logged()
        if self._farewell is None:
            self._say_bye(math.inf)  # switch

    def _put_last_report(self, part: Part) -> None:
        self._outbox.put(part.report())

    def _bye(self) -> Bye:
        error = self._threads.error
        return Bye(self._hello.worker, self._hello.epoch, None if error is None else describe(error))

    def _say_bye(self, patience_s: float) -> None:
        """Say bye until the master answers: a run is only over for one that has heard it of everybody."""
        bye = self._bye()
        until_s = time.perf_counter() + patience_s
        for count in itertools.count():
            if count % BYE_EVERY == 0:
                self._line.send(bye)
            if not self._is_listened_to() or time.perf_counter() >= until_s:
                return
            gevent.sleep(SHORT_S)  # switch: to who hears

    def _is_listened_to(self) -> bool:
        """Whether the master may still take what this worker has to say."""
        return self._farewell is None and not self._is_orphan()

    def _wait_for_the_end(self, part: Part) -> None:
        ends = [self._stopped, self._threads.failed]
        # By our own clock, and in short steps: a timer is set against the loop's clock, which may stand where it stood
        # before the imports; and a master that is gone says nothing.
        while part.left_s() > 0 and not self._is_orphan():
            if gevent.wait(ends, timeout=min(1.0, part.left_s()), count=1):  # switch
                return

    def _is_orphan(self) -> bool:
        return self._refusal is not None or time.perf_counter() - self._heard_s > self._orphan_timeout_s

    def _say_hello(self) -> None:
        """Say hello until somebody answers with a start, and then that we are still here."""
        for count in itertools.count(1):
            self._line.send(self._hello)
            if self._begun.wait(HELLO_EVERY_S):  # switch
                return
            if count == HELLOS_BEFORE_A_WORD:
                log.info("waiting for the run to begin")

    def _report_each_second(self, part: Part) -> None:
        while True:
            part.wait_for_the_next_second()  # switch
            self._outbox.put(part.report())

    def _send(self, part: Part) -> None:
        """Send what is to be sent; a beat when there is nothing, so that the master knows."""
        for count in itertools.count():
            due = self._outbox.due(time.perf_counter())
            for report in due:
                self._line.send(report)
            if count % 4 == 0:
                self._say_what_was_logged()
            if not due and count % 4 == 0:
                waiting = self._outbox.unacknowledged
                self._line.send(Beat(self._hello.worker, self._hello.epoch, part.known, waiting))
            gevent.sleep(SEND_EVERY_S)  # switch

    def _say_what_was_logged(self) -> None:
        lines, dropped = ((), 0) if self._log_lines is None else self._log_lines.take()
        if lines:
            self._line.send(Log(self._hello.worker, self._hello.epoch, lines, dropped))

    def _claim(self, number: int, rows: str, count: int) -> None:
        self._line.send(Claim(self._hello.worker, self._hello.epoch, number, rows, count))

    def _hear(self) -> None:
        while True:
            try:
                message = self._line.receive()  # switch
            except Malformed as error:
                log.warning("the master said something that is no message: %s", error)
                continue
            except Unwelcome as error:
                self._refuse(str(error))
                return
            self._heard_s = time.perf_counter()
            self._obey(message)

    def _obey(self, message: FromMaster) -> None:
        if isinstance(message, Ack):
            self._outbox.acknowledge(message.seq, time.perf_counter())
            if self._part is not None:
                self._part.compare(message.entries)
        elif isinstance(message, Grant):
            self._desk.answer(message.number, message.first)
        elif isinstance(message, Start):
            self._start(message)
        elif isinstance(message, Changes):
            self._change(message)
        elif isinstance(message, Stop):
            # Said again and again, it means no more than once.
            self._is_told_to_stop = True
            if message.at_once or not self.is_stopping:
                self.stop()
            if message.at_once and self._part is not None:
                self._part.engine.cut_off()
        elif isinstance(message, Farewell):
            self._farewell = message
            # To one that has not said bye: there will be no run, or it went on without this worker.
            self._stopped.set()
            if self._part is not None:
                self._part.engine.cut_off()
        elif isinstance(message, Refused):
            self._refuse(message.reason)

    def _refuse(self, reason: str) -> None:
        """Take no part in the run any more, for `reason`."""
        self._refusal = reason
        self._stopped.set()

    def _start(self, start: Start) -> None:
        """Begin; a second start only brings the roster up to date."""
        if self._part is None:
            self._part = Part(self._hello, start, self._classes, self._threads, self._desk.take)
            self._warn_of_too_many_users(start)
            self._begun.set()
        self._change(Changes(0, start.entries))

    def _warn_of_too_many_users(self, start: Start) -> None:
        """Say so when this worker's part, with as many workers as now, needs more connections than it may open."""
        workers = len({entry.worker for entry in start.entries if isinstance(entry, Change)})
        try:
            check(self._classes, start.plan, max(1, workers))
        except TooFewDescriptors as error:
            log.warning("%s", error)

    def _change(self, message: Changes) -> None:
        if self._part is not None:
            self._part.hear(message.first, message.entries)
            self._news.set()
