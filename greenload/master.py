"""The master: hear, decide, keep, say.

The deciding is the Fleet's; here are the green threads that bring it news and carry out its orders. What was decided is
kept before anybody is told, so a master that is killed has promised nothing that the next one does not know. Knows
nothing of users, requests, screens or files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
from gevent.event import Event

from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Fleet, Order
from greenload.core.messages import Ack
from greenload.core.news import LOST, STALLED, News
from greenload.core.results import Results
from greenload.green import GreenThreads
from greenload.transport import Hub

TICK_S = 0.1
GATHER_S = 0.2  # acknowledgements wait so long: many reports are kept at once
AT_A_TIME = 100  # messages that are read before the others may run
LOUDNESS = {STALLED: logging.WARNING, LOST: logging.WARNING}  # of the news that a worker is now in this state

log = logging.getLogger("greenload")


class WorkerBroke(GreenloadError):
    """A worker ended because something broke there."""


class Master:
    """One run's master.

    keep     is called with News and must have kept it when it returns
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
        self._orders: list[Order] = []  # decided, not yet kept and said
        self._urgent = Event()
        self._is_behind = False  # with reading
        self._stops = 0
        self.refused = 0  # what came and was no message

    def run(self) -> None:
        """See the run through.  Raises what broke, here or at a worker."""
        threads = [self._threads.start(function) for function in (self._hear, self._watch, self._say, self._show)]
        gevent.wait([self._over, self._threads.failed], count=1)  # switch
        gevent.killall(threads)  # switch
        if self._threads.error is None:
            self._keep_and_say()
        else:
            self._give_up(self._threads.error)
        self._observe(self._fleet.results)
        if self._threads.error is not None:
            raise self._threads.error
        for worker, error in self._fleet.errors.items():
            raise WorkerBroke(f"{worker}: {error}")

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stops > 0

    def stop(self) -> None:
        """End the run: at first tasks under way may finish within the stop timeout, the next call ends them."""
        self._stops += 1
        self._carry_out(self._fleet.stop(at_once=self._stops > 1, now_s=time.monotonic()))

    def edit(self, users: int, spawn_rate: float) -> None:
        """From now on go to `users` users at `spawn_rate` users/s.  Raises NotRunning unless the run goes on."""
        self._fleet.edit(users, spawn_rate, time.monotonic())

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
        except Malformed as error:
            # It hurts nobody but who sent it.
            self.refused += 1
            log.warning("refused what is no message: %s", error)
            return
        self._carry_out(self._fleet.hear(route, message, time.monotonic()))

    def _watch(self) -> None:
        known: dict[str, str] = {}
        heard_all_s = time.monotonic()
        while not self._fleet.is_over:
            now_s = time.monotonic()
            # Who has spoken and was not read yet is not silent.
            heard_all_s = heard_all_s if self._is_behind else now_s
            self._carry_out(self._fleet.tick(now_s, heard_all_s))
            for worker, member in self._fleet.members.items():
                if known.get(worker) != member.state:
                    known[worker] = member.state
                    log.log(LOUDNESS.get(member.state, logging.DEBUG), "worker %s is %s", worker, member.state)
            gevent.sleep(TICK_S)  # switch
        self._over.set()

    def _show(self) -> None:
        while True:
            gevent.sleep(1.0)  # switch
            if self._fleet.has_begun:
                self._observe(self._fleet.results)

    def _carry_out(self, orders: list[Order]) -> None:
        self._orders += orders
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

    def _keep_and_say(self) -> None:
        orders, self._orders = self._orders, []
        self._keep(self._fleet.take_news())
        for route, message in orders:
            if not self._hub.send(route, message):
                self._fleet.nobody_at(route)
