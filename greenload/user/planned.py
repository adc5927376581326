"""What the users of a class are to do: each of its tasks, with how often it comes, as the weights say.

Knows nothing of what they did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from greenload.core.run_info import PlannedTask
from greenload.core.task_counts import MOST_TASKS
from greenload.user.tasks import SequentialTaskSet, TaskSet, name_of
from greenload.user.user import User


def planned_tasks(user_class: type[User]) -> list[PlannedTask]:
    """Return the tasks of `user_class`, each TaskSet followed by its own; at most MOST_TASKS."""
    return list(islice(_planned(user_class.__name__, user_class, ()), MOST_TASKS))


def _planned(class_name: str, owner: type[User | TaskSet], inside: tuple[type, ...]) -> Iterator[PlannedTask]:
    weights: defaultdict[str, float] = defaultdict(float)
    sets: dict[str, type[TaskSet]] = {}
    for each, weight in _weighted(owner):
        weights[name_of(each)] += weight  # one that is listed twice, or two of one name, which are counted as one
        if isinstance(each, type) and issubclass(each, TaskSet) and each not in inside:
            sets[name_of(each)] = each
    goes_by_weight, total = _goes_by_weight(owner), sum(weights.values())
    for name, weight in weights.items():
        percent = round(100 * weight / total, 3) if goes_by_weight else None
        yield PlannedTask(class_name, ".".join((*map(name_of, inside), name)), percent)
        if name in sets:
            yield from _planned(class_name, sets[name], (*inside, sets[name]))


def _weighted(owner: type[User | TaskSet]) -> list[tuple[object, float]]:
    tasks = owner._task_list
    return [*tasks.repeated()] if issubclass(owner, SequentialTaskSet) else tasks.weighted


def _goes_by_weight(owner: type[User | TaskSet]) -> bool:
    """Whether the order of tasks is ours, and not that of a `next_task` which somebody wrote."""
    return owner.next_task in (User.next_task, TaskSet.next_task, SequentialTaskSet.next_task)
