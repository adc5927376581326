"""Two sides compared, name by name: what differs, and what of it is more than chance.

A difference of two percentiles is judged by its 95 % interval from a block bootstrap (`resample`): "slower" where all
of the interval lies above 0, "faster" where all lies below, else "no difference seen", which is not the same as "the
same". A difference below the width of a histogram's bucket, 0.1 %, is none.

Where there are few blocks, or few runs, the interval is made wider: by Student's t instead of the normal distribution,
and by the variance that resampling from so few leaves out. Each percentile of each name is judged by itself: of twenty
comparisons in which nothing differs one is expected to say that something does.

Of one run a side the interval knows how much the service varied within these runs. What differs from run to run, the
state of a cache or of a disk, it can know only from several runs a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

from greenload.core.errors import GreenloadError
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.resample import Draw, Track, Units, draws
from greenload.core.results import Results
from greenload.core.slots import Slot
from greenload.core.stats import Tally

FASTER, SLOWER, NO_DIFFERENCE = "faster", "slower", "no difference seen"
RESPONSE, SERVICE = "response", "service"
PERCENTS = (50.0, 95.0, 99.0)
RESAMPLES = 500
CONFIDENCE = 0.95
FEWEST_SECONDS = 20
# As many values as that must lie above a percentile, or its resamples are the same few values over and over.
FEWEST_ABOVE = 10
BUCKET_WIDTH = 1 / 1024

Name = tuple[str, str]  # (method, name)
TOTAL: Name = ("", "Total")


class NothingToCompare(GreenloadError):
    """A side has no requests, or the two have no name in common."""


@dataclass(frozen=True)
class Spread:
    """The 95 % interval of a difference, in milliseconds and in percent of the first side."""

    low_ms: float
    high_ms: float
    low_percent: float
    high_percent: float


@dataclass(frozen=True)
class Judged:
    """What is to be said of one percentile of one name: a word, and the spread it is said by; or why neither is given.

    beyond_ms  beside Locust: how far ours lies above (or, less than 0, below) all that Locust's number can stand for
    """

    word: str | None
    spread: Spread | None
    reason: str = ""
    beyond_ms: float | None = None


class Side:
    """One run or several, added up: what is to be compared with another side.

    label  what people call it;  clock  by which the durations are compared
    """

    def __init__(self, label: str, runs: Sequence[Results], clock: str = RESPONSE, seed: int = 1) -> None:
        self.label = label
        self.clock = clock
        self.runs = len(runs)
        self.seconds = sum(run.measured_s for run in runs)
        self.tallies: dict[Name, Tally] = {TOTAL: Tally()}
        for run in runs:
            self.tallies[TOTAL].add(run.measured_tally)
            for name, tally in run.measured.tallies.items():
                self.tallies.setdefault(name, Tally()).add(tally)
        if not self.tallies[TOTAL].requests:
            raise NothingToCompare(f"{label} has no requests: there is nothing to compare")
        slots = [[slot for slot in run.slots if slot.first_s >= run.warmup_s] for run in runs]
        self.units = [Units(each) for each in slots]
        self.shortest_s = min(unit.seconds for unit in self.units)
        # By its label, so that it makes no difference which side is the first one.
        random = Random(f"{seed} {label}")
        self._draws: list[Draw] = draws(self.units, RESAMPLES, random) if self.shortest_s >= FEWEST_SECONDS else []

    def durations(self, name: Name) -> Histogram:
        """Return the durations of `name` by the clock of this side."""
        return _by(self.clock, self.tallies[name])

    def resamples(self, name: Name) -> list[list[int] | None]:
        """Return PERCENTS, in microseconds, of each resample."""
        runs = [[self._sum(part, name) for part in unit.parts] for unit in self.units]
        track = Track(runs, self.units)
        return [track.percentiles_us(draw, PERCENTS) for draw in self._draws]

    def _sum(self, part: Sequence[Slot], name: Name) -> Histogram:
        total = Histogram()
        for slot in part:
            tally = slot.total if name == TOTAL else slot.stats.tallies.get(name)
            if tally is not None:
                total.add(_by(self.clock, tally))
        return total


def _by(clock: str, tally: Tally) -> Histogram:
    timings = tally.ended()
    return timings.response if clock == RESPONSE else timings.service


def judge(one: Side, other: Side, name: Name) -> dict[float, Judged]:
    """Return for each of PERCENTS whether `other` is faster or slower than `one`."""
    if min(one.shortest_s, other.shortest_s) < FEWEST_SECONDS:
        return dict.fromkeys(PERCENTS, Judged(None, None, f"too short: it takes runs of {FEWEST_SECONDS} s at least"))
    histograms = one.durations(name), other.durations(name)
    fewest = min(histogram.count for histogram in histograms)
    if fewest < _needed(PERCENTS[0]):
        return {percent: _too_few(percent) for percent in PERCENTS}
    pairs = list(zip(one.resamples(name), other.resamples(name), strict=True))
    drawn = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    exact = [histogram.percentiles(list(PERCENTS)) for histogram in histograms]
    widening = _widening(one, other)
    judged = {}
    for at, percent in enumerate(PERCENTS):
        values = [(ours[at], theirs[at]) for ours, theirs in drawn]
        estimate = exact[0][at], exact[1][at]
        judged[percent] = _judged(estimate, values, widening) if fewest >= _needed(percent) else _too_few(percent)
    return judged


def _judged(estimate: tuple[int, int], values: Sequence[tuple[int, int]], widening: float) -> Judged:
    one, other = estimate
    low, high = _interval(other - one, [theirs - ours for ours, theirs in values], widening)
    part = other / one - 1
    low_part, high_part = _interval(part, [theirs / ours - 1 for ours, theirs in values], widening)
    spread = Spread(low / 1000, high / 1000, 100 * low_part, 100 * high_part)
    if abs(other - one) <= max(1.0, BUCKET_WIDTH * max(one, other)) or low <= 0 <= high:
        return Judged(NO_DIFFERENCE, spread)
    return Judged(SLOWER if low > 0 else FASTER, spread)


def _interval(estimate: float, differences: list[float], widening: float) -> tuple[float, float]:
    """Return the percentile interval, its two arms made longer by `widening`."""
    ordered = sorted(differences)
    beyond = int((1 - CONFIDENCE) / 2 * len(ordered))
    low, high = ordered[beyond], ordered[-1 - beyond]
    return estimate - widening * max(0.0, estimate - low), estimate + widening * max(0.0, high - estimate)


def _widening(one: Side, other: Side) -> float:
    """Return how much wider the interval has to be for being made from few blocks, or from few runs."""
    if one.runs > 1 and other.runs > 1:
        return _student(one.runs + other.runs - 2)
    blocks = min(sum(unit.blocks for unit in side.units) for side in (one, other))
    return float(_student(blocks - 1) * (blocks / (blocks - 1)) ** 0.5)


def _student(freedom: int) -> float:
    """Return by how much Student's t is larger than the normal distribution's quantile.

    Source: Abramowitz and Stegun 26.7.5; 3 % too small with two degrees of freedom, less with more.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    terms = (
        (z**3 + z) / (4 * freedom),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3),
    )
    return float((z + sum(terms)) / z)


def _needed(percent: float) -> int:
    return FEWEST_ABOVE * fewest_for(percent)


def _too_few(percent: float) -> Judged:
    return Judged(None, None, f"too few requests: p{percent:g} needs {_needed(percent)} on each side")
