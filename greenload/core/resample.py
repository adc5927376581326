"""How far a percentile can be off by chance: a run's seconds drawn anew, a block at a time.

What happens in one second is not independent of the second before: a garbage collection, a cache that fills, a queue
that drains go on for some seconds. So not requests are drawn, nor single seconds, but blocks of seconds that follow one
another; each resample is as long as the run, and its percentiles are those of the sum of the histograms drawn. Merging
is addition, so that costs no more than adding.

A block is 2 * n ** (1/3) seconds of a run of n: 8 s of a minute, 14 s of five, 31 s of an hour. The power is the one at
which the error of the variance falls fastest (Hall, Horowitz and Jing 1995); the 2 is for times that stay high for some
seconds, at which half of it says "slower" of one null comparison in nine instead of one in twenty. Blocks go round the
run's end, so that its first and last seconds are drawn as often as the others (Politis and Romano 1992).

Of several runs a side, runs are drawn first, and then their blocks; one fewer than there are, which makes up for the
variance that drawing from so few leaves out (McCarthy and Snowden 1985).

Sources: H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Ann. Statist. 17 (1989);
B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from greenload.core.histogram import Histogram, highest_us_in
from greenload.core.slots import Slot

MOST_EDGES = 1_000  # at which the counts of a resample are known; between two of them lie 0.3 % at most, in practice

Draw = list[tuple[int, list[int]]]  # (run, where each block begins), for each run that was drawn


def block_length_s(seconds: int) -> int:
    """Return how many seconds are drawn together, of a run of so many."""
    return max(1, int(0.5 + 2 * float(seconds ** (1 / 3))))


class Units:
    """A run cut into the parts that blocks are made of: seconds; or blocks at once, where seconds were joined."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.seconds = sum(slot.width_s for slot in slots)
        block_s = block_length_s(self.seconds) if slots else 1
        is_by_the_second = all(slot.width_s == 1 for slot in slots)
        self.parts = [[slot] for slot in slots] if is_by_the_second else _joined(slots, block_s)
        self.block = min(block_s, len(self.parts)) if is_by_the_second else 1
        self.blocks = -(-len(self.parts) // self.block) if self.parts else 0  # in one resample


def _joined(slots: Sequence[Slot], at_least_s: int) -> list[list[Slot]]:
    """Return neighbours together, each lot at least so long; what is left over goes with the last one."""
    lots: list[list[Slot]] = []
    for slot in slots:
        if lots and sum(each.width_s for each in lots[-1]) < at_least_s:
            lots[-1].append(slot)
        else:
            lots.append([slot])
    if len(lots) > 1 and sum(each.width_s for each in lots[-1]) < at_least_s:
        rest = lots.pop()
        lots[-1] += rest
    return lots


def draws(runs: Sequence[Units], count: int, random: Random) -> list[Draw]:
    """Return what `count` resamples of these runs are made of."""
    number = max(1, len(runs) - 1)
    made = []
    for _ in range(count):
        chosen = [random.randrange(len(runs)) for _ in range(number)] if len(runs) > 1 else [0]
        made.append([(run, _starts(runs[run], random)) for run in chosen])
    return made


def _starts(units: Units, random: Random) -> list[int]:
    return [random.randrange(len(units.parts)) for _ in range(units.blocks)]


class Track:
    """One name's durations on one side: for each run a histogram a unit, made ready to be added up often.

    The histograms of a block become one integer: the cumulative count at each edge, side by side in it. Adding two such
    integers adds all counts at once, in C, so that a resample takes some microseconds a block.
    """

    def __init__(self, runs: Sequence[Sequence[Histogram]], units: Sequence[Units]) -> None:
        used = sorted({bucket for run in runs for histogram in run for bucket in histogram.counts})
        step = -(-len(used) // MOST_EDGES) or 1
        edges = used[::-1][::step][::-1]  # from the top: the last bucket is among them
        self._ends_us = [highest_us_in(bucket) for bucket in edges]
        self._place = {bucket: bisect_left(edges, bucket) for bucket in used}
        most = max((unit.blocks * unit.block for unit in units), default=0) * len(units)
        largest = max((histogram.count for run in runs for histogram in run), default=0)
        self._code = "I" if most * largest < 2**32 else "Q"
        self._blocks = [
            _in_circles([self._packed(histogram) for histogram in run], unit.block)
            for run, unit in zip(runs, units, strict=True)
        ]

    def percentiles_us(self, draw: Draw, percents: Sequence[float]) -> list[int] | None:
        """Return the percentiles of one resample; None where not one request was in it."""
        total = sum(self._blocks[run][start] for run, starts in draw for start in starts)
        counts = array(self._code)
        counts.frombytes(total.to_bytes(len(self._ends_us) * counts.itemsize, "little"))
        if not counts or not counts[-1]:
            return None
        ranks = [max(1, -(-round(percent * 1000) * counts[-1] // 100_000)) for percent in percents]
        return [self._ends_us[bisect_left(counts, rank)] for rank in ranks]

    def _packed(self, histogram: Histogram) -> int:
        counts = [0] * len(self._ends_us)
        for bucket, count in histogram.counts.items():
            counts[self._place[bucket]] += count
        return int.from_bytes(array(self._code, accumulate(counts)).tobytes(), "little")


def _in_circles(packed: Sequence[int], length: int) -> list[int]:
    """Return for each of `packed` the sum of it and those after it, `length` in all, going round the end."""
    total = sum(packed[:length])
    sums = []
    for first, leaving in enumerate(packed):
        sums.append(total)
        total += packed[(first + length) % len(packed)] - leaving
    return sums
