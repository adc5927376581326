"""The load a scenario asks for itself, where the command line asks for none."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, ClassVar

from greenload.core.arrivals import POISSON, UNIFORM
from greenload.core.load import Load
from greenload.core.shape import Shape, ShapeError, parse_duration_s, parse_rate, parse_rate_stages, parse_stages


class LoadShape:
    """How much load, when. People derive a class from it in their scenario, and ask as on a command line:

        class Morning(LoadShape):
            rate_stages = "100/s@30s,400/s@2m,0/s@10s"
            arrivals = "poisson"

    users, spawn_rate, stages         the closed model:  50,  10,  "50@30s,50@2m,0@10s"
    rate, rate_stages                 the open model:  "200/s",  "100/s@30s,400/s@2m"
    arrivals, max_users, max_lag      with the open model:  "uniform" or "poisson",  1000,  "5s"
    run_time                          "5m"

    What the command line says goes before it.
    """

    users: ClassVar[int | None] = None
    spawn_rate: ClassVar[float | None] = None
    stages: ClassVar[str | None] = None
    rate: ClassVar[str | None] = None
    rate_stages: ClassVar[str | None] = None
    arrivals: ClassVar[str | None] = None
    max_users: ClassVar[int | None] = None
    max_lag: ClassVar[str | None] = None
    run_time: ClassVar[str | None] = None


def load_of(shape: type[LoadShape]) -> Load:
    """Return what `shape` asks for.  Raises ShapeError, naming the attribute, when something in it means nothing."""
    said: dict[str, Any] = {}
    for name in dir(shape):
        if name.startswith("_"):
            continue
        if name not in _PARSERS:
            close = get_close_matches(name, _PARSERS, n=1)
            raise ShapeError(f"a LoadShape has no {name}" + (f"; did you mean {close[0]}?" if close else ""))
        value = getattr(shape, name)
        if value is not None:
            try:
                said[name] = _PARSERS[name](value)
            except (ShapeError, TypeError, ValueError, OverflowError) as error:
                raise ShapeError(f"{name} = {value!r}: {error}") from error
    return Load(**said)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ShapeError("expected a whole number above 0")
    return value


def _spawn_rate(value: Any) -> float:
    if not isinstance(value, (int, float)) or not value > 0:
        raise ShapeError("expected a number above 0")
    return float(value)


def _spacing(value: Any) -> str:
    if value not in (UNIFORM, POISSON):
        raise ShapeError(f"expected {UNIFORM!r} or {POISSON!r}")
    return str(value)


def _text_of(parse: Callable[[str], float | Shape]) -> Callable[[Any], float | Shape]:
    return lambda value: parse(str(value))


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "users": _whole,
    "spawn_rate": _spawn_rate,
    "stages": _text_of(parse_stages),
    "rate": _text_of(parse_rate),
    "rate_stages": _text_of(parse_rate_stages),
    "arrivals": _spacing,
    "max_users": _whole,
    "max_lag": _text_of(parse_duration_s),
    "run_time": _text_of(parse_duration_s),
}
