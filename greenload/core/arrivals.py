"""Arrivals: what the open model wants to begin, and when, whether or not anybody is free to begin it.

The rate is a shape whose level is arrivals a second; the area under it is how many have come due. Each arrival follows
from its number alone, so whoever knows the plan can say which ones are due in any span of time, without those before
it: a worker that joins after an hour knows at once what the others know.

Each carries two draws, numbers evenly spread over 0 to 1: by one it gets its user class, by the other its worker. Knows
nothing of clocks, users or messages: time comes in as seconds since the run began.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import NamedTuple

from greenload.core.shape import MOST_USERS, Shape, ShapeError

UNIFORM, POISSON = "uniform", "poisson"
MOST_LAG_S = 3_600.0

# Arrivals of a Poisson process are drawn block by block, each with random numbers of its own. What comes after a
# moment does not depend on what came before it, so the blocks together are the process, and any of them can be drawn
# without the others.
_BLOCK = 64
_CHUNK = 64 * _BLOCK  # that are counted once

# Multiples of these two, modulo 1, fill the unit square more evenly than random numbers would: each class gets its part
# to within a few arrivals, and each worker its part of each class. The inverse powers of the plastic number; source:
# M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018). In 64-bit whole numbers, so that all
# machines agree to the last bit.
_ONE_BITS = 64
_ONE = 1 << _ONE_BITS
_CLASS_STEP = 0xC13FA9A902A6328F
_WORKER_STEP = 0x91E10DA5C79E7B1D
_FLOAT_BITS = 53

# By how much, as a part of it, an area computed in floats may miss a whole number. No more than that: where a rate
# begins at next to nothing, a millionth of an arrival is seconds.
_HAIR = 1e-12


class Arrival(NamedTuple):
    """One iteration of somebody, to begin at `due_s`.

    class_draw, worker_draw  0 <= draw < 1
    """

    due_s: float
    class_draw: float
    worker_draw: float


@dataclass(frozen=True)
class Arrivals:
    """All arrivals of a run.

    rate       arrivals a second over time
    spacing    UNIFORM, or POISSON: as people come who do not know of each other
    max_users  how many users there may be, of all workers together, to take them
    max_lag_s  how late one may begin; later it is dropped
    """

    rate: Shape
    spacing: str
    max_users: int
    max_lag_s: float

    def __post_init__(self) -> None:
        if self.spacing not in (UNIFORM, POISSON):
            raise ShapeError(f"arrivals are {UNIFORM} or {POISSON}, not {self.spacing!r}")
        if not 1 <= self.max_users <= MOST_USERS:
            raise ShapeError(f"arrivals need 1 to {MOST_USERS} users to take them, not {self.max_users}")
        if not 0 < self.max_lag_s <= MOST_LAG_S:
            raise ShapeError(f"an arrival may wait for up to {MOST_LAG_S:g} s, not {self.max_lag_s:g} s")

    def between(self, from_s: float, until_s: float, seed: int) -> Iterator[Arrival]:
        """Yield the arrivals that come due in from_s <= t < until_s, in order."""
        first, end = self.rate.area_until(from_s), self.rate.area_until(until_s)
        drawn = _uniform(first, end) if self.spacing == UNIFORM else _poisson(first, end, seed)
        for area, class_draw, worker_draw in drawn:
            yield Arrival(self.rate.reaches(area), class_draw, worker_draw)

    def count_until(self, until_s: float, seed: int) -> int:
        """Return how many come due before `until_s`."""
        end = self.rate.area_until(until_s)
        return len(_numbers(0.0, end)) if self.spacing == UNIFORM else _count_poisson(end, seed)


def _numbers(first: float, end: float) -> range:
    """Return the whole numbers in first <= n < end, and those that a float misses by a hair."""
    return range(*(math.ceil(area - _HAIR * (1.0 + area)) for area in (first, end)))


def _uniform(first: float, end: float) -> Iterator[tuple[float, float, float]]:
    """Yield (area, class draw, worker draw) of arrival 0, 1, 2, ...: number n when the area reaches n."""
    for number in _numbers(first, end):
        yield float(number), _part(number * _CLASS_STEP), _part(number * _WORKER_STEP)


def _part(multiple: int) -> float:
    """Return what `multiple` is above a multiple of _ONE, as a part of it: below 1 also when rounded."""
    return (multiple % _ONE >> _ONE_BITS - _FLOAT_BITS) / (1 << _FLOAT_BITS)


def _count_poisson(end: float, seed: int) -> int:
    chunks = int(end // _CHUNK)
    rest = sum(1 for _ in _poisson(chunks * _CHUNK, end, seed))
    return rest + sum(_count_in_chunk(seed, chunk) for chunk in range(chunks))


# Asked for each second of a run that somebody watches: to draw all of an hour anew would take seconds.
@lru_cache(maxsize=4_096)
def _count_in_chunk(seed: int, chunk: int) -> int:
    return sum(1 for _ in _poisson(chunk * _CHUNK, (chunk + 1) * _CHUNK, seed))


def _poisson(first: float, end: float, seed: int) -> Iterator[tuple[float, float, float]]:
    """Yield (area, class draw, worker draw) of arrivals that are one apart on average, and independent."""
    for block in range(int(first // _BLOCK), math.ceil(end / _BLOCK)):
        draw = Random(f"{seed}/arrivals/{block}")
        area = block * _BLOCK - math.log(1.0 - draw.random())
        while area < (block + 1) * _BLOCK:
            marks = draw.random(), draw.random()
            if first <= area < end:
                yield area, *marks
            area -= math.log(1.0 - draw.random())
