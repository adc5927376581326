"""How a file of an older version becomes one of the next: a step for each version there has been since the first that
people may have.

A step is taken within a transaction, so a file is of one version or of the other. It makes tables as they were in the
version it leads to, with the statements written out here: those of `tables` go on changing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from greenload.core.plain_stats import HISTOGRAM, KINDS, STALL, TALLY
from greenload.core.stats import COUNTERS, Stats
from greenload.tables import second_row, tally_rows

OLDEST = 3

_TALLY_4 = """
CREATE TABLE tally (
    run_id TEXT REFERENCES run (id), second INTEGER, method TEXT, name TEXT, requests INTEGER, failures INTEGER,
    received_bytes INTEGER, service_p50_ms REAL, service_p99_ms REAL, service_max_ms REAL, response_p50_ms REAL,
    response_p99_ms REAL, response_max_ms REAL, errors TEXT, succeeded_service BLOB, succeeded_response BLOB,
    failed_service BLOB, failed_response BLOB, unfinished BLOB, connect BLOB, tls BLOB, first_byte_new BLOB,
    first_byte_reused BLOB, receive_new BLOB, receive_reused BLOB
)
"""
_SECOND_4 = """
CREATE TABLE second (
    run_id TEXT REFERENCES run (id), second INTEGER, sent INTEGER, iterations INTEGER, queued INTEGER, dropped INTEGER,
    missed_slots INTEGER, users_died INTEGER, longest_stall_s REAL, longest_stall_from_s REAL, lag_p50_ms REAL,
    lag_p99_ms REAL, lag_max_ms REAL, exceptions TEXT, lag BLOB
)
"""


class Migrated(Protocol):
    """A file within a transaction."""

    def execute(self, statement: str, values: Iterable[Any] = ()) -> list[Any]: ...

    def rows(self, statement: str, values: Iterable[Any] = ()) -> Iterator[Any]: ...

    def insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None: ...


def _from_3(file: Migrated) -> None:
    """Counts become bytes and plain numbers instead of JSON; a run has a summary, tags, a note and a command."""
    for column in ("summary", "note", "command"):
        file.execute(f"ALTER TABLE run ADD COLUMN {column} TEXT")
    file.execute("CREATE TABLE tag (run_id TEXT REFERENCES run (id), key TEXT, value TEXT, PRIMARY KEY (run_id, key))")
    for table, statement in (("second", _SECOND_4), ("tally", _TALLY_4)):
        file.execute(f"DROP INDEX {table}_of_run")
        file.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        file.execute(statement)
        file.execute(f"CREATE INDEX {table}_of_run ON {table} (run_id, second)")
    columns = ", ".join(("run_id", "second", *COUNTERS, "exceptions", "lag", "longest_stall"))
    for run_id, second, *counted in file.rows(f"SELECT {columns} FROM old_second ORDER BY rowid"):
        *row, _tasks = second_row(run_id, second, _stats_of_3(*counted))
        file.insert("second", [tuple(row)])
    for run_id, second, method, name, counts in file.rows(
        "SELECT run_id, second, method, name, counts FROM old_tally ORDER BY rowid"
    ):
        stats = Stats()
        stats.tallies[method, name] = TALLY.load(json.loads(counts))
        file.insert("tally", tally_rows(run_id, second, stats))
    file.execute("DROP TABLE old_second")
    file.execute("DROP TABLE old_tally")


def _stats_of_3(*columns: Any) -> Stats:
    *counted, exceptions, lag, stall = columns
    stats = Stats()
    for counter, count in zip(COUNTERS, counted, strict=True):
        setattr(stats, counter, count)
    stats.exceptions = KINDS.load(json.loads(exceptions))
    stats.lag, stats.longest_stall = HISTOGRAM.load(json.loads(lag)), STALL.load(json.loads(stall))
    return stats


def _from_4(file: Migrated) -> None:
    """A rate can be changed while a run goes on; a scenario can have options of its own; tasks are counted."""
    file.execute("ALTER TABLE change ADD COLUMN rate REAL")
    for run_id, plan in file.execute("SELECT id, plan FROM run"):
        file.execute("UPDATE run SET plan = ? WHERE id = ?", (json.dumps([*json.loads(plan), []]), run_id))
    file.execute("ALTER TABLE second ADD COLUMN tasks TEXT")
    file.execute(
        "CREATE TABLE task (run_id TEXT REFERENCES run (id), place INTEGER, class TEXT, task TEXT,"
        " planned_percent REAL, PRIMARY KEY (run_id, place)) WITHOUT ROWID"
    )


# From which version -> how it becomes the next one.
STEPS: dict[int, Callable[[Migrated], None]] = {3: _from_3, 4: _from_4}
