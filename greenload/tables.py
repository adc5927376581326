"""The store's tables, and how values stand in their rows: what people ask for in columns of plain numbers, the exact
counts beside them as bytes, and what has many parts as JSON. Documented in docs/reference/database.md.

Knows nothing of files or of when anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from greenload.core.codec import COUNT, NUMBER, SUM, TEXT, Codec, Malformed, many, need, record
from greenload.core.gate import Breach, Gate
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.kinds import Kinds
from greenload.core.phases import PHASES, Phases
from greenload.core.plain_stats import KINDS, SECOND, SECONDS, TASKS
from greenload.core.roster import EDIT, RATE, Change, Edit, Entry, RateEdit
from greenload.core.stall import Stall
from greenload.core.stats import COUNTERS, Stats, Tally, Timings
from greenload.core.thresholds import Threshold, ThresholdError, parse_threshold

SCHEMA_VERSION = 5
TABLES = {"run", "tag", "worker", "change", "report", "second", "tally", "granted", "task"}
SCHEMA = """
CREATE TABLE run (
    id TEXT PRIMARY KEY, started TEXT, model TEXT, scenario TEXT, scenario_sha256 TEXT, host TEXT, seed INTEGER,
    version TEXT, plan TEXT, gate TEXT, bundle BLOB, began_at REAL, stop TEXT, breach TEXT, ended_at REAL,
    summary TEXT, note TEXT, command TEXT
);
CREATE TABLE tag (run_id TEXT REFERENCES run (id), key TEXT, value TEXT, PRIMARY KEY (run_id, key));
CREATE TABLE worker (
    run_id TEXT REFERENCES run (id), worker TEXT, epoch INTEGER, state TEXT, error TEXT, PRIMARY KEY (run_id, worker)
);
CREATE TABLE change (
    run_id TEXT REFERENCES run (id), at_s REAL, kind TEXT, worker TEXT, users INTEGER, spawn_rate REAL,
    rate REAL
);
CREATE TABLE report (
    run_id TEXT REFERENCES run (id), worker TEXT, epoch INTEGER, seq INTEGER, from_s REAL, until_s REAL, users INTEGER,
    cpu_percent REAL, counted INTEGER, sent INTEGER, ended INTEGER, unfinished INTEGER, clock_step_s REAL,
    PRIMARY KEY (run_id, worker, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE second (
    run_id TEXT REFERENCES run (id), second INTEGER, sent INTEGER, iterations INTEGER, queued INTEGER, dropped INTEGER,
    missed_slots INTEGER, users_died INTEGER, longest_stall_s REAL, longest_stall_from_s REAL, lag_p50_ms REAL,
    lag_p99_ms REAL, lag_max_ms REAL, exceptions TEXT, lag BLOB, tasks TEXT
);
CREATE TABLE tally (
    run_id TEXT REFERENCES run (id), second INTEGER, method TEXT, name TEXT, requests INTEGER, failures INTEGER,
    received_bytes INTEGER, service_p50_ms REAL, service_p99_ms REAL, service_max_ms REAL, response_p50_ms REAL,
    response_p99_ms REAL, response_max_ms REAL, errors TEXT, succeeded_service BLOB, succeeded_response BLOB,
    failed_service BLOB, failed_response BLOB, unfinished BLOB, connect BLOB, tls BLOB, first_byte_new BLOB,
    first_byte_reused BLOB, receive_new BLOB, receive_reused BLOB
);
CREATE TABLE granted (
    run_id TEXT REFERENCES run (id), rows TEXT, worker TEXT, epoch INTEGER, number INTEGER, first INTEGER, size INTEGER,
    PRIMARY KEY (run_id, rows, first)
) WITHOUT ROWID;
CREATE TABLE task (
    run_id TEXT REFERENCES run (id), place INTEGER, class TEXT, task TEXT, planned_percent REAL,
    PRIMARY KEY (run_id, place)
) WITHOUT ROWID;
CREATE INDEX change_of_run ON change (run_id);
CREATE INDEX second_of_run ON second (run_id, second);
CREATE INDEX tally_of_run ON tally (run_id, second);
"""

# What is read again; the other columns are for people.
SECOND_READ = ("second", *COUNTERS, "longest_stall_s", "longest_stall_from_s", "exceptions", "lag", "tasks")
TALLY_READ = (
    "second", "method", "name", "requests", "failures", "received_bytes", "errors", "succeeded_service",
    "succeeded_response", "failed_service", "failed_response", "unfinished", *PHASES,
)  # fmt: skip
RESET = "reset"  # beside the kinds of entries in the table `change`
ALIKE: bytes | None = None  # in a column of response times: they are the service times
NONE_OF_THEM = (None, None, None)


def _threshold(plain: Any) -> Threshold:
    try:
        return parse_threshold(TEXT.load(plain))
    except ThresholdError as error:
        raise Malformed(str(error)) from error


THRESHOLDS = many(Codec(str, _threshold))
GATE = record(Gate, fail_if=THRESHOLDS, abort_if=THRESHOLDS, grace_s=SECONDS, warmup_s=SECOND)
BREACH = record(Breach, number=COUNT, at_s=SECONDS, value=NUMBER)


def change_row(run_id: str, entry: Entry) -> tuple[Any, ...]:
    if isinstance(entry, Edit):
        return run_id, entry.at_s, EDIT, None, entry.users, entry.spawn_rate, None
    if isinstance(entry, RateEdit):
        return run_id, entry.at_s, RATE, None, None, None, entry.per_s
    return run_id, *entry, None, None, None


def entry_of(at_s: float, kind: str, worker: str, users: int, spawn_rate: float, per_s: float) -> Entry:
    if kind == EDIT:
        return Edit(at_s, kind, users, spawn_rate)
    return RateEdit(at_s, kind, per_s) if kind == RATE else Change(at_s, kind, worker)


def reset_row(run_id: str, second: int) -> tuple[Any, ...]:
    """Return what stands among the changes when what is measured began anew."""
    return run_id, second, RESET, None, None, None, None


def second_row(run_id: str, second: int, stats: Stats) -> tuple[Any, ...]:
    counted = (getattr(stats, counter) for counter in COUNTERS)
    stall = stats.longest_stall or (None, None)
    lag = stats.lag
    tasks = as_text(TASKS, stats.tasks) if len(stats.tasks) else None
    return run_id, second, *counted, *stall, *_milliseconds(lag), _kinds_text(stats.exceptions), _bytes_of(lag), tasks


def seconds_stats(
    sent: int, iterations: int, queued: int, dropped: int, missed_slots: int, users_died: int, *rest: Any
) -> Stats:
    """Return what `second_row` made a row; the names are in rows of their own."""
    stats = Stats()
    for counter, count in zip(COUNTERS, (sent, iterations, queued, dropped, missed_slots, users_died), strict=True):
        setattr(stats, counter, SUM.load(count))
    stall_s, stall_from_s, exceptions, lag, tasks = rest
    if stall_s is not None:
        stats.longest_stall = Stall(SECONDS.load(stall_s), SECONDS.load(stall_from_s))
    stats.exceptions, stats.lag = _kinds(exceptions), _histogram(lag)
    if tasks is not None:
        stats.tasks = from_text(TASKS, tasks)
    return stats


def tally_rows(run_id: str, second: int, stats: Stats) -> Iterable[tuple[Any, ...]]:
    for (method, name), tally in stats.tallies.items():
        yield run_id, second, method, name, *_tally_columns(tally)


def _tally_columns(tally: Tally) -> tuple[Any, ...]:
    failed = tally.failed.service.count
    ended = tally.ended() if failed else tally.succeeded
    service = _milliseconds(ended.service)
    response = service if ended.are_alike else _milliseconds(ended.response)
    phases = {} if tally.phases is None else tally.phases.histograms
    return (
        *(tally.requests, failed, tally.received_bytes, *service, *response, _kinds_text(tally.failures)),
        *(*_timings_bytes(tally.succeeded), *_timings_bytes(tally.failed), _bytes_of(tally.unfinished)),
        *(_bytes_of(phases[phase]) if phase in phases else None for phase in PHASES),
    )


def tally_of(requests: int, failures: int, received_bytes: int, errors: str | None, *held: bytes | None) -> Tally:
    """Return what `tally_rows` made a row."""
    succeeded, succeeded_response, failed, failed_response, unfinished, *phases = held
    tally = Tally()
    _fill(tally.succeeded, succeeded, succeeded_response)
    _fill(tally.failed, failed, failed_response)
    tally.failures, tally.unfinished = _kinds(errors), _histogram(unfinished)
    tally.received_bytes = SUM.load(received_bytes)
    measured = {phase: _histogram(each) for phase, each in zip(PHASES, phases, strict=True) if each is not None}
    if measured:
        tally.phases = Phases()
        tally.phases.histograms = measured
    counted = (tally.requests, tally.failed.service.count)
    need(counted == (requests, failures), f"counts of {counted}", (requests, failures))
    return tally


def _milliseconds(histogram: Histogram) -> tuple[float | None, ...]:
    """Return p50, p99 and max, None what it holds too few values for."""
    if not histogram.count:
        return NONE_OF_THEM
    p50_us, p99_us = histogram.percentiles([50, 99])
    enough = histogram.count >= fewest_for(99)
    return p50_us / 1000, p99_us / 1000 if enough else None, histogram.max_us / 1000


def _timings_bytes(timings: Timings) -> tuple[bytes | None, bytes | None]:
    return _bytes_of(timings.service), ALIKE if timings.are_alike else _bytes_of(timings.response)


def _fill(timings: Timings, service: bytes | None, response: bytes | None) -> None:
    if service is not None:
        timings.service = timings.response = _histogram(service)
    if response is not ALIKE:
        timings.response = _histogram(response)
    counts = timings.service.count, timings.response.count
    need(counts[0] == counts[1], "as many times by one clock as by the other", counts)


def _bytes_of(histogram: Histogram) -> bytes | None:
    return histogram.to_bytes() if histogram.count else None


def _histogram(held: bytes | None) -> Histogram:
    if held is None:
        return Histogram()
    need(isinstance(held, bytes), "a histogram", held)
    return Histogram.from_bytes(held)


def _kinds_text(kinds: Kinds) -> str | None:
    return as_text(KINDS, kinds) if len(kinds) else None


def _kinds(text: str | None) -> Kinds:
    kinds: Kinds = Kinds() if text is None else from_text(KINDS, text)
    return kinds


def as_text(codec: Codec, value: Any) -> str:
    return json.dumps(codec.dump(value), separators=(",", ":"))


def from_text(codec: Codec, text: str) -> Any:
    return codec.load(json.loads(text))
