"""What a run's two sides say to each other: values, without a wire.

The Plan says what a worker shall do; each second it answers with a Report. Seconds are counted from the run's
beginning on the worker's own clock: no clock reading is compared with another machine's.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenload.core.placement import Share
from greenload.core.shape import Shape
from greenload.core.stats import Stats


@dataclass(frozen=True)
class Plan:
    """What a run shall be.

    duration_s is None for a run that ends when somebody ends it. host goes before the classes' own.
    """

    shape: Shape
    duration_s: float | None
    shares: tuple[Share, ...]
    host: str | None
    stop_timeout_s: float
    seed: int


@dataclass(frozen=True)
class Report:
    """What one worker counted in one second of the run.

    from_s, until_s  that second as it was measured: shorter when the run ends in it, longer when the worker was held up
    users            how many live there at its end
    cpu_percent      of one core, in that time
    counted          requests that ended since the beginning, by the worker's own count: what all reports must add up to
    """

    worker: str
    from_s: float
    until_s: float
    stats: Stats
    users: int
    cpu_percent: float
    counted: int

    @property
    def second(self) -> int:
        """The second of the run this report belongs to."""
        return int(self.from_s)

    @property
    def covered_s(self) -> float:
        return self.until_s - self.from_s
