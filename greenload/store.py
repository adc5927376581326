"""The store: runs in one SQLite file, each written while it goes on. The only file that knows SQL.

What a master learns and the numbers of the reports it learned it from are one transaction. So whenever the master is
killed, the file holds a state from which another one can go on: a report is in it whole, once, or not at all, and then
its worker still has it. A second of one name may stand in several rows, one for each transaction: merging is addition.

Knows nothing of sockets or of who decides what is kept.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, TypeVar

from greenload.core.bundle import Bundle
from greenload.core.codec import Codec, Malformed
from greenload.core.errors import GreenloadError
from greenload.core.grants import Granted
from greenload.core.messages import Account, Plan, Stop
from greenload.core.news import LOST, Kept, Member, News
from greenload.core.plain import HISTOGRAM, KINDS, PLAN, TALLY
from greenload.core.results import Results
from greenload.core.roster import EDIT, LOSE, Change, Edit, Entry
from greenload.core.run_info import RunInfo
from greenload.core.stats import Stats

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE run (
    id TEXT PRIMARY KEY, started TEXT, model TEXT, scenario TEXT, scenario_sha256 TEXT, host TEXT, seed INTEGER,
    version TEXT, plan TEXT, bundle BLOB, began_at REAL, stop TEXT, ended_at REAL
);
CREATE TABLE worker (run_id TEXT, worker TEXT, epoch INTEGER, state TEXT, PRIMARY KEY (run_id, worker));
CREATE TABLE change (run_id TEXT, at_s REAL, kind TEXT, worker TEXT, users INTEGER, spawn_rate REAL);
CREATE TABLE report (
    run_id TEXT, worker TEXT, epoch INTEGER, seq INTEGER, from_s REAL, until_s REAL, users INTEGER, cpu_percent REAL,
    counted INTEGER, sent INTEGER, ended INTEGER, unfinished INTEGER, PRIMARY KEY (run_id, worker, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE second (run_id TEXT, second INTEGER, sent INTEGER, users_died INTEGER, exceptions TEXT, lag TEXT);
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

Result = TypeVar("Result")


class StoreError(GreenloadError):
    """The file cannot be used, or has no such run."""


@dataclass(frozen=True)
class StoredRun:
    """A run as far as it got."""

    info: RunInfo
    plan: Plan
    bundle: Bundle
    kept: Kept
    has_ended: bool


class Store:
    """Runs in the file `path`, which is made when it is not there.  Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = self._tried(lambda: sqlite3.connect(path, isolation_level=None))
        try:
            self._tried(self._prepare)
        except StoreError:
            self._connection.close()
            raise

    def open_run(self, info: RunInfo, plan: Plan, bundle: Bundle) -> None:
        """Note that a run is being made."""
        row = (*astuple(info), _json(PLAN, plan), bundle.data)
        self._tried(lambda: self._insert("run", [(*row, None, None, None)]))

    def keep(self, run_id: str, news: News) -> None:
        """Write all of `news` in one transaction."""
        if not news.is_empty:
            self._tried(lambda: self._keep(run_id, news))

    def end_run(self, run_id: str) -> None:
        """Note that a run is over: all that was to come has come."""
        self._tried(lambda: self._execute("UPDATE run SET ended_at = ? WHERE id = ?", (time.time(), run_id)))

    def load(self, run_id: str) -> StoredRun:
        """Return the run `run_id`.

        The seconds since it began are counted by the machine's calendar clock, the only one that outlives a process.
        """
        return self._tried(lambda: self._load(run_id))

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        self._execute("PRAGMA busy_timeout = 2000")
        if self._version() == 0:
            self._make()
        if self._version() != SCHEMA_VERSION:
            raise StoreError(f"{self._path} was written by another version of greenload; name another file with --db")
        # Write-ahead: a reader does not stop the writer, and whoever is killed leaves nothing half written.
        self._execute("PRAGMA journal_mode = WAL")
        self._execute("PRAGMA synchronous = NORMAL")

    def _version(self) -> int:
        [(version,)] = self._execute("PRAGMA user_version")
        return int(version)

    def _make(self) -> None:
        """Make the tables, unless another master that began at the same time has just made them."""
        with self._connection:
            self._execute("BEGIN IMMEDIATE")
            if self._version() != 0:
                return
            if self._execute("SELECT 1 FROM sqlite_master"):
                raise StoreError(f"{self._path} is not a file of greenload's; name another one with --db")
            for statement in SCHEMA.split(";"):
                self._execute(statement)
            self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _keep(self, run_id: str, news: News) -> None:
        with self._connection:  # commits, or takes everything back
            self._execute("BEGIN IMMEDIATE")
            if news.began:
                self._execute("UPDATE run SET began_at = ? WHERE id = ?", (time.time(), run_id))
            if news.stop is not None:
                said = "at once" if news.stop.at_once else "gently"
                self._execute("UPDATE run SET stop = ? WHERE id = ?", (said, run_id))
            self._insert("worker", ((run_id, worker, *state) for worker, state in news.states.items()))
            self._insert("change", (_change_row(run_id, entry) for entry in news.entries))
            self._insert("report", ((run_id, *account) for account in news.accounts))
            self._insert("granted", ((run_id, *granted) for granted in news.granted))
            self._insert("second", (_second_row(run_id, *second) for second in news.seconds))
            for second, stats in news.seconds:
                self._insert("tally", _tally_rows(run_id, second, stats))

    def _load(self, run_id: str) -> StoredRun:
        with self._connection:
            self._execute("BEGIN")  # all of it as of one moment
            return self._loaded(run_id)

    def _loaded(self, run_id: str) -> StoredRun:
        rows = self._execute("SELECT * FROM run WHERE id = ?", (run_id,))
        if not rows:
            known = ", ".join(name for (name,) in self._execute("SELECT id FROM run ORDER BY started DESC LIMIT 5"))
            raise StoreError(
                f"no run {run_id} in {self._path}; " + (f"the last ones: {known}" if known else "it is empty")
            )
        *info, plan, bundle, began_at, stopped, ended_at = rows[0]
        entries = [_entry(*row) for row in self._rows("at_s, kind, worker, users, spawn_rate", "change", run_id)]
        accounts = [Account(*row) for row in self._rows(", ".join(Account._fields), "report", run_id)]
        members = self._members(run_id, accounts)
        results = self._results(run_id, entries, accounts)
        for member in members:
            if member.state == LOST:
                lost_s = [entry.at_s for entry in entries if entry[1:] == (LOSE, member.worker)]
                results.lose(member.worker, max(lost_s, default=0.0))
        elapsed_s = None if began_at is None else max(0.0, time.time() - began_at)
        granted = [Granted(*row) for row in self._rows(", ".join(Granted._fields), "granted", run_id)]
        stop = None if stopped is None else Stop(at_once=stopped == "at once")
        kept = Kept(elapsed_s, stop, entries, members, granted, results)
        return StoredRun(RunInfo(*info), _value(PLAN, plan), Bundle(bundle), kept, ended_at is not None)

    def _members(self, run_id: str, accounts: Iterable[Account]) -> list[Member]:
        seqs: dict[tuple[str, int], int] = {}
        for account in accounts:
            key = account.worker, account.epoch
            seqs[key] = max(account.seq, seqs.get(key, 0))
        return [
            Member(worker, epoch, b"", 0.0, state, seqs.get((worker, epoch), 0))
            for worker, epoch, state in self._rows("worker, epoch, state", "worker", run_id)
        ]

    def _results(self, run_id: str, entries: Iterable[Entry], accounts: Iterable[Account]) -> Results:
        results = Results()
        for entry in entries:
            if isinstance(entry, Change):
                results.expect(entry.worker)
        noted = sorted(accounts, key=lambda account: (account.from_s, account.seq))
        # In the order of time, as in the run itself: then old seconds are joined as they were there.
        parts: Iterator[tuple[int, Account | Stats]] = heapq.merge(
            self._seconds(run_id),
            self._tallies(run_id),
            ((int(account.from_s), account) for account in noted),
            key=lambda part: part[0],
        )
        for second, part in parts:
            if isinstance(part, Account):
                results.note(part)
            else:
                results.count(second, part)
        return results

    def _seconds(self, run_id: str) -> Iterator[tuple[int, Stats]]:
        columns = "second, sent, users_died, exceptions, lag"
        for second, sent, users_died, exceptions, lag in self._rows(columns, "second", run_id):
            stats = Stats()
            stats.sent, stats.users_died = sent, users_died
            stats.exceptions, stats.lag = _value(KINDS, exceptions), _value(HISTOGRAM, lag)
            yield second, stats

    def _tallies(self, run_id: str) -> Iterator[tuple[int, Stats]]:
        for second, method, name, counts in self._rows("second, method, name, counts", "tally", run_id):
            stats = Stats()
            stats.tallies[method, name] = _value(TALLY, counts)
            yield second, stats

    def _rows(self, columns: str, table: str, run_id: str) -> Iterator[Any]:
        # One by one: the seconds of a run of days are more than memory should hold at once.
        return self._connection.execute(f"SELECT {columns} FROM {table} WHERE run_id = ? ORDER BY 1", (run_id,))

    def _insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        listed = list(rows)
        if listed:
            places = ", ".join("?" * len(listed[0]))
            verb = "REPLACE" if table == "worker" else "INSERT"  # the others only grow; twice the same would be a fault
            self._connection.executemany(f"{verb} INTO {table} VALUES ({places})", listed)

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _tried(self, act: Callable[[], Result]) -> Result:
        """Return what `act` returns, and let what goes wrong with the file say which file it is."""
        try:
            return act()
        except (sqlite3.Error, Malformed, ValueError, TypeError, OverflowError) as error:
            raise StoreError(f"{self._path}: {error}") from error


def _change_row(run_id: str, entry: Entry) -> tuple[Any, ...]:
    if isinstance(entry, Edit):
        return run_id, entry.at_s, EDIT, None, entry.users, entry.spawn_rate
    return run_id, *entry, None, None


def _entry(at_s: float, kind: str, worker: str, users: int, spawn_rate: float) -> Entry:
    return Edit(at_s, kind, users, spawn_rate) if kind == EDIT else Change(at_s, kind, worker)


def _second_row(run_id: str, second: int, stats: Stats) -> tuple[Any, ...]:
    exceptions, lag = _json(KINDS, stats.exceptions), _json(HISTOGRAM, stats.lag)
    return run_id, second, stats.sent, stats.users_died, exceptions, lag


def _tally_rows(run_id: str, second: int, stats: Stats) -> Iterable[tuple[Any, ...]]:
    for (method, name), tally in stats.tallies.items():
        failed = tally.failed.service.count
        numbers = (tally.requests, failed, tally.received_bytes, _json(TALLY, tally))
        yield run_id, second, method, name, *numbers


def _json(codec: Codec, value: Any) -> str:
    return json.dumps(codec.dump(value), separators=(",", ":"))


def _value(codec: Codec, text: str) -> Any:
    return codec.load(json.loads(text))
