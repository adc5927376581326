"""Thresholds: a condition under which a run fails, `GET /albums: p95 > 100ms`, and its judgement against counts.

    [NAME:] [response|service] METRIC OPERATOR NUMBER[UNIT]

A condition holds no colon, so whatever stands before the last one is the name. Knows nothing of runs: what was counted
comes in as a Tally and the seconds that took.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NoReturn
from unicodedata import east_asian_width

from greenload.core.errors import GreenloadError
from greenload.core.histogram import Histogram
from greenload.core.stats import Tally

RESPONSE, SERVICE = "response", "service"
PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"
WIDE_SPACE = "\u3000"
LONGEST_THRESHOLD = 1_000  # characters: more is a mistake, and has to stand in a table

FAILURES, RPS, REQUESTS, DROPPED = "failures", "rps", "requests", "dropped"
PERCENT = "%"
US_IN = {"us": 1, "ms": 1_000, "s": 1_000_000}
TIMES = ("median", "mean", "min", "max")
# What is no time, and the units it may have.
COUNTS: dict[str, tuple[str, ...]] = {FAILURES: (PERCENT, ""), RPS: ("",), REQUESTS: ("",), DROPPED: (PERCENT, "")}
OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
MEANT = {"=": ">", "==": ">", "=>": ">=", "=<": "<="}

_PERCENTILE = re.compile(r"p([0-9]{1,3}(?:\.[0-9]{1,4})?)")
_TOKEN = re.compile(
    r"(?P<word>[A-Za-z][A-Za-z0-9.]*)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<sign>[<>=!]+|%)|(?P<other>\S)"
)
_METRICS = "a percentile such as p99, median, mean, min, max, failures, rps, requests or dropped"
_TIMES = "p99, median, mean, min or max"
_UNITS = "us, ms or s"


class ThresholdError(GreenloadError):
    """A threshold that cannot be meant; the message shows the place, `at`, and says what was expected there."""

    def __init__(self, text: str, at: int, expected: str) -> None:
        shown = "".join(each if each.isprintable() else "?" for each in text)
        # As wide as what stands above it, or the mark would point elsewhere.
        gap = "".join(WIDE_SPACE if east_asian_width(each) in "WF" else " " for each in shown[:at])
        super().__init__(f"expected {expected}\n  {shown}\n  {gap}^")
        self.at = at


@dataclass(frozen=True)
class Measured:
    """What a threshold is judged against.

    tally     of the requests it is about, ended in `seconds`
    arrivals  that were begun or dropped in that time;  dropped: how many of these were
    """

    tally: Tally
    seconds: float
    arrivals: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Judgement:
    """How a threshold came out.

    value   in the threshold's unit, None when there is none
    reason  why it could not be judged, None when it could
    """

    status: str
    value: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Threshold:
    """The run fails when `metric` of the requests called `name` is `comparison` `limit`, in `unit`.

    name   "METHOD name" as in the summary's table; None for all requests
    clock  RESPONSE or SERVICE; None for what is no time
    """

    name: str | None
    clock: str | None
    metric: str
    comparison: str
    limit: float
    unit: str

    def __str__(self) -> str:
        name = "" if self.name is None else f"{self.name}: "
        clock = f"{SERVICE} " if self.clock == SERVICE else ""
        return f"{name}{clock}{self.metric} {self.comparison} {_plain(self.limit)}{self.unit}"

    def judge(self, measured: Measured) -> Judgement:
        """Judge it against what was counted of the requests it is about.

        What cannot be known is not judged: a percentile p of fewer than 100 / (100 - p) requests would be whichever
        was the slowest of them.
        """
        reason = self._doubt(measured)
        if reason is not None:
            return Judgement(NOT_JUDGED, None, reason)
        value = self._value(measured)
        has_failed = OPERATORS[self.comparison](value, self.limit)
        return Judgement(FAILED if has_failed else PASSED, value)

    def _doubt(self, measured: Measured) -> str | None:
        requests = measured.tally.requests
        if self.metric == REQUESTS:
            return None
        if self.metric == DROPPED:
            return None if measured.arrivals else "no arrival was due"
        if self.metric == RPS:
            return None if measured.seconds > 0 else "nothing was measured"
        if not requests:
            return "no request ended"
        needed = _fewest_for(self.metric)
        if requests >= needed:
            return None
        return f"{self.metric} needs {needed} requests or more, there were {requests}"

    def _value(self, measured: Measured) -> float:
        tally = measured.tally
        if self.metric == REQUESTS:
            return tally.requests
        if self.metric == RPS:
            return tally.requests / measured.seconds
        if self.metric == DROPPED:
            return self._part(measured.dropped, measured.arrivals)
        if self.metric == FAILURES:
            return self._part(tally.failed.service.count, tally.requests)
        timings = tally.ended()
        return _time_us(timings.service if self.clock == SERVICE else timings.response, self.metric) / US_IN[self.unit]

    def _part(self, count: int, of: int) -> float:
        """Return `count`, or the part in percent that it is of `of`, as the unit has it."""
        return 100 * count / of if self.unit == PERCENT else count


def parse_threshold(text: str) -> Threshold:
    """Return the threshold that `text` means.  Raises ThresholdError, with the place, when it means none."""
    if len(text) > LONGEST_THRESHOLD:
        raise ThresholdError(text[:LONGEST_THRESHOLD], 0, f"at most {LONGEST_THRESHOLD} characters")
    before, colon, _ = text.rpartition(":")
    if colon and not before.strip():
        raise ThresholdError(text, len(before), "a name before the colon, such as GET /albums")
    reader = _Reader(text, len(before) + len(colon))
    clock, metric = _read_metric(reader)
    comparison = _read_comparison(reader)
    limit, unit = _read_limit(reader, metric)
    if reader.token.kind != "end":
        reader.refuse("nothing more")
    name = before.strip() or None
    if name is not None and metric == DROPPED:
        raise ThresholdError(text, 0, "no name: what is dropped are arrivals, which have none")
    return Threshold(name, clock, metric, comparison, limit, unit)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Reader:
    """Where the reading of a text has come to."""

    def __init__(self, text: str, begin: int) -> None:
        self._text = text
        tokens = [_Token(str(found.lastgroup), found[0], found.start()) for found in _TOKEN.finditer(text, begin)]
        end = tokens[-1].at + len(tokens[-1].text) if tokens else len(text)
        self._tokens = iter([*tokens, _Token("end", "", end)])
        self.token = next(self._tokens)

    def take(self) -> str:
        """Return the text of this token, and go on to the next one."""
        taken, self.token = self.token, next(self._tokens)
        return taken.text

    def refuse(self, expected: str, meant: str | None = None, place: _Token | None = None) -> NoReturn:
        """Raise ThresholdError at this token, or at the one that is named."""
        at = (place or self.token).at
        raise ThresholdError(self._text, at, expected + (f"; did you mean {meant}?" if meant else ""))


def _read_metric(reader: _Reader) -> tuple[str | None, str]:
    """Return the clock, None for what has none, and the metric."""
    clock = reader.take() if reader.token.text in (RESPONSE, SERVICE) else None
    word = reader.token.text
    if clock is None and word in COUNTS:
        return None, reader.take()
    expected = _METRICS if clock is None else f"a time after {clock}: {_TIMES}"
    percentile = _PERCENTILE.fullmatch(word)
    if percentile is not None and not 0 < Decimal(percentile[1]) < 100:
        reader.refuse("a percentile above 0 and below 100", "max" if Decimal(percentile[1]) == 100 else None)
    if percentile is None and word not in TIMES:
        known = (*TIMES, *(() if clock else (*COUNTS, RESPONSE, SERVICE)))
        reader.refuse(expected, _near(word, known))
    reader.take()
    return clock or RESPONSE, word if percentile is None else f"p{_plain(float(percentile[1]))}"


def _read_comparison(reader: _Reader) -> str:
    if reader.token.text not in OPERATORS:
        reader.refuse("one of > >= < <=, for when it fails", MEANT.get(reader.token.text))
    return reader.take()


def _read_limit(reader: _Reader, metric: str) -> tuple[float, str]:
    """Return the number and its unit."""
    if reader.token.kind != "number":
        reader.refuse("a number")
    place, number = reader.token, reader.take()
    if float(number) == float("inf"):
        reader.refuse("a smaller number", place=place)
    unit = reader.token.text
    if metric in COUNTS:
        if unit not in COUNTS[metric]:
            return float(number), ""  # and what stands there is one thing too many
        if unit == PERCENT and float(number) > 100:
            reader.refuse("at most 100 %", place=place)
        return float(number), reader.take() if unit else ""
    if unit not in US_IN:
        meant = f"{number}ms" if reader.token.kind == "end" else _near(unit, tuple(US_IN))
        reader.refuse(f"a unit: {_UNITS}", meant)
    return float(number), reader.take()


def _near(word: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word.lower(), known, n=1)), None)


def _fewest_for(metric: str) -> int:
    """Return of how many requests there must be times for `metric` to say something."""
    percent = 50.0 if metric == "median" else _percent_of(metric)
    if percent is None:
        return 1
    millionths = round(percent * 1_000_000)  # in floats p99.9 would need 1,001
    return -(-100_000_000 // (100_000_000 - millionths))


def _percent_of(metric: str) -> float | None:
    found = _PERCENTILE.fullmatch(metric)
    return None if found is None else float(found[1])


def _time_us(histogram: Histogram, metric: str) -> float:
    if metric == "mean":
        return histogram.mean_us()
    if metric in ("min", "max"):
        return histogram.min_us if metric == "min" else histogram.max_us
    percent = _percent_of(metric)
    return histogram.percentile(50.0 if percent is None else percent)


def _plain(number: float) -> str:
    """Return `number` in digits only, and all that it takes to read the same number again."""
    digits = format(Decimal(repr(number)), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
