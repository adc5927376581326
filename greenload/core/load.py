"""Load as somebody asks for it: so many users, or so many arrivals a second, over some time.

What is asked for may come from the command line and from the scenario; here the two become one plan. Knows nothing of
either.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from greenload.core.arrivals import UNIFORM, Arrivals
from greenload.core.shape import Shape, ShapeError, constant_rate, ramp

DEFAULT_MAX_USERS = 1_000
DEFAULT_MAX_LAG_S = 5.0

_CLOSED = ("users", "spawn_rate", "stages")
_OPEN = ("rate", "rate_stages")
_OPEN_ONLY = ("arrivals", "max_users", "max_lag")


class Planned(NamedTuple):
    """What was asked for, worked out: the users of the closed model or the arrivals of the open one, and how long."""

    shape: Shape
    arrivals: Arrivals | None
    duration_s: float | None


@dataclass(frozen=True)
class Load:
    """How much load, when; None is what nobody said.

    users, spawn_rate, stages  the closed model: users, users started a second, users over time
    rate, rate_stages          the open model: arrivals a second, and over time
    arrivals, max_users        how they are spaced, and how many users there may be to take them
    max_lag, run_time          seconds: how late one may begin, and when all ends
    """

    users: int | None = None
    spawn_rate: float | None = None
    stages: Shape | None = None
    rate: float | None = None
    rate_stages: Shape | None = None
    arrivals: str | None = None
    max_users: int | None = None
    max_lag: float | None = None
    run_time: float | None = None

    def over(self, other: Load) -> Load:
        """Return what `self` says and, where it says nothing, `other`; a model is taken as a whole."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said = {name: value for name, value in said.items() if value is not None}
        under = replace(other, **dict.fromkeys(_CLOSED + _OPEN)) if said.keys() & {*_CLOSED, *_OPEN} else other
        if said.keys() & set(_CLOSED):
            under = replace(under, **dict.fromkeys(_OPEN_ONLY))
        return replace(under, **said)

    def planned(self) -> Planned:
        """Return the plan of it.  Raises ShapeError when its parts do not go together."""
        if self.run_time is not None and self.run_time <= 0:
            raise ShapeError("a run time must be above 0, for example 30s")
        closed, is_open = self._said(*_CLOSED), self._said(*_OPEN)
        if closed and is_open:
            raise ShapeError(
                f"{is_open[0]} says how often something begins, {closed[0]} how many users there are: choose one"
            )
        if is_open:
            return self._open()
        if unfit := self._said(*_OPEN_ONLY):
            raise ShapeError(f"{unfit[0]} goes with a rate, and none was said")
        if self.stages is not None:
            if self.users is not None or self.spawn_rate is not None:
                raise ShapeError("stages say the users over time; users and spawn rate do not go with them")
            return Planned(self.stages, None, self._duration_s(self.stages))
        return Planned(ramp(_or(self.users, 1), _or(self.spawn_rate, 1.0)), None, self.run_time)

    def _open(self) -> Planned:
        if self.rate is not None and self.rate_stages is not None:
            raise ShapeError("rate stages say the rate over time; a rate does not go with them")
        rate = self.rate_stages or constant_rate(_or(self.rate, 0.0))
        max_users, max_lag_s = _or(self.max_users, DEFAULT_MAX_USERS), _or(self.max_lag, DEFAULT_MAX_LAG_S)
        arrivals = Arrivals(rate, _or(self.arrivals, UNIFORM), max_users, max_lag_s)
        return Planned(Shape(()), arrivals, self._duration_s(self.rate_stages))

    def _duration_s(self, stages: Shape | None) -> float | None:
        return stages.duration_s if self.run_time is None and stages is not None else self.run_time

    def _said(self, *names: str) -> list[str]:
        """Return which of `names` have been said, as a person writes them."""
        return [name.replace("_", "-") for name in names if getattr(self, name) is not None]


def _or(said: Any, default: Any) -> Any:
    return default if said is None else said
