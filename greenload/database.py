"""One SQLite file of ours: opened, checked, brought to the form of now, and written in transactions.

What goes wrong with the file is one of two errors that name it. Knows no run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.news import NotKeptYet
from greenload.migrations import OLDEST, STEPS
from greenload.run_lock import is_locked
from greenload.tables import SCHEMA, SCHEMA_VERSION, TABLES

# For one who is about to begin. Who keeps does not wait: others would, too.
PATIENCE_S = 2.0

Result = TypeVar("Result")
Row = tuple[Any, ...]


class StoreError(GreenloadError):
    """The file cannot be used, or has no such run."""


class NoSuchRun(StoreError):
    """The file has no run of that name."""


class StoreBusy(StoreError, NotKeptYet):
    """Another process is writing to the file."""


class Database:
    """The file `path`, which is made when it is not there.  Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = self.tried(lambda: sqlite3.connect(path, isolation_level=None))
        try:
            self.tried(self._prepare)
        except StoreError:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def wait_at_most(self, seconds: float) -> None:
        """Wait so long from now on for somebody else who writes."""
        self.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def execute(self, statement: str, values: Iterable[Any] = ()) -> list[Row]:
        return self._connection.execute(statement, tuple(values)).fetchall()

    def rows(self, statement: str, values: Iterable[Any] = ()) -> Iterator[Row]:
        """Yield what `statement` finds one by one: a run of days is more than memory should hold at once."""
        return self._connection.execute(statement, tuple(values))

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Add `rows`, which have a value for each column; what is there already is an error."""
        self._write("INSERT", table, rows)

    def replace(self, table: str, rows: Iterable[Row]) -> None:
        """Add `rows`, each in the place of the one with its key if there is one."""
        self._write("REPLACE", table, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What is written in the block is one transaction, which nobody else writes meanwhile."""
        with self._connection:  # commits, or takes everything back
            self.execute("BEGIN IMMEDIATE")
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What is read in the block is all as of one moment."""
        with self._connection:
            self.execute("BEGIN")
            yield

    def tried(self, act: Callable[[], Result]) -> Result:
        """Return what `act` returns, and let what goes wrong with the file say which file it is."""
        try:
            return act()
        except sqlite3.OperationalError as error:
            # By its words: Python 3.10 does not say the number of the error.
            kind = StoreBusy if str(error) == "database is locked" else StoreError
            raise kind(f"{self.path}: {error}") from error
        except (sqlite3.Error, Malformed, ValueError, TypeError, OverflowError) as error:
            raise StoreError(f"{self.path}: {error}") from error

    def _write(self, verb: str, table: str, rows: Iterable[Row]) -> None:
        listed = list(rows)
        if listed:
            places = ", ".join("?" * len(listed[0]))
            self._connection.executemany(f"{verb} INTO {table} VALUES ({places})", listed)

    def _prepare(self) -> None:
        self.wait_at_most(PATIENCE_S)
        version = self._version()
        if version == 0:
            self._make()
        elif OLDEST <= version < SCHEMA_VERSION:
            self._migrate()
        version, tables = self._version(), self._tables()
        if "run" not in tables or (version == SCHEMA_VERSION and not tables >= TABLES):
            self._refuse()
        if version != SCHEMA_VERSION:
            older_or_newer = "a newer" if version > SCHEMA_VERSION else "an older"
            raise StoreError(
                f"{self.path} was written by {older_or_newer} version of greenload; name another file with --db"
            )
        # Write-ahead: a reader does not stop the writer, and whoever is killed leaves nothing half written.
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")

    def _version(self) -> int:
        [(version,)] = self.execute("PRAGMA user_version")
        return int(version)

    def _tables(self) -> set[str]:
        return {name for (name,) in self.execute("SELECT name FROM sqlite_master")}

    def _refuse(self) -> NoReturn:
        raise StoreError(f"{self.path} is not a file of greenload's; name another one with --db")

    def _make(self) -> None:
        """Make the tables, unless another master that began at the same time has just made them."""
        with self.writing():
            if self._version() != 0:
                return
            if self._tables():
                self._refuse()
            for statement in SCHEMA.split(";"):
                self.execute(statement)
            self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _migrate(self) -> None:
        """Bring the file to the form of now, all of it or nothing, unless another process has just done so."""
        with self.writing():
            if "run" not in self._tables():
                self._refuse()
            for (run_id,) in self.execute("SELECT id FROM run WHERE ended_at IS NULL"):
                if is_locked(self.path, run_id):
                    # Its master, of that older version, could not go on writing.
                    raise StoreError(f"{self.path} is of an older version of greenload, which is making run {run_id}")
            for version in range(self._version(), SCHEMA_VERSION):
                STEPS[version](self)
            self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
