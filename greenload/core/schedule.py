"""When a run begins, goes on, and is past its end, on the master's clock."""

from __future__ import annotations

import math

from greenload.core.errors import GreenloadError
from greenload.core.messages import Plan

PATIENCE_S = 5.0  # beyond what the plan allows for finishing tasks, to hear that they have


class NotRunning(GreenloadError):
    """What was asked for can only be done while the run goes on."""


class Schedule:
    """The times of one run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began_s: float | None = None
        self._stopped_s = math.inf

    def begin(self, now_s: float) -> None:
        self._began_s = now_s

    def stop(self, now_s: float) -> None:
        self._stopped_s = min(self._stopped_s, now_s)

    @property
    def has_begun(self) -> bool:
        return self._began_s is not None

    def elapsed_s(self, now_s: float) -> float:
        """Return the seconds since the beginning, 0 before it."""
        return 0.0 if self._began_s is None else now_s - self._began_s

    def goes_on(self, now_s: float) -> bool:
        """Whether there is still load to make."""
        return self._began_s is not None and now_s < self._end_s()

    def check_takes_users(self, now_s: float) -> None:
        """Raise NotRunning unless the number of users can be changed now."""
        if self._plan.arrivals is not None:
            raise NotRunning("a run with a rate has as many users as it takes; their number cannot be changed")
        self._check_goes_on("users can be changed", now_s)

    def check_takes_rate(self, now_s: float) -> None:
        """Raise NotRunning unless the rate can be changed now."""
        if self._plan.arrivals is None:
            raise NotRunning("a run with so many users has no rate; change their number")
        self._check_goes_on("the rate can be changed", now_s)

    def check_can_begin_anew(self, now_s: float) -> None:
        """Raise NotRunning unless something is left to be measured."""
        self._check_goes_on("what is measured can begin anew", now_s)

    def _check_goes_on(self, what_can_be: str, now_s: float) -> None:
        if not self.goes_on(now_s):
            raise NotRunning(f"{what_can_be} while the run goes on, not before or after")

    def is_past(self, now_s: float) -> bool:
        """Whether the run's time, and that for finishing tasks and saying so, has gone by."""
        return self._began_s is not None and now_s > self._end_s() + self._plan.stop_timeout_s + PATIENCE_S

    def _end_s(self) -> float:
        planned_s = math.inf
        if self._began_s is not None and self._plan.duration_s is not None:
            planned_s = self._began_s + self._plan.duration_s
        return min(planned_s, self._stopped_s)
