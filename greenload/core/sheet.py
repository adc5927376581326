"""A sheet: what is known of one side of a comparison, name by name, wherever it comes from.

Of a run of our own that is all of it; of a file it is what the file says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from greenload.core.compare import PERCENTS, Side
from greenload.core.histogram import Histogram
from greenload.core.locust_rounding import between_ranks_ms
from greenload.core.strip import Name

RUN, SUMMARY, CSV, LOCUST = "run", "summary", "csv", "locust"
TIMES = ("median", "p95", "p99", "max")
PERCENT_OF = dict(zip(TIMES, PERCENTS, strict=False))
SPECTRUM = (0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 99.999)


@dataclass(frozen=True)
class Row:
    """What there is of one name.

    times_ms  by TIMES; None where the source has none, or has too few requests for it
    spectrum  (percent, ms) in ascending order, as fine as the source has it
    """

    requests: int
    failures: int
    requests_per_s: float
    times_ms: Mapping[str, float | None]
    spectrum: list[tuple[float, float]]


@dataclass(frozen=True)
class Sheet:
    """One side.

    side  the seconds behind it, for the judgement; None of a file, which has none
    between_ranks_ms  the value of a percentile, and the one Locust would take; equal where the source has but one
    """

    label: str
    kind: str
    rows: Mapping[Name, Row]
    between_ranks_ms: Callable[[Name, str], tuple[float, float]]
    side: Side | None = None


def sheet_of_file(label: str, kind: str, rows: Mapping[Name, Row]) -> Sheet:
    """Return the sheet of a file that says `rows`."""

    def both(name: Name, time: str) -> tuple[float, float]:
        value_ms = rows[name].times_ms[time]
        assert value_ms is not None  # who asks has looked
        return value_ms, value_ms

    return Sheet(label, kind, rows, both)


def sheet_of_side(side: Side) -> Sheet:
    """Return the sheet of a run, or of several."""
    rows = {}
    for name, durations in side.durations.items():
        per_s = durations.count / side.seconds if side.seconds else 0.0
        rows[name] = row_of(durations, side.failures[name], per_s)
    return Sheet(
        side.label,
        RUN,
        rows,
        lambda name, time: between_ranks_ms(side.durations[name], PERCENT_OF[time]),
        side,
    )


def row_of(durations: Histogram, failures: int, requests_per_s: float) -> Row:
    if not durations.count:
        return Row(0, failures, requests_per_s, dict.fromkeys(TIMES), [])
    percentiles = durations.percentiles(list(PERCENTS))
    times_ms = dict(zip(TIMES, (value_us / 1000 for value_us in (*percentiles, durations.max_us)), strict=True))
    percents = [percent for percent in SPECTRUM[1:] if durations.count * (100 - percent) >= 100]
    spectrum = [(0.0, durations.min_us / 1000)]
    spectrum += [(at, us / 1000) for at, us in zip(percents, durations.percentiles(percents), strict=True)]
    return Row(durations.count, failures, requests_per_s, times_ms, spectrum)
