"""Locust's four CSV files, under Locust's names and headers, so that scripts written for them go on working.

What greenload has to say besides comes behind Locust's own columns, and in a fifth file.

The values are exact where Locust rounds: milliseconds with three decimals, percentiles from the histogram. In the
history every number is of the last 10 s; Locust puts percentiles since the start beside rates of the last 10 s.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TextIO

from greenload.core.histogram import Histogram
from greenload.core.results import Results
from greenload.core.slots import Slot, sum_of_totals
from greenload.core.stats import Stats, Tally
from greenload.report.summary import Document

PERCENTS = (50.0, 66.0, 75.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.9, 99.99, 100.0)
NOW_S = 10
NOT_AVAILABLE = "N/A"
KINDS = ("stats", "stats_history", "failures", "exceptions", "verdict")

_PERCENT_HEADERS = [f"{percent:g}%" for percent in PERCENTS]
_SERVICE_PERCENTS = (50.0, 95.0, 99.0)
_SERVICE_HEADERS = [*(f"Service {percent:g}%" for percent in _SERVICE_PERCENTS), "Service Max"]
_STATS_HEADERS = [
    "Type", "Name", "Request Count", "Failure Count", "Median Response Time", "Average Response Time",
    "Min Response Time", "Max Response Time", "Average Content Size", "Requests/s", "Failures/s", *_PERCENT_HEADERS,
    *_SERVICE_HEADERS,
]  # fmt: skip
_HISTORY_HEADERS = [
    "Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s", *_PERCENT_HEADERS,
    "Total Request Count", "Total Failure Count", "Total Median Response Time", "Total Average Response Time",
    "Total Min Response Time", "Total Max Response Time", "Total Average Content Size",
    *_SERVICE_HEADERS,
]  # fmt: skip
_FAILURES_HEADERS = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"]
_EXCEPTIONS_HEADERS = ["Count", "Message", "Traceback", "Nodes"]
_VERDICT_HEADERS = ["Status", "Reason"]


def csv_paths(prefix: str | None) -> list[Path]:
    """Return the files that belong to `prefix`: none without one."""
    return [] if prefix is None else [Path(f"{prefix}_{kind}.csv") for kind in KINDS]


@dataclass(frozen=True)
class Moment:
    """What the history says of one moment: all so far, and the slots of the last 10 s."""

    elapsed_s: float
    users: int
    total: Tally
    recent: Collection[Slot]
    recent_s: float


class LocustCsv:
    """Writes PREFIX_stats.csv and PREFIX_stats_history.csv, _failures, _exceptions and _verdict.

    The files are opened at once: what cannot be written is found before the run.  Raises OSError.
    `began` is when the run began, for the columns in which Locust has a time of day.
    """

    def __init__(self, prefix: str, began: datetime) -> None:
        self._began = began
        self._last_second = 0
        self._files: dict[str, TextIO] = {}
        try:
            for kind, path in zip(KINDS, csv_paths(prefix), strict=True):
                self._files[kind] = path.open("w", newline="", encoding="utf-8", errors="replace")
            self._write("stats_history", [_HISTORY_HEADERS])
        except OSError:
            self.close()
            raise

    def second(self, results: Results) -> None:
        """Append the history's row for the second that was just reported."""
        recent_s = min(NOW_S, results.elapsed_s)
        self._append(Moment(results.elapsed_s, results.users, results.total_tally, results.last(NOW_S), recent_s))

    def history(self, slots: Iterable[Slot], elapsed_s: float) -> None:
        """Append the rows of a run that is over and took `elapsed_s`: one for each slot of it, which is a second."""
        total = Tally()
        recent: deque[Slot] = deque()
        for slot in slots:
            slot.total = slot.stats.total()
            total.add(slot.total)
            recent.append(slot)
            end_s = slot.first_s + slot.width_s
            while recent[0].first_s < end_s - NOW_S:
                recent.popleft()
            until_s = min(elapsed_s, end_s)
            self._append(Moment(until_s, slot.users, total, recent, until_s - recent[0].first_s))

    def _append(self, moment: Moment) -> None:
        recent = sum_of_totals(moment.recent)
        # Each row has a second of its own, also where two reports end in the same one.
        self._last_second = max(self._last_second + 1, round(self._began.timestamp() + moment.elapsed_s))
        total = moment.total
        row = [self._last_second, moment.users, "", "Aggregated", *_rates(recent, moment.recent_s)]
        row += _percentiles(recent.ended().response)
        row += [total.requests, total.failed.service.count, *_times(total), *_service(recent)]
        self._write("stats_history", [row])

    def finish(self, results: Results, verdict: Document) -> None:
        """Write the files of the run after its warm-up, and the summary's verdict, and close all of them."""
        rows = list(_by_name(results.measured))
        rows.append(("", "Aggregated", results.measured_tally))
        self._write("stats", [_STATS_HEADERS, *(_stats_row(*row, results.measured_s) for row in rows)])
        self._write("failures", [_FAILURES_HEADERS, *self._failure_rows(results.measured)])
        self._write("exceptions", [_EXCEPTIONS_HEADERS, *_exception_rows(results)])
        reasons = verdict["reasons"] or [""]
        self._write("verdict", [_VERDICT_HEADERS, *([verdict["status"], reason] for reason in reasons)])
        self.close()

    def close(self) -> None:
        with ExitStack() as all_of_them:  # a full disk makes closing fail, too, and the others are open still
            for file in self._files.values():
                all_of_them.callback(file.close)

    def _write(self, kind: str, rows: Iterable[Sequence[Any]]) -> None:
        csv.writer(self._files[kind]).writerows(rows)
        self._files[kind].flush()

    def _failure_rows(self, stats: Stats) -> Iterable[list[Any]]:
        for method, name, tally in _by_name(stats):
            for kind, seen in tally.failures:
                yield [method, name, kind, seen.count, self._clock(seen.first_s), self._clock(seen.last_s)]

    def _clock(self, at_s: int) -> str:
        return (self._began + timedelta(seconds=at_s)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _by_name(stats: Stats) -> Iterable[tuple[str, str, Tally]]:
    """Yield (method, name, tally) in Locust's order: by name, then by method."""
    for (method, name), tally in sorted(stats.tallies.items(), key=lambda item: item[0][::-1]):
        yield method, name, tally


def _stats_row(method: str, name: str, tally: Tally, elapsed_s: float) -> list[Any]:
    failed = tally.failed.service.count
    per_s = [count / elapsed_s if elapsed_s else 0.0 for count in (tally.requests, failed)]
    row = [method, name, tally.requests, failed, *_times(tally), *per_s]
    return row + _percentiles(tally.ended().response) + _service(tally)


def _times(tally: Tally) -> list[Any]:
    """Return median, average, minimum, maximum and average content size."""
    response = tally.ended().response
    if not response.count:
        return [0] * 5  # as Locust writes it, and scripts expect a number; only its percentiles can be N/A
    values_us = (response.percentile(50), response.mean_us(), response.min_us, response.max_us)
    return [*(value_us / 1000 for value_us in values_us), tally.received_bytes / response.count]


def _percentiles(response: Histogram) -> list[Any]:
    if not response.count:
        return [NOT_AVAILABLE] * len(PERCENTS)
    return [value_us / 1000 for value_us in response.percentiles(list(PERCENTS))]


def _service(tally: Tally) -> list[Any]:
    service = tally.ended().service
    if not service.count:
        return [NOT_AVAILABLE] * len(_SERVICE_HEADERS)
    return [value_us / 1000 for value_us in (*service.percentiles(list(_SERVICE_PERCENTS)), service.max_us)]


def _rates(tally: Tally, seconds: float) -> list[float]:
    return [count / seconds if seconds else 0.0 for count in (tally.requests, tally.failed.service.count)]


def _exception_rows(results: Results) -> Iterable[list[Any]]:
    nodes = ", ".join(results.workers)
    for text, seen in results.total.exceptions:
        yield [seen.count, text.splitlines()[-1], text, nodes]
