"""Tasks: what users do, and how often one compared with another.

A task is a function of one argument, the user (or the TaskSet it belongs to), or a TaskSet class: a set of tasks a
user stays in until it is interrupted. Knows nothing of time: when the next task comes is decided elsewhere.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, Protocol, TypeVar, overload

from greenload.user.environment import Environment
from greenload.user.flow import InterruptTaskSet
from greenload.user.wait_time import WaitTime

Task = Any  # Callable[[Any], object] or type[TaskSet]; what people hang into `tasks` is theirs
TaskT = TypeVar("TaskT", bound="Callable[..., object]")

_WEIGHT = "_greenload_task_weight"
UNNAMED = "(no name)"


@overload
def task(weight: TaskT) -> TaskT: ...
@overload
def task(weight: float = 1) -> Callable[[TaskT], TaskT]: ...
def task(weight: Any = 1) -> Any:
    """Make a method, or a nested TaskSet class, a task: `@task`, or `@task(3)` to have it chosen three times as often.

    With a weight of 0 it is none.  Raises TypeError for a weight that is not a number, ValueError for one below 0.
    """
    if callable(weight):
        return _mark(weight, 1)
    if not isinstance(weight, (int, float)):
        raise TypeError(f"@task takes a weight, not {weight!r}")
    if not 0 <= weight < math.inf:
        raise ValueError(f"@task({weight}): a weight must be 0 or more")
    return lambda marked: _mark(marked, weight)


def _mark(marked: Any, weight: float) -> Any:
    name = getattr(marked, "__name__", "")
    if name in ("on_start", "on_stop"):
        raise ValueError(f"{name} runs once for each user; with @task it would be one task among the others")
    setattr(marked, _WEIGHT, weight)
    return marked


def name_of(each: Task) -> str:
    """Return what a task is called where tasks are counted."""
    return getattr(each, "__name__", UNNAMED)


class TaskList:
    """The tasks of a class, each with its weight."""

    def __init__(self, weighted: Iterable[tuple[Task, float]]) -> None:
        self.weighted = [(each, weight) for each, weight in weighted if weight]
        self._tasks = [each for each, _ in self.weighted]
        self.only = self._tasks[0] if len(self._tasks) == 1 else None  # which needs no drawing
        self._cumulative = list(itertools.accumulate(weight for _, weight in self.weighted))

    def choose(self, random: Random) -> Task:
        """Return one task, drawn by weight."""
        return random.choices(self._tasks, cum_weights=self._cumulative)[0]

    def in_turn(self) -> Iterator[Task]:
        """Yield the tasks in the order of their declaration, each as often in a row as its weight, over and over."""
        return itertools.cycle([each for each, times in self.repeated() for _ in range(times)])

    def repeated(self) -> list[tuple[Task, int]]:
        """Return the tasks with how often each comes in a row when they come in turn."""
        return [(each, max(1, round(weight))) for each, weight in self.weighted]


def tasks_of(cls: type) -> TaskList:
    """Return the tasks of `cls`: those of its bases, then its own, in the order they are written.

    A method that a subclass defines anew replaces the base's task of that name; `tasks` lists are joined.
    """
    weighted: dict[object, list[tuple[Task, float]]] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if name == "tasks":
                weighted[base] = list(_declared(base, value))
            elif _WEIGHT in getattr(value, "__dict__", {}):
                weighted[name] = [(value, getattr(value, _WEIGHT))]
            else:
                weighted.pop(name, None)
    return TaskList(itertools.chain.from_iterable(weighted.values()))


def _declared(cls: type, tasks: Any) -> Iterator[tuple[Task, float]]:
    """Yield (task, weight) from a `tasks` attribute: {task: weight}, [task, ...] or [(task, weight), ...]."""
    if isinstance(tasks, Mapping):
        tasks = tasks.items()
    for entry in tasks:
        each, weight = entry if isinstance(entry, tuple) else (entry, 1)
        if not callable(each) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
            raise TypeError(f"{cls.__name__}.tasks: expected functions or TaskSets with weights, not {entry!r}")
        yield each, weight


class TaskUser(Protocol):
    """As much of a user as its TaskSets need to know."""

    environment: Environment
    random: Random
    turn_s: float

    def wait(self) -> None:
        """Sleep for the wait time."""


class TaskSet:
    """Tasks that belong together; a user that enters stays until one of them calls `self.interrupt()`.

    `wait_time` may be set here; where it is not, that of the surrounding TaskSet or user holds.
    """

    tasks: Any = ()
    wait_time: WaitTime | None = None
    _task_list: TaskList = TaskList(())
    _begun: defaultdict[str, int]  # where its tasks are counted, set by the user that enters

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._task_list = tasks_of(cls)

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.user: TaskUser = parent.user if isinstance(parent, TaskSet) else parent

    def on_start(self) -> None:
        """Called when a user enters."""

    def on_stop(self) -> None:
        """Called when the user leaves, and when it is stopped inside."""

    def interrupt(self, reschedule: bool = True) -> None:
        """Leave this TaskSet; its parent goes on at once, or with reschedule=False after the wait time."""
        raise InterruptTaskSet(reschedule)

    def wait(self) -> None:
        """Sleep for the wait time, from within a task."""
        self.user.wait()

    def next_task(self) -> Task:
        """Return the next task: here one drawn by weight."""
        return self._task_list.only or self._task_list.choose(self.user.random)

    @property
    def client(self) -> Any:
        """The client of the user."""
        return self.user.client  # type: ignore[attr-defined]  # an HttpUser has one; a User has what its author gave it

    @property
    def random(self) -> Random:
        """The random numbers of the user."""
        return self.user.random

    @property
    def environment(self) -> Environment:
        """The environment of the user."""
        return self.user.environment

    @property
    def turn_s(self) -> float:
        """When the iteration under way was intended to start."""
        return self.user.turn_s


class SequentialTaskSet(TaskSet):
    """A TaskSet whose tasks come in the order they are written in; a weight repeats a task that many times in a row."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._in_turn = self._task_list.in_turn()

    def next_task(self) -> Task:
        return next(self._in_turn)
