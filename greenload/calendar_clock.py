"""The machine's calendar clock: by how much somebody set it while a run went on.

All that is measured is counted on a monotonic clock, which nobody can set. Times of day are not: they are what a file
has, and by them a run is laid beside the logs of a service.
"""

from __future__ import annotations

from collections.abc import Callable

LEAST_STEP_S = (
    0.5  # less may be a clock that is drawn gently to the right time, or a process that had to wait between two
)


class CalendarClock:
    """Compares two clocks, each a function that returns seconds.

    A machine that slept shows like one whose clock was set: while it sleeps only the calendar clock goes on.
    """

    def __init__(self, calendar: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._calendar = calendar
        self._monotonic = monotonic
        self._ahead_s = calendar() - monotonic()

    def step_s(self) -> float:
        """Return by how many seconds the calendar clock was set since this was last asked; 0 when it was not."""
        ahead_s = self._calendar() - self._monotonic()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        return step_s if abs(step_s) >= LEAST_STEP_S else 0.0
