"""The store: runs in one SQLite file, each written while it goes on.

What a master learns and the numbers of the reports it learned it from are one transaction. So whenever the master is
killed, the file holds a state from which another one can go on: a report is in it whole, once, or not at all, and then
its worker still has it. A second of one name may stand in several rows, one for each transaction: merging is addition.

Knows nothing of sockets or of who decides what is kept.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from greenload.core.bundle import Bundle
from greenload.core.gate import Gate
from greenload.core.label import NO_LABEL, Label
from greenload.core.messages import Account, Plan
from greenload.core.news import News
from greenload.core.run_info import RunInfo
from greenload.core.slots import Slot
from greenload.core.stats import Stats
from greenload.database import Database, NoSuchRun, StoreBusy, StoreError
from greenload.run_lock import CannotLock, RunLock
from greenload.stored_run import (
    ListedRun,
    StoredRun,
    read_accounts,
    read_list,
    read_outline,
    read_run,
    read_seconds,
    read_slots,
    row_of,
    run_row,
    task_rows,
)
from greenload.tables import BREACH, TABLES, as_text, change_row, reset_row, second_row, tally_rows

__all__ = ["Label", "ListedRun", "NoSuchRun", "Store", "StoreBusy", "StoreError", "StoredRun"]

Part = TypeVar("Part")

PATIENCE_AT_THE_END_S = 30.0  # of one who has nothing else to do


class Store:
    """Runs in the file `path`, which is made when it is not there.  Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._locks: dict[str, RunLock] = {}  # by run
        self._began_at: dict[str, float] = {}  # run -> when that was to be kept first
        self._file = Database(path)

    @classmethod
    def found(cls, path: Path) -> Store:
        """Return the runs in a file that must be there."""
        if not path.exists():
            raise StoreError(f"there is no file {path}; say with --db where the run was kept")
        return cls(path)

    def open_run(self, info: RunInfo, plan: Plan, gate: Gate, bundle: Bundle, label: Label = NO_LABEL) -> None:
        """Note that a run is being made; until `close` it is this process's alone."""
        self._own(info.id)
        self._file.tried(lambda: self._open_run(info, plan, gate, bundle, label))

    def take_up(self, run_id: str) -> StoredRun:
        """Return the run `run_id`, to go on with; until `close` it is this process's alone."""
        self._file.tried(lambda: row_of(self._file, run_id))  # before there is a lock for what is no run
        self._own(run_id)
        return self.load(run_id)

    def keep(self, run_id: str, news: News) -> None:
        """Write all of `news` in one transaction, now.  Raises StoreBusy."""
        if news.began:
            self._began_at.setdefault(run_id, time.time())
        if not news.is_empty:
            self._file.tried(lambda: self._keep(run_id, news))

    def end_run(self, run_id: str, document: Mapping[str, Any] | None = None) -> None:
        """Note that a run is over, and its summary: all that was to come has come."""
        summary = None if document is None else json.dumps(document, separators=(",", ":"))
        self._change("UPDATE run SET ended_at = ?, summary = ? WHERE id = ?", time.time(), summary, run_id)

    def load(self, run_id: str) -> StoredRun:
        """Return the run `run_id`; whoever makes it is not disturbed.

        The seconds since it began are counted by the machine's calendar clock, the only one that outlives a process.
        """
        return self._file.tried(lambda: self._load(run_id))

    def outline(self, run_id: str) -> StoredRun:
        """Return the run `run_id` without what was counted, which takes most of the time to read."""
        return self._file.tried(lambda: self._outline(run_id))

    def accounts(self, run_id: str) -> list[Account]:
        """Return what there is of each report of the run beside its counts."""
        return self._file.tried(lambda: read_accounts(self._file, run_id))

    def seconds(self, run_id: str, from_s: float = 0.0, to_s: float = math.inf) -> Iterator[tuple[int, Stats]]:
        """Yield (second, Stats) for each second of from_s <= second < to_s in which anything was counted, exactly."""
        return self._each(read_seconds(self._file, run_id, from_s, to_s))

    def slots(self, run_id: str) -> Iterator[Slot]:
        """Yield each second of the run in which anybody reported, exactly, as a slot without its `total`."""
        return self._each(self._file.tried(lambda: read_slots(self._file, run_id)))

    def runs(self, most: int | None = None, tags: Mapping[str, str] | None = None) -> list[ListedRun]:
        """Return the runs in the file that have all of `tags`, the newest first, at most so many."""
        return self._file.tried(lambda: read_list(self._file, most, tags or {}))

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Give a run more tags, or others in the place of those of the same key."""
        self._file.tried(lambda: row_of(self._file, run_id))
        self._file.wait_at_most(PATIENCE_AT_THE_END_S)
        self._file.tried(lambda: self._file.replace("tag", ((run_id, *tag) for tag in tags.items())))

    def note(self, run_id: str, text: str) -> None:
        """Give a run another note."""
        self._file.tried(lambda: row_of(self._file, run_id))
        self._change("UPDATE run SET note = ? WHERE id = ?", text, run_id)

    def discard(self, run_id: str) -> None:
        """Remove a run that is this process's, and of which there is nothing to keep."""
        self._file.wait_at_most(PATIENCE_AT_THE_END_S)
        self._file.tried(lambda: self._delete([run_id]))

    def remove(self, run_ids: Sequence[str]) -> None:
        """Remove runs for good, all or none.  Raises StoreError for one that is not there, or is being made."""
        self._file.tried(lambda: [row_of(self._file, run_id) for run_id in run_ids])
        for run_id in dict.fromkeys(run_ids):
            self._own(run_id)
        self._file.wait_at_most(PATIENCE_AT_THE_END_S)
        self._file.tried(lambda: self._remove(run_ids))

    def close(self) -> None:
        self._file.close()
        for run_id in list(self._locks):
            self.let_go(run_id)

    def let_go(self, run_id: str) -> None:
        """Note that this process makes the run no more; others may go on with it, or remove it."""
        lock = self._locks.pop(run_id, None)
        if lock is not None:
            lock.release()

    def _each(self, parts: Iterator[Part]) -> Iterator[Part]:
        while (part := self._file.tried(lambda: next(parts, None))) is not None:
            yield part

    def _own(self, run_id: str) -> None:
        try:
            self._locks[run_id] = RunLock(self._path, run_id)
        except CannotLock as error:
            raise StoreError(str(error)) from error

    def _open_run(self, info: RunInfo, plan: Plan, gate: Gate, bundle: Bundle, label: Label) -> None:
        with self._file.writing():
            self._file.insert("run", [run_row(info, plan, gate, bundle, label)])
            self._file.insert("tag", ((info.id, *tag) for tag in label.tags.items()))
            self._file.insert("task", task_rows(info))
            self._file.insert("made_with", ((info.id, *part) for part in info.made_with.items()))

    def _change(self, statement: str, *values: Any) -> None:
        self._file.tried(lambda: self._file.wait_at_most(PATIENCE_AT_THE_END_S))
        self._file.tried(lambda: self._file.execute(statement, values))

    def _keep(self, run_id: str, news: News) -> None:
        file = self._file
        file.wait_at_most(0.0)
        with file.writing():
            if news.began:
                file.execute("UPDATE run SET began_at = ? WHERE id = ?", (self._began_at[run_id], run_id))
            if news.stop is not None:
                said = "at once" if news.stop.at_once else "gently"
                file.execute("UPDATE run SET stop = ? WHERE id = ?", (said, run_id))
            if news.breach is not None:
                breach = as_text(BREACH, news.breach)
                file.execute("UPDATE run SET breach = ? WHERE id = ?", (breach, run_id))
            if news.measured_from_s is not None:
                file.insert("change", [reset_row(run_id, news.measured_from_s)])
            states = news.states.items()
            file.replace("worker", ((run_id, worker, *state, news.errors.get(worker)) for worker, state in states))
            file.insert("change", (change_row(run_id, entry) for entry in news.entries))
            file.insert("report", ((run_id, *account) for account in news.accounts))
            file.insert("granted", ((run_id, *granted) for granted in news.granted))
            file.insert("second", (second_row(run_id, *second) for second in news.seconds))
            for second, stats in news.seconds:
                file.insert("tally", tally_rows(run_id, second, stats))

    def _load(self, run_id: str) -> StoredRun:
        with self._file.reading():
            return read_run(self._file, run_id)

    def _outline(self, run_id: str) -> StoredRun:
        with self._file.reading():
            return read_outline(self._file, run_id)

    def _delete(self, run_ids: Sequence[str]) -> None:
        with self._file.writing():
            for run_id in run_ids:
                for table in sorted(TABLES - {"run"}):
                    self._file.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
                self._file.execute("DELETE FROM run WHERE id = ?", (run_id,))

    def _remove(self, run_ids: Sequence[str]) -> None:
        self._delete(run_ids)
        # Without these the file stays as large as it was: the first writes it anew, the second empties the log of that.
        self._file.execute("VACUUM")
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
