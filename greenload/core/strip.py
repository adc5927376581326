"""A run as a comparison needs it: how long the requests of each name took, unit of time by unit, in bounded memory.

A unit is a second of the run, until that would be too much to hold: then neighbours are joined, two and two, and units
are 2, 4, ... seconds. An hour has units of 8 s, which is little beside the blocks that are drawn of it (`resample`).

Knows nothing of where the seconds come from.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from greenload.core.histogram import Histogram
from greenload.core.stats import Stats, Tally

RESPONSE, SERVICE = "response", "service"
MOST_UNITS = 512
MOST_BUCKETS = 4_000_000  # in all units and names together: about 24 MB

Name = tuple[str, str]  # (method, name)
TOTAL: Name = ("", "Total")
Counts = tuple["array[int]", "array[int]"]  # buckets and how many in each: a tenth of what a dict takes


class Strip:
    """One run by one clock; `strip_of` makes one.

    measured_s  how long it took;  width_s: of a unit
    durations   of each name, and of TOTAL, in the whole run;  failures: how many of them
    """

    def __init__(self, clock: str, measured_s: float) -> None:
        self.clock = clock
        self.measured_s = measured_s
        self.width_s = 1
        while measured_s > MOST_UNITS * self.width_s:
            self.width_s *= 2
        self.durations: dict[Name, Histogram] = {TOTAL: Histogram()}
        self.failures: Counter[Name] = Counter()
        self._units: dict[int, dict[Name, Counts]] = {}  # by their time, in units
        self._held = 0
        self._fresh: dict[Name, Histogram] = {}  # of the unit that is being added up
        self._number = -1

    @property
    def units(self) -> int:
        """How many there are in which anybody reported."""
        return len(self._units)

    @property
    def seconds(self) -> int:
        """How long they are together."""
        return self.units * self.width_s

    def add(self, second: int, stats: Stats) -> None:
        """Add what was counted in `second`; seconds come in their order, and `finish` after the last one."""
        if second // self.width_s != self._number:
            self.finish()
            self._number = second // self.width_s
        for name, tally in stats.tallies.items():
            self._fresh.setdefault(name, Histogram()).add(_durations(tally, self.clock))
            self.failures[name] += tally.failed.service.count
            self.failures[TOTAL] += tally.failed.service.count

    def finish(self) -> None:
        """Put the unit that was added up to the others."""
        if self._number < 0:
            return
        self._units.setdefault(self._number, {})
        for name, durations in self._fresh.items():
            self.durations.setdefault(name, Histogram()).add(durations)
            self.durations[TOTAL].add(durations)
            self._hold(self._number, name, durations.counts)
        self._fresh = {}
        while self.units > MOST_UNITS or (self._held > MOST_BUCKETS and self.units > 1):
            self._join()

    def by_unit(self, name: Name) -> Iterator[dict[int, int]]:
        """Yield bucket -> count of each unit, in the order of their time."""
        for unit in self._units.values():
            if name != TOTAL:
                yield dict(zip(*unit[name], strict=True)) if name in unit else {}
                continue
            total: dict[int, int] = {}
            for held in unit.values():
                _add(total, held)
            yield total

    def _hold(self, unit: int, name: Name, counts: dict[int, int]) -> None:
        held = self._units.setdefault(unit, {})
        if name in held:
            counts = counts.copy()
            _add(counts, held[name])
            self._held -= len(held[name][0])
        code = "I" if not counts or max(counts.values()) < 2**32 else "Q"
        held[name] = array("H", counts.keys()), array(code, counts.values())
        self._held += len(counts)

    def _join(self) -> None:
        """Make one unit of each two that follow one another."""
        units, self._units, self._held = self._units, {}, 0
        self.width_s *= 2
        for number, unit in units.items():
            self._units.setdefault(number // 2, {})
            for name, held in unit.items():
                self._hold(number // 2, name, dict(zip(*held, strict=True)))


def strip_of(clock: str, measured_s: float, seconds: Iterable[tuple[int, Stats]]) -> Strip:
    """Return the strip of a run by `clock`, from its (second, Stats) in their order."""
    strip = Strip(clock, measured_s)
    for second, stats in seconds:
        strip.add(second, stats)
    strip.finish()
    return strip


def _durations(tally: Tally, clock: str) -> Histogram:
    """Return how long the requests took that ended, well or badly."""
    each = [timings.response if clock == RESPONSE else timings.service for timings in (tally.succeeded, tally.failed)]
    succeeded, failed = each
    if not failed.count:  # as mostly, and then nothing has to be added
        return succeeded
    durations = Histogram()
    durations.add(succeeded)
    durations.add(failed)
    return durations


def _add(counts: dict[int, int], held: Counts) -> None:
    for bucket, count in zip(*held, strict=True):
        counts[bucket] = counts.get(bucket, 0) + count
