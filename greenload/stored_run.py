"""A run as it is read from the file: rows made values again, second by second, and added up.

Knows nothing of who wrote them.
"""

from __future__ import annotations

import heapq
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

from greenload.core.bundle import Bundle
from greenload.core.gate import Breach, Gate
from greenload.core.grants import Granted
from greenload.core.label import NO_LABEL, Label
from greenload.core.messages import Account, Plan, Stop
from greenload.core.news import LOST, Kept, Member
from greenload.core.plain import PLAN
from greenload.core.results import Results
from greenload.core.roster import LOSE, Change, Entry
from greenload.core.roster_log import plan_as_edited
from greenload.core.run_info import PlannedTask, RunInfo
from greenload.core.slots import WIDEST_PART, Slot
from greenload.core.stats import Stats
from greenload.database import Database, NoSuchRun
from greenload.run_lock import is_locked
from greenload.tables import (
    BREACH,
    GATE,
    RESET,
    SECOND_READ,
    TALLY_READ,
    as_text,
    entry_of,
    from_text,
    seconds_stats,
    tally_of,
)

ENDED, GOING_ON, BROKEN_OFF = "ended", "going on", "broken off"

BY_THE_SECOND_S = 300  # at the end of a run

_INFO = [each.name for each in fields(RunInfo) if each.name != "tasks"]  # these have a table of their own
_LISTED = f"{', '.join(_INFO)}, plan, began_at, ended_at, summary, note"


@dataclass(frozen=True)
class StoredRun:
    """A run as far as it got.

    gate      what was asked of it; its warm-up ends where what is measured began anew last, if it did
    document  its summary, as it was printed at its end; None of one that has not ended, whose `kept.results` say it all
    """

    info: RunInfo
    plan: Plan
    gate: Gate
    bundle: Bundle
    kept: Kept
    breach: Breach | None
    has_ended: bool
    document: dict[str, Any] | None = None
    label: Label = NO_LABEL

    @property
    def plan_as_edited(self) -> Plan:
        """The plan with what was changed of it while the run went on."""
        return plan_as_edited(self.plan, self.kept.entries)


@dataclass(frozen=True)
class ListedRun:
    """A run as a list shows it.  state: ENDED, GOING_ON or BROKEN_OFF; document: its summary, if it has ended."""

    info: RunInfo
    plan: Plan
    state: str
    document: dict[str, Any] | None
    tags: Mapping[str, str]
    note: str | None


def run_row(info: RunInfo, plan: Plan, gate: Gate, bundle: Bundle, label: Label) -> tuple[Any, ...]:
    """Return the row of a run that has not begun."""
    told = (*(getattr(info, name) for name in _INFO), as_text(PLAN, plan), as_text(GATE, gate), bundle.data)
    return *told, None, None, None, None, None, label.note, label.command


