"""Which rows of a scenario's test data were given to whom: each row once, to one worker.

A counter, and a memory for what was answered, since a question whose answer was lost comes again. The rows themselves
are nowhere here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from greenload.core.messages import Claim


class Granted(NamedTuple):
    """Rows first, first + 1, ... first + size - 1 of `rows` are the worker's; `number` is its claim's."""

    rows: str
    worker: str
    epoch: int
    number: int
    first: int
    size: int


class Grants:
    """All that was granted, in whatever order it is read."""

    def __init__(self, granted: Iterable[Granted] = ()) -> None:
        self._next: dict[str, int] = {}
        self._last: dict[tuple[str, int], Granted] = {}
        for each in granted:
            self._note(each)

    def grant(self, claim: Claim) -> tuple[Granted, bool]:
        """Return what `claim` is given, and whether that is new: a claim that comes again is answered the same."""
        last = self._last.get((claim.worker, claim.epoch))
        if last is not None and last.number >= claim.number:
            return last, False
        first = self._next.get(claim.rows, 0)
        granted = Granted(claim.rows, claim.worker, claim.epoch, claim.number, first, claim.count)
        self._note(granted)
        return granted, True

    def _note(self, granted: Granted) -> None:
        self._next[granted.rows] = max(self._next.get(granted.rows, 0), granted.first + granted.size)
        last = self._last.get((granted.worker, granted.epoch))
        if last is None or last.number < granted.number:
            self._last[granted.worker, granted.epoch] = granted
