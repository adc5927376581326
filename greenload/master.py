"""The master: hear, decide, send, keep.

The deciding is the Fleet's; here are the green threads that bring it news and carry out its orders. Knows nothing of
users, requests or screens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import gevent
from gevent.event import Event

from greenload.core.errors import GreenloadError
from greenload.core.fleet import LOST, STALLED, Fleet, Order
from greenload.core.plain import Malformed
from greenload.core.results import Results
from greenload.green import GreenThreads
from greenload.transport import Hub

TICK_S = 0.1
LOUDNESS = {STALLED: logging.WARNING, LOST: logging.WARNING}  # of the news that a worker is now in this state

log = logging.getLogger("greenload")


class WorkerBroke(GreenloadError):
    """A worker ended because something broke there."""


class Master:
    """One run's master.  `observe` is called with the Results each second while the run goes on."""

    def __init__(self, fleet: Fleet, hub: Hub, observe: Callable[[Results], object]) -> None:
        self._fleet = fleet
        self._hub = hub
        self._observe = observe
        self._threads = GreenThreads()
        self._over = Event()
        self._stops = 0
        self.refused = 0  # what came and was no message

    def run(self) -> None:
        """See the run through.  Raises what broke, here or at a worker."""
        threads = [self._threads.start(function) for function in (self._hear, self._watch, self._show)]
        gevent.wait([self._over, self._threads.failed], count=1)  # switch
        gevent.killall(threads)  # switch
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
        self._carry_out(self._fleet.stop(at_once=self._stops > 1))

    def _hear(self) -> None:
        while True:
            try:
                route, message = self._hub.receive()  # switch
            except Malformed as error:
                # It hurts nobody but who sent it.
                self.refused += 1
                log.warning("refused what is no message: %s", error)
                continue
            self._carry_out(self._fleet.hear(route, message, time.monotonic()))

    def _watch(self) -> None:
        known: dict[str, str] = {}
        while not self._fleet.is_over:
            self._carry_out(self._fleet.tick(time.monotonic()))
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
        for route, message in orders:
            self._hub.send(route, message)
