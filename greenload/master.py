"""The master: hear, decide, keep, say.

The deciding is the Fleet's; here are the green threads that bring it news and carry out its orders. What was decided is
kept before anybody is told, so a master that is killed has promised nothing that the next one does not know. Knows
nothing of users, requests, screens or files.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace

import gevent
from gevent.event import Event

from greenload.core.codec import printable
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Fleet
from greenload.core.gate import Breach
from greenload.core.messages import Ack, Order, Refused, Start
from greenload.core.news import LOST, STALLED, News, NotKeptYet
from greenload.core.results import Results
from greenload.green import GreenThreads
from greenload.transport import Hub, Unreadable

TICK_S = 0.1
GATHER_S = 0.2  # acknowledgements wait so long: many reports are kept at once
KEEP_WITHIN_S = 30.0  # else the run breaks: workers give up, too, when they are told nothing
LOG_EVERY_S = 1.0
MOST_REASON = 300  # characters
AT_A_TIME = 100  # messages that are read before the others may run
LOUDNESS = {STALLED: logging.WARNING, LOST: logging.WARNING}  # of the news that a worker is now in this state

log = logging.getLogger("greenload")


class WorkerBroke(GreenloadError):
    """A worker ended because something broke there."""


class NotKept(GreenloadError):
    """What was learned could not be kept for so long that the run cannot go on."""


class Master:
    """One run's master.

    keep     is called with News and must have kept it when it returns; after NotKeptYet it is called again
    observe  is called with the Results each second while the run goes on
    """

    def __init__(
        self, fleet: Fleet, hub: Hub, keep: Callable[[News], object], observe: Callable[[Results], object]
    ) -> None:
        self._fleet = fleet
        self._hub = hub
        self._keep = keep
        self._observe = observe
        self._threads = GreenThreads()
        self._over = Event()
        self._orders: list[tuple[float, Order]] = []  # when each was decided; not yet kept and said
        self._unkept = News()
        self._held_up_s = math.inf  # since when nothing could be kept
        self._urgent = Event()
        self._is_behind = False  # with reading
        self._unreadable = _UnreadableLog()

    def run(self) -> None:
        """See the run through.  Raises what broke, here or at a worker."""
        threads = [self._threads.start(function) for function in (self._hear, self._watch, self._say, self._show)]
        gevent.wait([self._over, self._threads.failed], count=1)  # switch
        gevent.killall(threads)  # switch
        self._unreadable.tell()
        if self._threads.error is None:
            while not self._keep_and_say():
                gevent.sleep(TICK_S)  # switch
        else:
            self._give_up(self._threads.error)
        self._observe(self._fleet.results)
        if self._threads.error is not None:
            raise self._threads.error
        for worker, error in self._fleet.errors.items():
            raise WorkerBroke(f"{worker}: {printable(error)}")

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called, here or at the master whose run this was."""
        return self._fleet.is_stopping

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, or broke: there is nothing left to stop."""
        return self._over.is_set() or self._threads.failed.is_set()

    def stop(self) -> None:
        """End the run: at first tasks under way may finish within the stop timeout, the next call ends them."""
        self._carry_out(self._fleet.stop(at_once=self._fleet.is_stopping, now_s=time.monotonic()))

    def abort(self, breach: Breach) -> None:
        """End the run at once because of `breach`, which is kept before anybody hears of it."""
        self._unkept.add(News(breach=breach))
        self._carry_out(self._fleet.stop(at_once=True, now_s=time.monotonic()))

    def edit(self, users: int, spawn_rate: float) -> None:
        """From now on go to `users` users at `spawn_rate` users/s.  Raises NotRunning unless the run goes on."""
        self._fleet.edit(users, spawn_rate, time.monotonic())

    def edit_rate(self, per_s: float) -> None:
        """From now on have `per_s` arrivals a second.  Raises NotRunning unless the run goes on, and has a rate."""
        self._fleet.edit_rate(per_s, time.monotonic())

    def reset(self) -> int:
        """Let what is measured begin anew; return with which second.  Raises NotRunning unless the run goes on."""
        second = self._fleet.reset(time.monotonic())
        self._urgent.set()
        return second

    def _hear(self) -> None:
        while True:
            for _ in range(AT_A_TIME):
                self._hear_one()  # switch
            # As long as there is something to read, reading lets nobody else run.
            self._is_behind = True
            gevent.sleep(0)  # switch
            self._is_behind = False

    def _hear_one(self) -> None:
        try:
            route, message = self._hub.receive()  # switch
        except Unreadable as error:
            # It hurts nobody but who sent it; a worker would wait for an answer for ever.
            reason = self._unreadable.note(error)
            self._hub.send(error.route, Refused(f"the master cannot read what this worker says: {reason}"))
            return
        self._carry_out(self._fleet.hear(route, message, time.monotonic()))

    def _watch(self) -> None:
        known: dict[str, str] = {}
        heard_all_s = time.monotonic()
        while not self._fleet.is_over(time.monotonic()):
            now_s = time.monotonic()
            # Who has spoken and was not read yet is not silent.
            heard_all_s = heard_all_s if self._is_behind else now_s
            self._carry_out(self._fleet.tick(now_s, heard_all_s))
            for worker, member in self._fleet.members.items():
                if known.get(worker) != member.state:
                    known[worker] = member.state
                    log.log(LOUDNESS.get(member.state, logging.DEBUG), "worker %s is %s", worker, member.state)
            self._unreadable.tell_at_times(now_s)
            gevent.sleep(TICK_S)  # switch
        self._over.set()

    def _show(self) -> None:
        while True:
            gevent.sleep(1.0)  # switch
            if self._fleet.has_begun:
                self._observe(self._fleet.results)

    def _carry_out(self, orders: list[Order]) -> None:
        now_s = time.monotonic()
        self._orders += [(now_s, order) for order in orders]
        if any(not isinstance(order.message, Ack) for order in orders):
            self._urgent.set()

    def _say(self) -> None:
        while True:
            self._urgent.wait(GATHER_S)  # switch
            self._urgent.clear()
            self._keep_and_say()

    def _give_up(self, error: BaseException) -> None:
        for route, message in self._fleet.give_up(f"the master gave up: {error or type(error).__name__}"):
            self._hub.send(route, message)

    def _keep_and_say(self) -> bool:
        """Keep what is new, then say what was decided; return whether that could be done now."""
        self._unkept.add(self._fleet.take_news())
        now_s = time.monotonic()
        try:
            self._keep(self._unkept)
        except NotKeptYet as error:
            self._held_up_s = min(self._held_up_s, now_s)
            if now_s - self._held_up_s > KEEP_WITHIN_S:
                raise NotKept(f"for {KEEP_WITHIN_S:g} s nothing could be kept: {error}") from error
            return False
        orders, self._orders = self._orders, []
        was_held_up = self._held_up_s < math.inf
        self._unkept, self._held_up_s = News(), math.inf
        for decided_s, order in orders:
            self._send(order, now_s - decided_s if was_held_up else 0.0)
        return True

    def _send(self, order: Order, late_s: float) -> None:
        route, message = order
        if isinstance(message, Start):
            # A worker sets its clock by it, and would be behind for the whole run.
            message = replace(message, elapsed_s=message.elapsed_s + late_s)
        if not self._hub.send(route, message):
            self._fleet.nobody_at(route)


class _UnreadableLog:
    """What came and was no message, in the log: whoever sends a thousand of them a second shall not fill the disk."""

    def __init__(self) -> None:
        self._count = 0  # since it was told last
        self._last = ""
        self._told_s = -math.inf

    def note(self, error: Unreadable) -> str:
        """Count one; return what is wrong with it."""
        self._count += 1
        self._last = printable(str(error))[:MOST_REASON]
        return self._last

    def tell_at_times(self, now_s: float) -> None:
        """Tell of those that came, if that is not too soon after the last time."""
        if self._count and now_s - self._told_s >= LOG_EVERY_S:
            self._told_s = now_s
            self.tell()

    def tell(self) -> None:
        if self._count:
            log.warning("refused what is no message, %d time(s), at last: %s", self._count, self._last)
            self._count = 0
