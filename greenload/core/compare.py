"""Two sides compared, name by name: what differs, and what of it is more than chance.

A difference of two percentiles is judged by its 95 % interval from a block bootstrap (`resample`): "slower" where all
of the interval lies above 0, "faster" where all lies below, else "no difference seen", which is not the same as "the
same". A difference below the width of a histogram's bucket, 0.1 %, is none.

Where there are few blocks, or few runs, the interval is made wider: by Student's t instead of the normal distribution,
and by the variance that resampling from so few leaves out; where seconds hang together for longer than a block, by what
that leaves out (`persistence`). Where a run says no more than FEWEST_INDEPENDENT single seconds would, no difference is
seen, whatever the interval. Each percentile of each name is judged by itself: of twenty
comparisons in which nothing differs one is expected to say that something does.

Of one run a side the interval knows how much the service varied within these runs. What differs from run to run, the
state of a cache or of a disk, it can know only from several runs a side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

from greenload.core.errors import GreenloadError
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.persistence import Persistence, persistence
from greenload.core.resample import Draw, Track, Units, draws
from greenload.core.strip import TOTAL, Name, Strip

FASTER, SLOWER, NO_DIFFERENCE = "faster", "slower", "no difference seen"
PERCENTS = (50.0, 95.0, 99.0)
RESAMPLES = 500
CONFIDENCE = 0.95
FEWEST_SECONDS = 20
FEWEST_INDEPENDENT = 5  # with fewer, what a level will do next cannot be told from what it did
# As many values as that must lie above a percentile, or its resamples are the same few values over and over.
FEWEST_ABOVE = 10
BUCKET_WIDTH = 1 / 1024


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


@dataclass(frozen=True)
class Doubt:
    """By how much wider an interval has to be than its resamples are spread; reason: why it says nothing at all."""

    widening: float
    reason: str = ""


class Side:
    """One run or several, added up: what is to be compared with another side.

    label  what people call it
    """

    def __init__(self, label: str, strips: Sequence[Strip], seed: int = 1) -> None:
        self.label = label
        self.runs = len(strips)
        self.seconds = sum(strip.measured_s for strip in strips)
        self.shortest_s = min(strip.seconds for strip in strips)
        self.strips = strips
        self.durations: dict[Name, Histogram] = {}
        self.failures: Counter[Name] = Counter()
        for strip in strips:
            self.failures.update(strip.failures)
            for name, durations in strip.durations.items():
                self.durations.setdefault(name, Histogram()).add(durations)
        if not self.durations[TOTAL].count:
            raise NothingToCompare(f"{label} has no requests: there is nothing to compare")
        self.units = [Units(strip.units, strip.width_s) for strip in strips]
        # By its label, so that it makes no difference which side is the first one.
        random = Random(f"{seed} {label}")
        self._draws: list[Draw] = draws(self.units, RESAMPLES, random) if self.shortest_s >= FEWEST_SECONDS else []

    def track(self, name: Name) -> Track:
        runs = (strip.by_unit(name) for strip in self.strips)
        return Track(self.durations[name].counts, runs, self.units, PERCENTS)

    def resamples(self, track: Track) -> list[list[int] | None]:
        """Return PERCENTS, in microseconds, of each resample."""
        return [track.percentiles_us(draw) for draw in self._draws]


def judge(one: Side, other: Side, name: Name) -> dict[float, Judged]:
    """Return for each of PERCENTS whether `other` is faster or slower than `one`."""
    if min(one.shortest_s, other.shortest_s) < FEWEST_SECONDS:
        return dict.fromkeys(PERCENTS, Judged(None, None, f"too short: it takes runs of {FEWEST_SECONDS} s at least"))
    histograms = one.durations[name], other.durations[name]
    fewest = min(histogram.count for histogram in histograms)
    if fewest < _needed(PERCENTS[0]):
        return {percent: _too_few(percent) for percent in PERCENTS}
    tracks = one.track(name), other.track(name)
    pairs = list(zip(one.resamples(tracks[0]), other.resamples(tracks[1]), strict=True))
    drawn = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    exact = [histogram.percentiles(list(PERCENTS)) for histogram in histograms]
    doubts = _doubts((one, other), tracks)
    judged = {}
    for at, percent in enumerate(PERCENTS):
        values = [(ours[at], theirs[at]) for ours, theirs in drawn]
        estimate = exact[0][at], exact[1][at]
        judged[percent] = _judged(estimate, values, doubts[at]) if fewest >= _needed(percent) else _too_few(percent)
    return judged


def _judged(estimate: tuple[int, int], values: Sequence[tuple[int, int]], doubt: Doubt) -> Judged:
    one, other = estimate
    widening = doubt.widening
    low, high = _interval(other - one, [theirs - ours for ours, theirs in values], widening)
    part = other / one - 1
    low_part, high_part = _interval(part, [theirs / ours - 1 for ours, theirs in values], widening)
    spread = Spread(low / 1000, high / 1000, 100 * low_part, 100 * high_part)
    if doubt.reason or abs(other - one) <= max(1.0, BUCKET_WIDTH * max(one, other)) or low <= 0 <= high:
        return Judged(NO_DIFFERENCE, spread, doubt.reason)
    return Judged(SLOWER if low > 0 else FASTER, spread)


def _interval(estimate: float, differences: list[float], widening: float) -> tuple[float, float]:
    """Return the percentile interval, its two arms made longer by `widening`."""
    ordered = sorted(differences)
    beyond = int((1 - CONFIDENCE) / 2 * len(ordered))
    low, high = ordered[beyond], ordered[-1 - beyond]
    return estimate - widening * max(0.0, estimate - low), estimate + widening * max(0.0, high - estimate)


def _doubts(sides: tuple[Side, Side], tracks: tuple[Track, Track]) -> list[Doubt]:
    """Return for each of PERCENTS how far its interval can be trusted."""
    if all(side.runs > 1 for side in sides):
        # Runs are drawn, and what hangs together in them is in what they differ by.
        return [Doubt(_student(sum(side.runs for side in sides) - 2))] * len(PERCENTS)
    width_s = max(strip.width_s for side in sides for strip in side.strips)
    doubts = []
    for at in range(len(PERCENTS)):
        series = [
            _summed(values, width_s // strip.width_s)
            for side, track in zip(sides, tracks, strict=True)
            for strip, values in zip(side.strips, track.swings[at], strict=True)
        ]
        doubts.append(_doubt(sides, persistence(series), width_s))
    return doubts


def _summed(values: Sequence[float], number: int) -> list[float]:
    """Return the sums of `number` values each."""
    return [sum(values[first : first + number]) for first in range(0, len(values), number)]


def _doubt(sides: Sequence[Side], hold: Persistence, width_s: int) -> Doubt:
    """Return what few blocks, and seconds that hang together, make of an interval;  width_s: what `hold` counts in."""
    blocks = min(sum(unit.blocks for unit in side.units) for side in sides)
    seconds = min(sum(strip.seconds for strip in side.strips) for side in sides)
    independent = seconds / width_s / hold.values_for_one
    beyond = max(hold.beyond(unit.block_s / width_s) for side in sides for unit in side.units)
    student = _student(max(1.0, min(blocks, independent) - 1))
    reason = ""
    if independent < FEWEST_INDEPENDENT:
        reason = f"too short: its seconds hang together, and {seconds} s say no more than {independent:.1f} single ones"
    return Doubt(student * (blocks / (blocks - 1) * beyond) ** 0.5, reason)


def _student(freedom: float) -> float:
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
