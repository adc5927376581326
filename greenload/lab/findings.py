"""What a lesson found: measurements with their spread, tables, charts, and which claims came true.

Values only. Knows neither how they were measured nor how they are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spread:
    """The middle of `n` measurements of the same thing, and how far they lie apart."""

    n: int
    median: float
    least: float
    most: float


def spread_of(values: Iterable[float]) -> Spread:
    """Return the spread of at least one value; raise ValueError when there is none: no data is not 0."""
    measured = list(values)
    if not measured:
        raise ValueError("nothing was measured")
    return Spread(len(measured), statistics.median(measured), min(measured), max(measured))


def spread_of_known(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of those that were measured, None where not one of them was."""
    known = [value for value in values if value is not None]
    return spread_of(known) if known else None


def median_of(spread: Spread | None) -> float | None:
    """Return the median, None where nothing was measured."""
    return None if spread is None else spread.median


def judged(is_so: Callable[..., bool], *values: float | None) -> bool | None:
    """Return whether it is so of the values; None when one of them was not measured."""
    return None if None in values else is_so(*values)


@dataclass(frozen=True)
class Measure:
    """One thing that was measured several times, for example ("greenlet to greenlet", "us a switch")."""

    what: str
    unit: str
    spread: Spread


@dataclass(frozen=True)
class Table:
    """Rows of text, under one heading each."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """Lines over a common x; each line a sequence of (x, y)."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Claim:
    """Something that is said to be so, and whether it was so here.

    came_true: None where it was not measured, for instance with too few requests for a percentile.
    needs_quiet: whether somebody else's work on this machine could have decided it. A count of lost albums stays what
    it is; a time does not, nor does a rate.
    reading, otherwise: what follows from it, said only where it came true, or where it did not.
    """

    text: str
    came_true: bool | None
    evidence: str
    needs_quiet: bool = True
    reading: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class Findings:
    """All of it. `files` are documents to be written where the reader wants them: name -> content."""

    measures: Sequence[Measure] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    claims: Sequence[Claim] = ()
    notes: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def number(value: float) -> str:
    """Return a measured number with three digits that mean something: 0.0512, 1.23, 45.6, 789, 12,345."""
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    decimals = 1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 else 4
    return f"{value:.{decimals}f}"


def mark(value: float) -> str:
    """Return a number at the end of an axis: 4 users are 4, not 4.00."""
    return f"{value:,.0f}" if value == round(value) else number(value)
