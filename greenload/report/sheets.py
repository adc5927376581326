"""Files that can be compared, read: our summaries and CSV files, and Locust's. What a file is, its content says."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from greenload.core.errors import GreenloadError
from greenload.core.locust_rounding import percentile_ms
from greenload.core.sheet import CSV, LOCUST, PERCENT_OF, SPECTRUM, SUMMARY, TIMES, Row, Sheet, sheet_of_file
from greenload.core.strip import RESPONSE, TOTAL, Name
from greenload.report.summary import SCHEMA

AGGREGATED = "Aggregated"
_CSV_PERCENTS = ("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%")
_SUMMARY_PERCENTS = ("p50", "p75", "p90", "p95", "p99", "p99.9")
_CSV_OF = {"median": "Median Response Time", "p95": "95%", "p99": "99%", "max": "Max Response Time"}
_CSV_SERVICE_OF = {"median": "Service 50%", "p95": "Service 95%", "p99": "Service 99%", "max": "Service Max"}
_SUMMARY_OF = {"median": "p50", "p95": "p95", "p99": "p99", "max": "max"}


class NotComparable(GreenloadError):
    """A file is none of those that can be compared, or has nothing in it."""


def sheet_of_text(label: str, text: str, clock: str) -> Sheet:
    """Return what the file `label`, of which this is the text, says.  Raises NotComparable."""
    kind, rows = _read(label, text, clock)
    if not any(row.requests for row in rows.values()):
        raise NotComparable(f"{label} has no requests: there is nothing to compare")
    return sheet_of_file(label, kind, rows)


def _read(label: str, text: str, clock: str) -> tuple[str, dict[Name, Row]]:
    try:
        if text.lstrip()[:1] in ("{", "["):
            return _of_json(label, json.loads(text), clock)
        table = csv.DictReader(text.splitlines())
        return _of_csv(set(table.fieldnames or ()), list(table), clock)
    except NotComparable:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise NotComparable(
            f"{label} is neither a summary of greenload's nor Locust's _stats.csv, _stats_history.csv or --json"
        ) from error


def _of_json(label: str, document: Any, clock: str) -> tuple[str, dict[Name, Row]]:
    if isinstance(document, list):
        return LOCUST, _of_locust_entries(document)
    schema = document["schema"]
    if schema != SCHEMA and schema.startswith("greenload."):
        raise NotComparable(f"{label} is {schema}, which this version cannot read; it reads {SCHEMA}")
    if schema != SCHEMA:
        raise ValueError(schema)
    rows = {(each["method"], each["name"]): _of_summary(each, clock) for each in document["names"]}
    return SUMMARY, {**rows, TOTAL: _of_summary(document["total"], clock)}


def _of_summary(each: Mapping[str, Any], clock: str) -> Row:
    times = each[f"{clock}_ms"]
    spectrum = [(0.0, times["min"])] + [(float(key[1:]), times[key]) for key in _SUMMARY_PERCENTS]
    return Row(
        int(each["requests"]),
        int(each["failures"]),
        float(each["rps"]),
        {time: times[key] for time, key in _SUMMARY_OF.items()},
        [(percent, ms) for percent, ms in spectrum if ms is not None],
    )


def _of_locust_entries(entries: list[Mapping[str, Any]]) -> dict[Name, Row]:
    seconds = max(each["last_request_timestamp"] or 0.0 for each in entries) - min(
        each["start_time"] for each in entries
    )
    rows, all_times, failures, max_ms = {}, Counter[int](), 0, 0.0
    for each in entries:
        times = Counter({int(ms): int(count) for ms, count in each["response_times"].items()})
        rows[each["method"], each["name"]] = _of_times(times, each["num_failures"], each["max_response_time"], seconds)
        all_times += times
        failures, max_ms = failures + each["num_failures"], max(max_ms, each["max_response_time"])
    return {**rows, TOTAL: _of_times(all_times, failures, max_ms, seconds)}


def _of_times(times: Counter[int], failures: int, max_ms: float, seconds: float) -> Row:
    count = sum(times.values())
    if not count:
        return Row(0, failures, 0.0, dict.fromkeys(TIMES), [])
    percentiles: dict[str, float | None] = {time: percentile_ms(times, at) for time, at in PERCENT_OF.items()}
    percents = [percent for percent in SPECTRUM if count * (100 - percent) >= 100]
    spectrum = [(percent, float(percentile_ms(times, percent))) for percent in percents]
    return Row(count, failures, count / seconds if seconds > 0 else 0.0, {**percentiles, "max": max_ms}, spectrum)


def _of_csv(headers: set[str], lines: list[dict[str, str]], clock: str) -> tuple[str, dict[Name, Row]]:
    if not {"Type", "Name", "Requests/s"} <= headers:
        raise ValueError("other columns")
    is_ours = "Service 50%" in headers
    times = _CSV_SERVICE_OF if is_ours and clock != RESPONSE else _CSV_OF
    if "Total Request Count" in headers:
        rows = _of_history(lines, is_ours, clock)
    else:
        rows = {_name(line): _of_stats(line, times, clock) for line in lines}
    return CSV if is_ours else LOCUST, rows


def _of_stats(line: Mapping[str, str], times: Mapping[str, str], clock: str) -> Row:
    spectrum = [(float(header[:-1]), _number(line[header])) for header in _CSV_PERCENTS]
    has_spectrum = times is _CSV_OF
    return Row(
        int(line["Request Count"]),
        int(line["Failure Count"]),
        float(line["Requests/s"]),
        {time: _number(line[header]) for time, header in times.items()},
        [(percent, ms) for percent, ms in spectrum if ms is not None] if has_spectrum else [],
    )


def _of_history(lines: list[dict[str, str]], is_ours: bool, clock: str) -> dict[Name, Row]:
    """Return what the history says at its end.

    Its totals are of the whole run. So are Locust's percentiles, unless it was asked for the full history, which has
    rows of single names, too: then, and in ours, they are of the last seconds only, and no percentile of the run.
    """
    names = {_name(line) for line in lines}
    is_of_the_run = not is_ours and names == {TOTAL}
    rows = {}
    for name in names:
        own = [line for line in lines if _name(line) == name]
        last = own[-1]
        requests = int(last["Total Request Count"])
        began = max((int(each["Timestamp"]) for each in own if each["Total Request Count"] == "0"), default=None)
        seconds = int(last["Timestamp"]) - (int(own[0]["Timestamp"]) if began is None else began)
        times = {time: _number(last[header]) if is_of_the_run else None for time, header in _CSV_OF.items()
                 if time in ("p95", "p99")}  # fmt: skip
        # The totals of ours are response times; it has service times of the last seconds only.
        is_timed = not is_ours or clock == RESPONSE
        times |= {time: _number(last[f"Total {_CSV_OF[time]}"]) if is_timed else None for time in ("median", "max")}
        spectrum = [(float(header[:-1]), _number(last[header])) for header in _CSV_PERCENTS] if is_of_the_run else []
        known = [(percent, ms) for percent, ms in spectrum if ms is not None]
        rows[name] = Row(
            requests, int(last["Total Failure Count"]), requests / seconds if seconds > 0 else 0.0, times, known
        )
    return rows


def _name(line: Mapping[str, str]) -> Name:
    return TOTAL if line["Name"] == AGGREGATED and not line["Type"] else (line["Type"], line["Name"])


def _number(text: str) -> float | None:
    return None if text == "N/A" else float(text)
