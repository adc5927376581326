"""The store: runs in one SQLite file, each written while it goes on. With `tables` the only file that
knows SQL.

What a master learns and the numbers of the reports it learned it from are one transaction. So whenever the master is
killed, the file holds a state from which another one can go on: a report is in it whole, once, or not at all, and then
its worker still has it. A second of one name may stand in several rows, one for each transaction: merging is addition.

Knows nothing of sockets or of who decides what is kept.
"""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from greenload.core.bundle import Bundle
from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.gate import Breach, Gate
from greenload.core.grants import Granted
from greenload.core.messages import Account, Plan, Stop
from greenload.core.news import LOST, Kept, Member, News, NotKeptYet
from greenload.core.plain import PLAN
from greenload.core.plain_stats import HISTOGRAM, KINDS, STALL, TALLY
from greenload.core.results import Results
from greenload.core.roster import LOSE, Change, Entry
from greenload.core.run_info import RunInfo
from greenload.core.stats import COUNTERS, Stats
from greenload.run_lock import CannotLock, RunLock
from greenload.tables import (
    BREACH,
    GATE,
    SCHEMA,
    SCHEMA_VERSION,
    TABLES,
    as_text,
    change_row,
    entry_of,
    from_text,
    second_row,
    tally_rows,
)

# For one who is about to begin, and for one who has nothing else to do. Who keeps does not wait: others would, too.
PATIENCE_S, PATIENCE_AT_THE_END_S = 2.0, 30.0

Result = TypeVar("Result")


class StoreError(GreenloadError):
    """The file cannot be used, or has no such run."""


class StoreBusy(StoreError, NotKeptYet):
    """Another process is writing to the file."""


@dataclass(frozen=True)
class StoredRun:
    """A run as far as it got."""

    info: RunInfo
    plan: Plan
    gate: Gate
    bundle: Bundle
    kept: Kept
    breach: Breach | None
    has_ended: bool


