"""The phases of requests: how long it took to connect, to agree on TLS, to the first byte, and to the last one.

What a request waits for is not the same over a connection that it had to make and over one that stood already, so first
byte and receiving are counted apart for the two. Adding Phases is associative and commutative, as all adding is here.
Knows nothing of sockets, names or clocks.
"""

from __future__ import annotations

from typing import Literal, get_args

from greenload.core.histogram import Histogram

Phase = Literal["connect", "tls", "first_byte_new", "first_byte_reused", "receive_new", "receive_reused"]
PHASES: tuple[Phase, ...] = get_args(Phase)  # in the order in which a request comes through them


class Phases:
    """A histogram for each phase that was measured, and none for the others."""

    __slots__ = ("histograms",)

    def __init__(self) -> None:
        self.histograms: dict[Phase, Histogram] = {}

    @property
    def buckets(self) -> int:
        """How many histogram buckets there are in it."""
        return sum(len(histogram.counts) for histogram in self.histograms.values())

    def record(self, phase: Phase, took_us: int) -> None:
        self._histogram(phase).record(took_us)

    def add(self, other: Phases) -> None:
        """Add all that `other` counted; `other` is left as it is."""
        for phase, histogram in other.histograms.items():
            self._histogram(phase).add(histogram)

    def _histogram(self, phase: Phase) -> Histogram:
        histogram = self.histograms.get(phase)
        if histogram is None:
            histogram = self.histograms[phase] = Histogram()
        return histogram
