"""Hears the workers of a master while no run goes on. The deciding is the Lobby's. Knows nothing of runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from greenload.core.lobby import Lobby
from greenload.core.messages import Refused
from greenload.core.news import Member
from greenload.core.terms import Terms
from greenload.green import GreenThreads
from greenload.transport import Hub, Unreadable


class Reception:
    """Workers come by `hub`, and wait here on the terms of its master."""

    def __init__(self, hub: Hub, terms: Terms) -> None:
        self._hub = hub
        self._lobby = Lobby(terms)
        self.threads = GreenThreads()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hear who comes while the block lasts; `threads.failed` is set when that is not possible any more."""
        hearing = self.threads.start(self._hear)
        try:
            yield
        finally:
            hearing.kill()  # switch

    def expect(self, members: Iterable[Member]) -> None:
        """Take for here who has just said bye to a run."""
        for member in members:
            self._lobby.expect(member.worker, member.route, time.monotonic())

    def dismiss(self) -> None:
        """Send home who is here: this master makes no more runs."""
        for order in self._lobby.dismiss():
            self._hub.send(*order)

    def here(self) -> list[str]:
        """Return who is here, by name."""
        return self._lobby.here(time.monotonic())

    def _hear(self) -> None:
        while True:
            try:
                route, message = self._hub.receive()  # switch
            except Unreadable as error:
                self._hub.send(error.route, Refused("the master cannot read what this worker says"))
                continue
            for order in self._lobby.hear(route, message, time.monotonic()):
                self._hub.send(*order)
