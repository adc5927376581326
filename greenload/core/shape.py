"""Load shapes: how much load, when.

A shape is a level over time, in straight lines from stage to stage; in the closed model the level is a number of
users. Knows nothing of clocks or workers: time comes in as seconds since the run began.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from greenload.core.errors import GreenloadError

MOST_USERS = 1_000_000
MOST_SECONDS = 1e9  # about 30 years

# A level computed as a ratio of floats may miss a whole number by a hair; nobody plans a millionth of a user.
_HAIR = 1e-6


class ShapeError(GreenloadError):
    """A duration, a stage or a level that cannot be meant."""


@dataclass(frozen=True)
class Stage:
    """A straight line to `level`, taking `duration_s` seconds; 0 seconds is a jump."""

    level: float
    duration_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.level <= MOST_USERS:
            raise ShapeError(f"a stage needs a level of 0 to {MOST_USERS}, not {self.level:g}")
        if not 0 <= self.duration_s <= MOST_SECONDS:
            raise ShapeError(f"a stage needs a duration of 0 to {MOST_SECONDS:g} s, not {self.duration_s:g} s")


class Step(NamedTuple):
    """From `at_s` on, `users` users live (until the next step)."""

    at_s: float
    users: int


@dataclass(frozen=True)
class Shape:
    """Stages one after the other, from level 0; after the last one its level stays."""

    stages: tuple[Stage, ...]

    @property
    def duration_s(self) -> float:
        """Seconds until the last stage ends."""
        return max((until_s for _, until_s, _, _ in self._lines()), default=0.0)

    @property
    def most_users(self) -> int:
        """The most users there ever are."""
        return max((math.ceil(stage.level - _HAIR) for stage in self.stages), default=0)

    def level_at(self, at_s: float) -> float:
        """Return the level `at_s` seconds after the start."""
        if at_s < 0:
            return 0.0
        for from_s, until_s, low, high in self._lines():
            if at_s < until_s:
                return low + (high - low) * (at_s - from_s) / (until_s - from_s)
        return self.stages[-1].level if self.stages else 0.0

    def area_until(self, at_s: float) -> float:
        """Return the area under the level up to `at_s`: of a rate, how many have come due by then."""
        area = 0.0
        for from_s, until_s, low, high in self._lines():
            if at_s < until_s:
                return area + (at_s - from_s) * (low + self.level_at(at_s)) / 2
            area += (until_s - from_s) * (low + high) / 2
        return area + (at_s - self.duration_s) * self.level_at(at_s)

    def reaches(self, area: float) -> float:
        """Return when `area_until` comes to `area`; infinity when it never does."""
        at_s = low = 0.0
        for from_s, until_s, low, high in self._lines():
            width_s = until_s - from_s
            whole = width_s * (low + high) / 2
            if area < whole:
                # low x + slope x x / 2 = area, in the form that does not divide by a slope of 0.
                slope = (high - low) / width_s
                both = low + math.sqrt(max(0.0, low * low + 2 * slope * area))
                return from_s + (2 * area / both if both else 0.0)
            area -= whole
            at_s, low = until_s, high
        return at_s + area / low if low else math.inf

    def until(self, at_s: float, level: float, within_s: float = 0.0) -> Shape:
        """Return the shape that is this one until `at_s`, then goes to `level` within `within_s`, and stays there."""
        stages: list[Stage] = []
        for stage, (from_s, until_s, _, _) in zip(self.stages, self._lines(), strict=True):
            if at_s < until_s:
                if at_s > from_s:
                    stages.append(Stage(self.level_at(at_s), at_s - from_s))
                break
            stages.append(stage)
        else:
            stages.append(Stage(self.level_at(at_s), at_s - self.duration_s))
        return Shape((*stages, Stage(level, within_s)))

    def steps(self) -> Iterator[Step]:
        """Yield every change of the number of users, each at its own instant, in order.

        A ramp from 0 to 50 users in 5 s is fifty steps 0.1 s apart, not five bursts of ten: a burst each second is a
        load nobody asked for. The first user of a ramp starts at its beginning, the last one of a ramp down stops at
        its end.
        """
        users = 0
        for from_s, until_s, low, high in self._lines():
            for count, part in _crossings(low, high, users):
                users = count
                yield Step(min(until_s, from_s + part * (until_s - from_s)), users)

    def _lines(self) -> Iterator[tuple[float, float, float, float]]:
        """Yield the stages as straight lines: (from_s, until_s, level at from_s, level at until_s)."""
        # Added up here and nowhere else: two sums of the same durations may differ in the last digit, and a jump at
        # the end would fall between them.
        from_s = low = 0.0
        for stage in self.stages:
            yield from_s, from_s + stage.duration_s, low, stage.level
            from_s, low = from_s + stage.duration_s, stage.level


def ramp(users: int, spawn_rate: float) -> Shape:
    """Return the shape of `-u users -r spawn_rate`: up to `users` at `spawn_rate` users/s, and there it stays."""
    if not 1 <= users <= MOST_USERS:
        raise ShapeError(f"a run needs 1 to {MOST_USERS} users, not {users}")
    check_spawn_rate(spawn_rate)
    return Shape((Stage(users, users / spawn_rate),))


def check_spawn_rate(spawn_rate: float) -> None:
    """Raise ShapeError when users cannot come and go at `spawn_rate` users/s."""
    if not 0 < spawn_rate < math.inf:
        raise ShapeError(f"a spawn rate must be above 0 users/s, not {spawn_rate:g}")


def steps_to(users: int, from_users: int, spawn_rate: float, from_s: float) -> Iterator[Step]:
    """Yield the steps from `from_users` to `users` at `spawn_rate` users/s up or down, the first one at `from_s`."""
    down = users < from_users
    for number, each in enumerate(range(from_users, users, -1 if down else 1)):
        yield Step(from_s + number / spawn_rate, each - 1 if down else each + 1)


def _crossings(low: float, high: float, users: int) -> Iterator[tuple[int, float]]:
    """Yield (users, part of the stage gone by) each time the line from `low` to `high` changes the number of users."""
    last = math.ceil(high - _HAIR)
    step = 1 if last > users else -1
    for count in range(users + step, last + step, step) if last != users else ():
        # Going up, user n is there from level n - 1 on; going down, it leaves when the level has come down to n - 1.
        crossed_at = count - 1 if step > 0 else count
        yield count, min(1.0, max(0.0, (crossed_at - low) / (high - low)))


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")


def parse_duration_s(text: str) -> float:
    """Return the seconds that `text` means: "90", "1.5s", "2m", "1h20m", "300ms".

    Raises ShapeError with examples when it means none.
    """
    plain = text.strip().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", plain):
        return _checked_s(float(plain), text)
    match = _DURATION.fullmatch(plain)
    if not plain or match is None:
        raise ShapeError(f"{text!r} is not a duration; write for example 30s, 2m, 1h20m or 500ms")
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return _checked_s(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000, text)


def _checked_s(seconds: float, text: str) -> float:
    """Return `seconds`.  Raises ShapeError when it is more than any message carries."""
    if seconds > MOST_SECONDS:
        raise ShapeError(f"{text!r} is too long a duration; there can be at most {MOST_SECONDS:g} s")
    return seconds


def parse_rate(text: str) -> float:
    """Return the arrivals a second that `text` means: "200/s", "12000/m", "0.5/s".

    Raises ShapeError with examples when it means none.
    """
    match = _RATE.fullmatch(text.strip().replace(" ", ""))
    if match is None:
        raise ShapeError(f"{text!r} is not a rate; write for example 200/s or 12000/m")
    return float(match[1]) / _SECONDS_IN[match[2]]


_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
_SECONDS_IN = {"s": 1, "m": 60, "h": 3600}


def constant_rate(per_s: float) -> Shape:
    """Return the shape of `per_s` arrivals a second, from the first moment on."""
    if not per_s > 0:
        raise ShapeError(f"a rate must be above 0/s, not {per_s:g}/s")
    return Shape((Stage(per_s, 0.0),))


class _Level(NamedTuple):
    """What a stage of one sort is written with."""

    word: str
    one: str
    example: str
    parse: Callable[[str], float]


def parse_stages(text: str) -> Shape:
    """Return the shape that `text` means: "50@30s,50@2m,0@10s" is up to 50 users in 30 s, 2 min there, down in 10 s.

    Raises ShapeError, naming the stage, when a part of it means nothing.
    """
    return _parse_shape(text, _Level("USERS", "a user", "50@30s,50@2m,0@10s", _parse_users))


def parse_rate_stages(text: str) -> Shape:
    """Return the shape that `text` means: "100/s@30s,400/s@2m" is up to 100/s in 30 s, and to 400/s in 2 min.

    Raises ShapeError, naming the stage, when a part of it means nothing.
    """
    return _parse_shape(text, _Level("RATE", "an arrival", "100/s@30s,400/s@2m,0/s@10s", parse_rate))


def _parse_users(text: str) -> float:
    if not re.fullmatch(r"\d+", text):
        raise ShapeError(f"{text!r} is not a number of users")
    return float(text)  # which takes any number of digits


def _parse_shape(text: str, level: _Level) -> Shape:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ShapeError(f"{text!r} is not a list of stages; write for example {level.example}")
    shape = Shape(tuple(_parse_stage(part, level) for part in parts))
    if not any(stage.level for stage in shape.stages) or not shape.duration_s:
        raise ShapeError(f"{text!r} never has {level.one} for any time; write for example {level.example}")
    _checked_s(shape.duration_s, text)
    return shape


def _parse_stage(text: str, level: _Level) -> Stage:
    height, _, duration = text.partition("@")
    try:
        reached = level.parse(height.strip()) if duration.strip() else None
    except ShapeError:
        reached = None
    if reached is None:
        example = level.example.partition(",")[0]
        raise ShapeError(f"{text!r} is not a stage; write {level.word}@DURATION, for example {example}")
    return Stage(reached, parse_duration_s(duration))
