"""Where a worker's users wait for rows of test data: those that wait together are asked for together.

Knows nothing of the rows, only their numbers, nor of who hands them out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

import gevent
from gevent.event import AsyncResult, Event

from greenload.core.messages import MOST_ROWS_AT_ONCE

GATHER_S = 0.02
ASK_AGAIN_S = 1.0

Ask = Callable[[int, str, int], object]


class RowDesk:
    """One worker's desk.  ask(number, rows, count) sends the claim with that number."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: dict[str, deque[AsyncResult[int]]] = {}
        self._somebody = Event()
        self._answered: AsyncResult[int] = AsyncResult()
        self._number = 0

    def take(self, rows: str) -> int:
        """Return the number of a row that is the caller's alone."""
        place: AsyncResult[int] = AsyncResult()
        self._waiting.setdefault(rows, deque()).append(place)
        self._somebody.set()
        return cast(int, place.get())  # switch

    def answer(self, number: int, first: int) -> None:
        """Take in what claim `number` was given."""
        if number == self._number:
            self._answered.set(first)

    def serve(self) -> None:
        """Ask for those who wait, one set of rows after the other, for ever."""
        while True:
            self._somebody.wait()  # switch
            gevent.sleep(GATHER_S)  # switch: who comes at the same time is asked for together
            self._somebody.clear()
            for rows in list(self._waiting):
                places = self._waiting.pop(rows)
                while places:
                    count = min(len(places), MOST_ROWS_AT_ONCE)
                    first = self._claim(rows, count)  # switch
                    for row in range(first, first + count):
                        places.popleft().set(row)

    def _claim(self, rows: str, count: int) -> int:
        """Ask until there is an answer; return the first of `count` rows."""
        self._number += 1
        self._answered = AsyncResult()
        while not self._answered.ready():
            self._ask(self._number, rows, count)
            self._answered.wait(ASK_AGAIN_S)  # switch
        return cast(int, self._answered.get())  # switch
