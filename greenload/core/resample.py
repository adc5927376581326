"""How far a percentile can be off by chance: a run's seconds drawn anew, a block at a time.

What happens in one second is not independent of the second before: a garbage collection, a cache that fills, a queue
that drains go on for some seconds. So not requests are drawn, nor single seconds, but blocks of seconds that follow one
another; each resample is as long as the run, and its percentiles are those of the sum of the histograms drawn. Merging
is addition, so that costs no more than adding.

A block is 2.5 * n ** (1/3) seconds of a run of n: 10 s of a minute, 17 s of five, 38 s of an hour. The power is the one
at which the error of the variance falls fastest (Hall, Horowitz and Jing 1995). The 2.5 was found by simulation: at a
correlation of 0.8 from second to second, 2 gives 5 to 7 % false alarms in runs of a minute, 2.5 gives 4 %. What hangs
together for longer than a block is made up for in `persistence`. Blocks go round the run's end, so that its first and
last seconds are drawn as often as the others (Politis and Romano 1992).

Of several runs a side, runs are drawn first, and then their blocks; one fewer than there are, which makes up for the
variance that drawing from so few leaves out (McCarthy and Snowden 1985).

Sources: H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Ann. Statist. 17 (1989);
B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random

from greenload.core.histogram import highest_us_in

MOST_EDGES = 1_000  # at which the counts of a resample are known; between two of them lie 0.3 % at most, in practice

Draw = list[tuple[int, list[int]]]  # (run, where each block begins), for each run that was drawn


def block_length_s(seconds: int) -> int:
    """Return how many seconds are drawn together, of a run of so many."""
    return max(1, int(0.5 + 2.5 * float(seconds ** (1 / 3))))


class Units:
    """A run cut into `count` parts of `width_s` seconds each, and how many of them are drawn together."""

    def __init__(self, count: int, width_s: int = 1) -> None:
        self.count = count
        self.block = min(count, max(1, round(block_length_s(count * width_s) / width_s)))
        self.block_s = self.block * width_s
        self.blocks = -(-count // self.block) if count else 0  # in one resample


def draws(runs: Sequence[Units], count: int, random: Random) -> list[Draw]:
    """Return what `count` resamples of these runs are made of."""
    number = max(1, len(runs) - 1)
    made = []
    for _ in range(count):
        chosen = [random.randrange(len(runs)) for _ in range(number)] if len(runs) > 1 else [0]
        made.append([(run, _starts(runs[run], random)) for run in chosen])
    return made


def _starts(units: Units, random: Random) -> list[int]:
    return [random.randrange(units.count) for _ in range(units.blocks)]


class Track:
    """One name's durations on one side: for each run the counts of each unit, made ready to be added up often.

    used    count by bucket of all of them, which must be some;  runs: of each run bucket -> count of each unit
    swings  for each of `percents` and each run: by how many requests too many each unit lay above it, up to a constant;
            to a first approximation a percentile is off by chance by as much as their mean is

    The counts of a block become one integer: the cumulative count at each edge, side by side in it. Adding two such
    integers adds all counts at once, in C, so that a resample takes some microseconds a block.
    """

    def __init__(
        self,
        used: Mapping[int, int],
        runs: Iterable[Iterable[Mapping[int, int]]],
        units: Sequence[Units],
        percents: Sequence[float],
    ) -> None:
        buckets = sorted(used)
        step = -(-len(buckets) // MOST_EDGES) or 1
        edges = buckets[::-1][::step][::-1]  # from the top: the last bucket is among them
        self._ends_us = [highest_us_in(bucket) for bucket in edges]
        self._place = {bucket: bisect_left(edges, bucket) for bucket in buckets}
        self._percents = percents
        self._splits = self._places(list(accumulate(self._at_edges(used))))
        self.swings: list[list[list[float]]] = [[[] for _ in units] for _ in percents]
        most = sum(used.values()) * sum(unit.blocks for unit in units)
        self._code = "I" if most < 2**32 else "Q"
        self._blocks = [
            _in_circles([self._packed(counted, number) for counted in run], unit.block)
            for number, (run, unit) in enumerate(zip(runs, units, strict=True))
        ]

    def percentiles_us(self, draw: Draw) -> list[int] | None:
        """Return the percentiles of one resample; None where not one request was in it."""
        total = sum(self._blocks[run][start] for run, starts in draw for start in starts)
        counts = array(self._code)
        counts.frombytes(total.to_bytes(len(self._ends_us) * counts.itemsize, "little"))
        if not counts[-1]:
            return None
        return [self._ends_us[place] for place in self._places(counts)]

    def _places(self, counts: Sequence[int]) -> list[int]:
        """Return the edge of each percentile, of cumulative counts."""
        ranks = [max(1, -(-round(percent * 1000) * counts[-1] // 100_000)) for percent in self._percents]
        return [bisect_left(counts, rank) for rank in ranks]

    def _packed(self, counted: Mapping[int, int], run: int) -> int:
        counts = array(self._code, accumulate(self._at_edges(counted)))
        for swings, percent, split in zip(self.swings, self._percents, self._splits, strict=True):
            swings[run].append(percent / 100 * counts[-1] - counts[split])
        return int.from_bytes(counts.tobytes(), "little")

    def _at_edges(self, counted: Mapping[int, int]) -> list[int]:
        counts = [0] * len(self._ends_us)
        for bucket, count in counted.items():
            counts[self._place[bucket]] += count
        return counts


def _in_circles(packed: Sequence[int], length: int) -> list[int]:
    """Return for each of `packed` the sum of it and those after it, `length` in all, going round the end."""
    total = sum(packed[:length])
    sums = []
    for first, leaving in enumerate(packed):
        sums.append(total)
        total += packed[(first + length) % len(packed)] - leaving
    return sums