def task_rows(info: RunInfo) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of what the users of a run are to do."""
    return ((info.id, place, *task) for place, task in enumerate(info.tasks))


def read_run(file: Database, run_id: str) -> StoredRun:
    """Return the run `run_id`, within one transaction."""
    return _read(file, run_id, read_seconds(file, run_id))


def read_outline(file: Database, run_id: str) -> StoredRun:
    """Return the run `run_id` without what was counted: its `kept.results` knows the workers and the time only."""
    return _read(file, run_id, iter(()))


def read_accounts(file: Database, run_id: str) -> list[Account]:
    """Return what there is of each report beside its counts."""
    return [Account(*row) for row in _rows(file, ", ".join(Account._fields), "report", run_id)]


def _read(file: Database, run_id: str, seconds: Iterator[tuple[int, Stats]]) -> StoredRun:
    *info, plan, gated, bundle, began_at, stopped, breached, ended_at, summary, note, command = row_of(file, run_id)
    gate: Gate = from_text(GATE, gated)
    breach = None if breached is None else from_text(BREACH, breached)
    changes = list(_rows(file, "at_s, kind, worker, users, spawn_rate, rate", "change", run_id))
    entries = [entry_of(*row) for row in changes if row[1] != RESET]
    for at_s, kind, *_ in changes:
        if kind == RESET:  # the last one counts
            gate = replace(gate, warmup_s=int(at_s))
    accounts = read_accounts(file, run_id)
    members = _members(file, run_id, accounts)
    results = _results(seconds, entries, accounts, gate.warmup_s)
    for member in members:
        if member.state == LOST:
            lost_s = [entry.at_s for entry in entries if entry[1:] == (LOSE, member.worker)]
            results.lose(member.worker, max(lost_s, default=0.0))
    elapsed_s = None if began_at is None else max(0.0, time.time() - began_at)
    granted = [Granted(*row) for row in _rows(file, ", ".join(Granted._fields), "granted", run_id)]
    stop = None if stopped is None else Stop(at_once=stopped == "at once")
    errors = {worker: error for worker, error in _rows(file, "worker, error", "worker", run_id) if error is not None}
    tasks = (PlannedTask(*row) for _, *row in _rows(file, "place, class, task, planned_percent", "task", run_id))
    return StoredRun(
        replace(RunInfo(*info), tasks=tuple(tasks)),
        from_text(PLAN, plan),
        gate,
        Bundle(bundle),
        Kept(elapsed_s, stop, entries, members, granted, results, errors),
        breach,
        has_ended=ended_at is not None,
        document=None if summary is None else json.loads(summary),
        label=Label(_tags(file, run_id), note, command),
    )


def read_seconds(
    file: Database, run_id: str, from_s: float = 0.0, to_s: float = math.inf
) -> Iterator[tuple[int, Stats]]:
    """Yield (second, Stats) for each second of from_s <= second < to_s in which anything was counted, in their order.

    As exact as it was counted, however long ago: what Results holds of an old second has been joined with others.
    """
    where = "WHERE run_id = ? AND second >= ? AND second < ? ORDER BY second"
    values = (run_id, from_s, min(to_s, 2**62))
    now = Stats()
    at = -1
    parts = heapq.merge(
        file.rows(f"SELECT {', '.join(SECOND_READ)}, NULL AS of_names FROM second {where}", values),
        file.rows(f"SELECT {', '.join(TALLY_READ)} FROM tally {where}", values),
        key=lambda row: int(row[0]),
    )
    for second, *columns in parts:
        if second != at:
            if at >= 0:
                yield at, now
            at, now = second, Stats()
        _take_in(now, columns)
    if at >= 0:
        yield at, now


def _take_in(stats: Stats, columns: list[Any]) -> None:
    """Add what stands in one row, without its second, to `stats`."""
    if len(columns) == len(SECOND_READ):  # with the NULL
        stats.add(seconds_stats(*columns[:-1]))
        return
    method, name, *held = columns
    tally = tally_of(*held)
    there = stats.tallies.setdefault((method, name), tally)  # mostly there is one row: nothing has to be added
    if there is not tally:
        there.add(tally)


def row_of(file: Database, run_id: str) -> tuple[Any, ...]:
    """Return the row of the run `run_id`.  Raises NoSuchRun."""
    for row in file.execute("SELECT * FROM run WHERE id = ?", (run_id,)):
        return tuple(row)
    known = ", ".join(name for (name,) in file.execute("SELECT id FROM run ORDER BY started DESC LIMIT 5"))
    raise NoSuchRun(f"no run {run_id} in {file.path}; " + (f"the last ones: {known}" if known else "it is empty"))


def read_list(file: Database, most: int | None, tags: Mapping[str, str]) -> list[ListedRun]:
    """Return the newest runs that have all of `tags`, at most so many, the newest first."""
    has_tag = "id IN (SELECT run_id FROM tag WHERE key = ? AND value = ?)"
    where = f"WHERE {' AND '.join([has_tag] * len(tags))}" if tags else ""
    values = [each for tag in tags.items() for each in tag]
    newest = f"SELECT {_LISTED} FROM run {where} ORDER BY started DESC, rowid DESC LIMIT ?"
    return [_listed(file, *row) for row in file.execute(newest, (*values, -1 if most is None else most))]


def _listed(file: Database, *row: Any) -> ListedRun:
    *info, plan, _began_at, ended_at, summary, note = row
    run = RunInfo(*info)
    state = ENDED if ended_at is not None else GOING_ON if is_locked(file.path, run.id) else BROKEN_OFF
    document = None if summary is None else json.loads(summary)
    return ListedRun(run, from_text(PLAN, plan), state, document, _tags(file, run.id), note)


def _tags(file: Database, run_id: str) -> dict[str, str]:
    return dict(_rows(file, "key, value", "tag", run_id))


def _members(file: Database, run_id: str, accounts: Iterable[Account]) -> list[Member]:
    seqs: dict[tuple[str, int], int] = {}
    for account in accounts:
        key = account.worker, account.epoch
        seqs[key] = max(account.seq, seqs.get(key, 0))
    return [
        Member(worker, epoch, b"", 0.0, state, seqs.get((worker, epoch), 0))
        for worker, epoch, state in _rows(file, "worker, epoch, state", "worker", run_id)
    ]


def _results(
    seconds: Iterator[tuple[int, Stats]], entries: Iterable[Entry], accounts: Iterable[Account], warmup_s: int
) -> Results:
    results = Results(warmup_s)
    for entry in entries:
        if isinstance(entry, Change):
            results.expect(entry.worker)
    joined: Slot | None = None
    until_s = max((account.second for account in accounts), default=0)
    for slot in _slots(seconds, accounts, results):
        if joined is not None and _is_joined(joined, slot, until_s, warmup_s):
            joined.append(slot)
            continue
        if joined is not None:
            results.take_in(joined)
        joined = slot
    if joined is not None:
        results.take_in(joined)
    return results


def _slots(seconds: Iterator[tuple[int, Stats]], accounts: Iterable[Account], results: Results) -> Iterator[Slot]:
    """Yield the seconds of a run in their order, and note in `results` what else was reported of each."""
    noted = sorted(accounts, key=lambda account: (account.from_s, account.seq))
    parts: Iterator[tuple[int, Account | Stats]] = heapq.merge(
        seconds,
        ((account.second, account) for account in noted),
        key=lambda part: part[0],
    )
    for second, of_second in groupby(parts, key=lambda part: part[0]):
        slot = Slot(second)
        for _, part in of_second:
            if isinstance(part, Account):
                results.note_in(slot, part)
            else:
                slot.stats = part  # there is one, and before the accounts
        yield slot


def _is_joined(slot: Slot, later: Slot, until_s: int, warmup_s: int) -> bool:
    """Whether two slots are so old that one will do: to add each second to all sums would take three times as long."""
    is_old = until_s - later.first_s >= BY_THE_SECOND_S
    is_apart = slot.first_s < warmup_s <= later.first_s
    width_s = later.first_s + 1 - slot.first_s
    return is_old and not is_apart and width_s <= WIDEST_PART * (until_s - slot.first_s)


def _rows(file: Database, columns: str, table: str, run_id: str) -> Iterator[Any]:
    return file.rows(f"SELECT {columns} FROM {table} WHERE run_id = ? ORDER BY 1", (run_id,))
