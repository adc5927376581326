"""What of a run can be drawn: spans of its time, a heatmap of its response times, the spectrum of a histogram.

Whatever a chart shows is computed here, from counts that were added up first. Knows nothing of how anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from greenload.core.histogram import HIGHEST_US, Histogram, highest_us_in
from greenload.core.messages import Account
from greenload.core.pause import Pause, no_pause
from greenload.core.slots import Slot
from greenload.core.stats import Stats, Tally, Timings
from greenload.core.worker_record import WorkerRecord

BANDS_A_DECADE = 12  # of durations in a heatmap: each 21 % wider than the one below it
SPECTRUM_STEPS = 10  # points for each further nine of a percentile
MOST_SPANS = 300
SHORTEST_LAST_S = 0.5  # what the last second may be cut down to and still be a rate


@dataclass
class Span:
    """Some time of a run: `width_s` seconds from `first_s` on.

    tally              what happened to the requests that are looked at
    users, in_flight   at its end
    iterations, dropped, lag  as in Stats, of everybody
    """

    first_s: float
    width_s: float
    users: int = 0
    in_flight: int = 0
    iterations: int = 0
    dropped: int = 0
    tally: Tally = field(default_factory=Tally)
    lag: Histogram = field(default_factory=Histogram)

    @property
    def end_s(self) -> float:
        return self.first_s + self.width_s

    @property
    def middle_s(self) -> float:
        return self.first_s + self.width_s / 2

    def append(self, later: Span) -> None:
        """Take in the span that follows this one."""
        self.width_s = later.end_s - self.first_s
        self.users, self.in_flight = later.users, later.in_flight
        self.iterations += later.iterations
        self.dropped += later.dropped
        self.tally.add(later.tally)
        self.lag.add(later.lag)


@dataclass(frozen=True)
class Heat:
    """Requests a second by time and response time; None where nobody knows of a second.

    edges_s   of the columns;  edges_us: of the bands, one more than there are of them
    rates     a row for each band, a number for each column
    """

    edges_s: list[float]
    edges_us: list[float]
    rates: list[list[float | None]]


def _total_of(slot: Slot) -> Tally | None:
    return slot.total


def spans_of(
    slots: Iterable[Slot],
    elapsed_s: float,
    tally_of: Callable[[Slot], Tally | None] = _total_of,
    pause: Pause = no_pause,
) -> list[Span]:
    """Return `slots`, as a run that goes on keeps them, as spans.

    tally_of: what is looked at, None where there is nothing;  pause: the run may go on meanwhile, of what is drawn only
    the last slots change
    """
    spans = []
    for slot in list(slots):
        stats, tally = slot.stats, tally_of(slot)
        width_s = min(slot.first_s + slot.width_s, elapsed_s) - slot.first_s
        if width_s > 0:
            span = Span(slot.first_s, width_s, slot.users, slot.in_flight, stats.iterations, stats.dropped)
            if tally is not None:
                span.tally.add(tally)
            span.lag.add(stats.lag)
            spans.append(span)
        pause()
    return _whole(spans)


class Timeline:
    """The spans of a run that is read second by second, from `from_s` to `until_s`: never more than some hundreds.

    A span begins with second `measured_from_s`; what is before it does not count in `measured`.
    """

    def __init__(self, from_s: int, measured_from_s: int, until_s: float) -> None:
        self._from_s, self._measured_from_s, self._until_s = from_s, measured_from_s, until_s
        self._width_s = max(1, math.ceil((until_s - from_s) / MOST_SPANS))
        self._spans: dict[int, Span] = {}  # by its number, from measured_from_s on

    def count(self, second: int, stats: Stats, tallies: Iterable[Tally]) -> None:
        """Add a second;  tallies: of the requests that are looked at."""
        span = self._at(self._number(second))
        span.iterations += stats.iterations
        span.dropped += stats.dropped
        span.lag.add(stats.lag)
        for tally in tallies:
            span.tally.add(tally)

    def note(self, accounts: Iterable[Account]) -> None:
        """Add how many users there were, and requests under way, by what all workers said."""
        records: dict[str, WorkerRecord] = {}
        at: dict[int, int] = {}  # span -> its last second that was reported
        for account in sorted(accounts, key=lambda account: (account.second, account.seq)):
            record = records.setdefault(account.worker, WorkerRecord())
            record.hear(account)
            if not self._from_s <= account.second < self._until_s:
                continue
            number = self._number(account.second)
            span = self._at(number)
            if at.get(number) != account.second:
                at[number], span.users, span.in_flight = account.second, 0, 0
            span.users += account.users
            span.in_flight += record.under_way

    def spans(self) -> list[Span]:
        return _whole([span for _, span in sorted(self._spans.items())])

    def measured(self) -> Timings:
        """Return how long the requests took from `measured_from_s` on."""
        timings = Timings()
        for number, span in self._spans.items():
            if number >= 0:
                timings.add(span.tally.succeeded)
                timings.add(span.tally.failed)
        return timings

    def _number(self, second: int) -> int:
        return (second - self._measured_from_s) // self._width_s

    def _at(self, number: int) -> Span:
        if number not in self._spans:
            begin_s = self._measured_from_s + number * self._width_s
            # The first one may begin late and the last one end early; and none reaches into what is measured.
            first_s, end_s = max(begin_s, self._from_s), min(begin_s + self._width_s, self._until_s)
            self._spans[number] = Span(first_s, end_s - first_s)
        return self._spans[number]


def _whole(spans: list[Span]) -> list[Span]:
    """Return `spans` without a last one that is too short: a tenth of a second makes no rate."""
    if len(spans) > 1 and spans[-1].width_s < SHORTEST_LAST_S:
        *spans, last = spans
        users, in_flight = spans[-1].users, spans[-1].in_flight
        spans[-1].append(last)
        spans[-1].users, spans[-1].in_flight = users, in_flight
    return spans


def joined(
    spans: Iterable[Span], most: int, requests: int = 0, part: float = 1.0, pause: Pause = no_pause
) -> list[Span]:
    """Return neighbours joined, `spans` left as they are, so that there are about `most` at the most.

    requests, part: and go on joining while there are fewer requests in one and it is no more than `part` of the time.
    """
    given = list(spans)
    if not given:
        return []
    whole_s = given[-1].end_s - given[0].first_s
    found: list[Span] = []
    is_given = True  # whether the last one is nobody's but the caller's, and must not be added to
    for span in given:
        pause()
        last = found[-1] if found else None
        if last is None or last.end_s < span.first_s or _is_enough(last, whole_s / most, requests, part * whole_s):
            found.append(span)
            is_given = True
            continue
        if is_given:
            found[-1] = Span(last.first_s, 0.0)
            found[-1].append(last)
            is_given = False
        found[-1].append(span)
    return found


def _is_enough(span: Span, least_s: float, requests: int, widest_s: float) -> bool:
    # By a hair less than that: sums of seconds miss it by a last digit.
    return span.width_s > 0.999 * least_s and (span.tally.requests >= requests or span.width_s >= widest_s)


def heat_of(spans: Sequence[Span], pause: Pause = no_pause) -> Heat | None:
    """Return the heatmap of the response times in `spans`, None when no request ended in them."""
    columns = []
    for span in spans:
        columns.append(_counts_by_band(span.tally))
        pause()
    used = {band for column in columns for band in column}
    if not used:
        return None
    bands = range(min(used), max(used) + 1)
    edges_s = [spans[0].first_s]
    filled: list[list[float | None]] = []
    for span, column in zip(spans, columns, strict=True):
        if span.first_s > edges_s[-1]:  # nobody reported in between
            edges_s.append(span.first_s)
            filled.append([None] * len(bands))
        edges_s.append(span.end_s)
        filled.append([column.get(band, 0) / span.width_s for band in bands])
    edges_us = [10 ** (band / BANDS_A_DECADE) for band in range(bands.start, bands.stop + 1)]
    return Heat(edges_s, edges_us, [list(row) for row in zip(*filled, strict=True)])


def _counts_by_band(tally: Tally) -> dict[int, int]:
    counts: dict[int, int] = {}
    for bucket, count in tally.ended().response.counts.items():
        band = _BANDS.get(bucket)
        if band is None:
            band = _BANDS[bucket] = math.floor(
                BANDS_A_DECADE * math.log10(max(1, min(highest_us_in(bucket), HIGHEST_US)))
            )
        counts[band] = counts.get(band, 0) + count
    return counts


_BANDS: dict[int, int] = {}  # bucket -> band, each worked out once


def spectrum(histogram: Histogram) -> list[tuple[float, int]]:
    """Return the percentile spectrum: (1 / (1 - p/100), the p-th percentile in us), up to the maximum.

    By this scale each further nine takes as much room as the one before it, up to one request in all of them: from
    there on nothing is known.  Source: HdrHistogram's percentile plot.
    """
    if not histogram.count:
        return []
    parts = [10 ** (step / SPECTRUM_STEPS) for step in range(1, 1 + math.ceil(SPECTRUM_STEPS * 10))]
    inner = [part for part in parts if part < histogram.count]
    values_us = histogram.percentiles([100 * (1 - 1 / part) for part in inner]) if inner else []
    first = (1.0, histogram.min_us)
    return [first, *zip(inner, values_us, strict=True), (float(histogram.count), histogram.max_us)]
