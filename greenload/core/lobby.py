"""The lobby of a master that makes one run after the other: who is here while no run goes on.

A worker says hello until a run begins, and again when one is over. Knows nothing of runs, and decides nothing but who
may wait here; news in, answers out, as with a Fleet.
"""

from __future__ import annotations

from greenload.core.attendance import STALLED_AFTER_S
from greenload.core.messages import Bye, Farewell, Fetch, FromWorker, Hello, Order, Refused
from greenload.core.terms import Terms


class Lobby:
    """The workers that wait for the next run, on the `terms` of this master."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._heard: dict[str, tuple[float, bytes]] = {}  # by name: when, and where they are

    def hear(self, route: bytes, message: FromWorker, now_s: float) -> list[Order]:
        """Take in what a worker says, and return what is to be said because of it."""
        if isinstance(message, Hello):
            return self._hello(route, message, now_s)
        if isinstance(message, Fetch):
            return [Order(route, self._terms.answer(message))]
        if isinstance(message, Bye):
            # Of one that was here and leaves, or of one whose run is over and that has not heard so.
            self._heard.pop(message.worker, None)
            return [Order(route, Farewell(more_runs=True))]
        # It outlived its run: stood still, or had another master. What it counted since belongs to nothing any more.
        return [Order(route, Farewell(more_runs=True))]

    def expect(self, worker: str, route: bytes, now_s: float) -> None:
        """Take a worker for here that is on its way from the last run, and will say hello in a moment."""
        self._heard[worker] = now_s, route

    def here(self, now_s: float) -> list[str]:
        """Return who is here, by name: who has said hello just now."""
        return sorted(name for name, (heard_s, _) in self._heard.items() if now_s - heard_s <= STALLED_AFTER_S)

    def dismiss(self) -> list[Order]:
        """Send home who is here: no other run will come."""
        return [Order(route, Farewell(more_runs=False)) for _, route in self._heard.values()]

    def _hello(self, route: bytes, hello: Hello, now_s: float) -> list[Order]:
        objection = self._terms.objection(hello)
        if objection is not None:
            return [Order(route, Refused(objection))]
        self._heard[hello.worker] = now_s, route
        return []
