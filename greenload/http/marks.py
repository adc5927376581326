"""Marks: how far a request has come, and when; so its phases are clocked, over whichever engine it goes.

A phase begins where the one before it ended and is counted as soon as the request has come through it, whatever becomes
of the request after that. Knows nothing of sockets.
"""

from __future__ import annotations

from collections.abc import Callable

from greenload.core.phases import Phase


class Marks:
    """The clock of one call's phases.

    In this order: `begin`; `connected`, `secured` where there is a new connection; `arrived`; `answered`; `received`.
    A redirect begins again.
    now     seconds on the clock of the request's other times
    record  told each phase, and how many seconds it took
    """

    __slots__ = ("_arrived_s", "_is_new", "_now", "_record", "_since_s")

    def __init__(self, now: Callable[[], float], record: Callable[[Phase, float], None]) -> None:
        self._now = now
        self._record = record
        self.begin()

    def begin(self) -> None:
        """The request is handed to its engine."""
        self._is_new = False
        self._since_s = self._arrived_s = self._now()

    def connected(self) -> None:
        """A new connection stands; TLS, if there is any, begins."""
        self._is_new = True
        self._pass("connect", self._now())

    def secured(self) -> None:
        """TLS has been agreed on."""
        self._pass("tls", self._now())

    def arrived(self) -> None:
        """A first byte has arrived. If it turns out to be that of an announcement, the answer's is still to come."""
        self._arrived_s = self._now()

    def answered(self) -> None:
        """The head of the answer is whole, so what arrived last as a first byte was that of the answer."""
        self._pass("first_byte_new" if self._is_new else "first_byte_reused", self._arrived_s)

    def received(self) -> None:
        """The body is whole."""
        self._pass("receive_new" if self._is_new else "receive_reused", self._now())

    def _pass(self, phase: Phase, at_s: float) -> None:
        self._record(phase, at_s - self._since_s)
        self._since_s = at_s
