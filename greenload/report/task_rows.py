"""The tasks of a run in its summary: how often each was begun, beside how often it was to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from greenload.core.run_info import PlannedTask
from greenload.core.task_counts import OTHER_TASKS, TaskCounts, TaskKey

Row = dict[str, Any]


def task_rows(planned: Iterable[PlannedTask], counted: TaskCounts) -> list[Row]:
    """Return a row for each task that was planned, in that order, and then for each that came all the same.

    Percentages are of the tasks of the same class that stand on one level: outside of all TaskSets, or in the same one.
    """
    percents: dict[TaskKey, float | None] = {(each.class_name, each.task): each.percent for each in planned}
    unplanned = sorted(counted.kept.keys() - percents.keys())
    together = Counter[TaskKey]()
    for key, times in counted.kept.items():
        together[_place(key)] += times
    rows = []
    for key in (*percents, *unplanned):
        times, of = counted.kept.get(key, 0), together[_place(key)]
        rows.append(_row(key, times, percents.get(key), round(100 * times / of, 3) if of else None))
    return [*rows, _row(("", OTHER_TASKS), counted.others, None, None)] if counted.others else rows


def planned_in(rows: Iterable[Row]) -> list[PlannedTask]:
    """Return what was planned, from rows that say so."""
    return [PlannedTask(row["class"], row["task"], row["planned_percent"]) for row in rows if row["class"]]


def _place(key: TaskKey) -> TaskKey:
    class_name, task = key
    return class_name, task.rpartition(".")[0]


def _row(key: TaskKey, times: int, planned: float | None, actual: float | None) -> Row:
    class_name, task = key
    return {
        "class": class_name,
        "task": task,
        "count": times,
        "planned_percent": planned,
        "actual_percent": actual,
    }
