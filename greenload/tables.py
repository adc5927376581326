"""The store's tables, and how values stand in their rows: what people ask for in columns, the rest as JSON.

Knows nothing of files or of when anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from greenload.core.codec import COUNT, NUMBER, TEXT, Codec, Malformed, many, record
from greenload.core.gate import Breach, Gate
from greenload.core.plain_stats import HISTOGRAM, KINDS, SECOND, SECONDS, STALL, TALLY
from greenload.core.roster import EDIT, Change, Edit, Entry
from greenload.core.stats import COUNTERS, Stats
from greenload.core.thresholds import Threshold, ThresholdError, parse_threshold

SCHEMA_VERSION = 3
TABLES = {"run", "worker", "change", "report", "second", "tally", "granted"}
SCHEMA = """
CREATE TABLE run (
    id TEXT PRIMARY KEY, started TEXT, model TEXT, scenario TEXT, scenario_sha256 TEXT, host TEXT, seed INTEGER,
    version TEXT, plan TEXT, gate TEXT, bundle BLOB, began_at REAL, stop TEXT, breach TEXT, ended_at REAL
);
CREATE TABLE worker (
    run_id TEXT, worker TEXT, epoch INTEGER, state TEXT, error TEXT, PRIMARY KEY (run_id, worker)
);
CREATE TABLE change (run_id TEXT, at_s REAL, kind TEXT, worker TEXT, users INTEGER, spawn_rate REAL);
CREATE TABLE report (
    run_id TEXT, worker TEXT, epoch INTEGER, seq INTEGER, from_s REAL, until_s REAL, users INTEGER, cpu_percent REAL,
    counted INTEGER, sent INTEGER, ended INTEGER, unfinished INTEGER, clock_step_s REAL,
    PRIMARY KEY (run_id, worker, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE second (
    run_id TEXT, second INTEGER, sent INTEGER, iterations INTEGER, queued INTEGER, dropped INTEGER,
    missed_slots INTEGER, users_died INTEGER, exceptions TEXT, lag TEXT, longest_stall TEXT
);
CREATE TABLE tally (
    run_id TEXT, second INTEGER, method TEXT, name TEXT, requests INTEGER, failures INTEGER, received_bytes INTEGER,
    counts TEXT
);
CREATE TABLE granted (
    run_id TEXT, rows TEXT, worker TEXT, epoch INTEGER, number INTEGER, first INTEGER, size INTEGER,
    PRIMARY KEY (run_id, rows, first)
) WITHOUT ROWID;
CREATE INDEX change_of_run ON change (run_id);
CREATE INDEX second_of_run ON second (run_id, second);
CREATE INDEX tally_of_run ON tally (run_id, second);
"""


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
        return run_id, entry.at_s, EDIT, None, entry.users, entry.spawn_rate
    return run_id, *entry, None, None


def entry_of(at_s: float, kind: str, worker: str, users: int, spawn_rate: float) -> Entry:
    return Edit(at_s, kind, users, spawn_rate) if kind == EDIT else Change(at_s, kind, worker)


def second_row(run_id: str, second: int, stats: Stats) -> tuple[Any, ...]:
    counted = (getattr(stats, counter) for counter in COUNTERS)
    texts = as_text(KINDS, stats.exceptions), as_text(HISTOGRAM, stats.lag), as_text(STALL, stats.longest_stall)
    return run_id, second, *counted, *texts


def tally_rows(run_id: str, second: int, stats: Stats) -> Iterable[tuple[Any, ...]]:
    for (method, name), tally in stats.tallies.items():
        failed = tally.failed.service.count
        numbers = (tally.requests, failed, tally.received_bytes, as_text(TALLY, tally))
        yield run_id, second, method, name, *numbers


def as_text(codec: Codec, value: Any) -> str:
    return json.dumps(codec.dump(value), separators=(",", ":"))


def from_text(codec: Codec, text: str) -> Any:
    return codec.load(json.loads(text))