class Store:
    """Runs in the file `path`, which is made when it is not there.  Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._locks: list[RunLock] = []
        self._began_at: dict[str, float] = {}  # run -> when that was to be kept first
        self._connection = self._tried(lambda: sqlite3.connect(path, isolation_level=None))
        try:
            self._tried(self._prepare)
        except StoreError:
            self._connection.close()
            raise

    @classmethod
    def found(cls, path: Path) -> Store:
        """Return the runs in a file that must be there."""
        if not path.exists():
            raise StoreError(f"there is no file {path}; say with --db where the run was kept")
        return cls(path)

    def open_run(self, info: RunInfo, plan: Plan, gate: Gate, bundle: Bundle) -> None:
        """Note that a run is being made; until `close` it is this process's alone."""
        self._own(info.id)
        row = (*astuple(info), as_text(PLAN, plan), as_text(GATE, gate), bundle.data)
        self._tried(lambda: self._insert("run", [(*row, None, None, None, None)]))

    def take_up(self, run_id: str) -> StoredRun:
        """Return the run `run_id`, to go on with; until `close` it is this process's alone."""
        self._tried(lambda: self._row(run_id))  # before there is a lock for what is no run
        self._own(run_id)
        return self.load(run_id)

    def keep(self, run_id: str, news: News) -> None:
        """Write all of `news` in one transaction, now.  Raises StoreBusy."""
        if news.began:
            self._began_at.setdefault(run_id, time.time())
        if not news.is_empty:
            self._tried(lambda: self._keep(run_id, news))

    def end_run(self, run_id: str) -> None:
        """Note that a run is over: all that was to come has come."""
        self._tried(lambda: self._wait_at_most(PATIENCE_AT_THE_END_S))
        self._tried(lambda: self._execute("UPDATE run SET ended_at = ? WHERE id = ?", (time.time(), run_id)))

    def load(self, run_id: str) -> StoredRun:
        """Return the run `run_id`.

        The seconds since it began are counted by the machine's calendar clock, the only one that outlives a process.
        """
        return self._tried(lambda: self._load(run_id))

    def close(self) -> None:
        self._connection.close()
        for lock in self._locks:
            lock.release()

    def _own(self, run_id: str) -> None:
        try:
            self._locks.append(RunLock(self._path, run_id))
        except CannotLock as error:
            raise StoreError(str(error)) from error

    def _prepare(self) -> None:
        self._wait_at_most(PATIENCE_S)
        if self._version() == 0:
            self._make()
        if not self._tables() >= TABLES:
            self._refuse()
        if self._version() != SCHEMA_VERSION:
            raise StoreError(f"{self._path} was written by another version of greenload; name another file with --db")
        # Write-ahead: a reader does not stop the writer, and whoever is killed leaves nothing half written.
        self._execute("PRAGMA journal_mode = WAL")
        self._execute("PRAGMA synchronous = NORMAL")

    def _version(self) -> int:
        [(version,)] = self._execute("PRAGMA user_version")
        return int(version)

    def _tables(self) -> set[str]:
        return {name for (name,) in self._execute("SELECT name FROM sqlite_master")}

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self._path} is not a file of greenload's; name another one with --db")

    def _wait_at_most(self, seconds: float) -> None:
        self._execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _make(self) -> None:
        """Make the tables, unless another master that began at the same time has just made them."""
        with self._connection:
            self._execute("BEGIN IMMEDIATE")
            if self._version() != 0:
                return
            if self._tables():
                self._refuse()
            for statement in SCHEMA.split(";"):
                self._execute(statement)
            self._execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _keep(self, run_id: str, news: News) -> None:
        self._wait_at_most(0.0)
        with self._connection:  # commits, or takes everything back
            self._execute("BEGIN IMMEDIATE")
            if news.began:
                self._execute("UPDATE run SET began_at = ? WHERE id = ?", (self._began_at[run_id], run_id))
            if news.stop is not None:
                said = "at once" if news.stop.at_once else "gently"
                self._execute("UPDATE run SET stop = ? WHERE id = ?", (said, run_id))
            if news.breach is not None:
                breach = as_text(BREACH, news.breach)
                self._execute("UPDATE run SET breach = ? WHERE id = ?", (breach, run_id))
            states = news.states.items()
            self._insert("worker", ((run_id, worker, *state, news.errors.get(worker)) for worker, state in states))
            self._insert("change", (change_row(run_id, entry) for entry in news.entries))
            self._insert("report", ((run_id, *account) for account in news.accounts))
            self._insert("granted", ((run_id, *granted) for granted in news.granted))
            self._insert("second", (second_row(run_id, *second) for second in news.seconds))
            for second, stats in news.seconds:
                self._insert("tally", tally_rows(run_id, second, stats))

    def _load(self, run_id: str) -> StoredRun:
        with self._connection:
            self._execute("BEGIN")  # all of it as of one moment
            return self._loaded(run_id)

    def _loaded(self, run_id: str) -> StoredRun:
        *info, plan, gated, bundle, began_at, stopped, breached, ended_at = self._row(run_id)
        gate: Gate = from_text(GATE, gated)
        breach = None if breached is None else from_text(BREACH, breached)
        entries = [entry_of(*row) for row in self._rows("at_s, kind, worker, users, spawn_rate", "change", run_id)]
        accounts = [Account(*row) for row in self._rows(", ".join(Account._fields), "report", run_id)]
        members = self._members(run_id, accounts)
        results = self._results(run_id, entries, accounts, gate.warmup_s)
        for member in members:
            if member.state == LOST:
                lost_s = [entry.at_s for entry in entries if entry[1:] == (LOSE, member.worker)]
                results.lose(member.worker, max(lost_s, default=0.0))
        elapsed_s = None if began_at is None else max(0.0, time.time() - began_at)
        granted = [Granted(*row) for row in self._rows(", ".join(Granted._fields), "granted", run_id)]
        stop = None if stopped is None else Stop(at_once=stopped == "at once")
        errors = {worker: error for worker, error in self._rows("worker, error", "worker", run_id) if error is not None}
        kept = Kept(elapsed_s, stop, entries, members, granted, results, errors)
        has_ended = ended_at is not None
        return StoredRun(RunInfo(*info), from_text(PLAN, plan), gate, Bundle(bundle), kept, breach, has_ended)

    def _row(self, run_id: str) -> tuple[Any, ...]:
        for row in self._execute("SELECT * FROM run WHERE id = ?", (run_id,)):
            return tuple(row)
        known = ", ".join(name for (name,) in self._execute("SELECT id FROM run ORDER BY started DESC LIMIT 5"))
        raise StoreError(f"no run {run_id} in {self._path}; " + (f"the last ones: {known}" if known else "it is empty"))

    def _members(self, run_id: str, accounts: Iterable[Account]) -> list[Member]:
        seqs: dict[tuple[str, int], int] = {}
        for account in accounts:
            key = account.worker, account.epoch
            seqs[key] = max(account.seq, seqs.get(key, 0))
        return [
            Member(worker, epoch, b"", 0.0, state, seqs.get((worker, epoch), 0))
            for worker, epoch, state in self._rows("worker, epoch, state", "worker", run_id)
        ]

    def _results(self, run_id: str, entries: Iterable[Entry], accounts: Iterable[Account], warmup_s: int) -> Results:
        results = Results(warmup_s)
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
        columns = ", ".join(("second", *COUNTERS, "exceptions", "lag", "longest_stall"))
        for second, *counted, exceptions, lag, stall in self._rows(columns, "second", run_id):
            stats = Stats()
            for counter, count in zip(COUNTERS, counted, strict=True):
                setattr(stats, counter, count)
            stats.longest_stall = from_text(STALL, stall)
            stats.exceptions, stats.lag = from_text(KINDS, exceptions), from_text(HISTOGRAM, lag)
            yield second, stats

    def _tallies(self, run_id: str) -> Iterator[tuple[int, Stats]]:
        for second, method, name, counts in self._rows("second, method, name, counts", "tally", run_id):
            stats = Stats()
            stats.tallies[method, name] = from_text(TALLY, counts)
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
        except sqlite3.OperationalError as error:
            # By its words: Python 3.10 does not say the number of the error.
            kind = StoreBusy if str(error) == "database is locked" else StoreError
            raise kind(f"{self._path}: {error}") from error
        except (sqlite3.Error, Malformed, ValueError, TypeError, OverflowError) as error:
            raise StoreError(f"{self._path}: {error}") from error
