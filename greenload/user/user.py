"""The virtual user: what it does in one iteration, and when its next one is due."""

from __future__ import annotations

from functools import cached_property
from random import Random
from typing import Any

from greenload.green import THROWN, Stop
from greenload.user.environment import Environment
from greenload.user.flow import Flow, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
from greenload.user.recorder import Call
from greenload.user.tasks import UNNAMED, Task, TaskList, TaskSet, name_of, tasks_of
from greenload.user.wait_time import WaitTime, constant


class User:
    """One virtual user. People subclass it, give it tasks, and never start it themselves.

    weight       how many users of this class there are compared with others
    fixed_count  if above 0, exactly that many, whatever the weights
    host         base URL, unless the command line says another
    wait_time    seconds between two iterations (see wait_time.py), or any method that returns them
    abstract     True for a class that only others derive from; not inherited
    """

    host: str | None = None
    weight: float = 1
    fixed_count: int = 0
    wait_time: WaitTime = constant(0)
    abstract: bool = True
    tasks: Any = ()
    _task_list: TaskList = TaskList(())

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.abstract = bool(vars(cls).get("abstract", False))
        cls._task_list = tasks_of(cls)

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.host = environment.host or type(self).host
        self._seed = environment.new_seed(type(self).__name__)
        self.turn_s = environment.now()
        self.stopping = Stop()  # tells the green thread of this user to come to its end
        self._due_s: float | None = None  # set while lateness is not counted yet: it is the next request's
        self.has_slot = False  # whether the next start is set by a schedule
        self._pace_s: float | None = None  # between its slots, when that is one of this user's own
        self._at_once = False
        self._inside: list[TaskSet] = []  # the TaskSets this user has entered, innermost last
        self._begun = environment.recorder.begun_in(type(self).__name__, "")

    @cached_property
    def random(self) -> Random:
        """Random numbers of this user's own; made when they are first drawn from, for they are 2.5 KB."""
        return Random(self._seed)

    def on_start(self) -> None:
        """Called once, before the first task."""

    def on_stop(self) -> None:
        """Called once, after the last task."""

    def wait(self) -> None:
        """Wait for the wait time, from within a task; when this user is told to stop, its task ends here."""
        if self.stopping.wait(max(0.0, float(self._wait_time()()))):  # switch
            raise StopUser

    def close(self) -> None:
        """Let go of what this user holds open; called last of all, whatever happened before."""

    def measure(self, method: str, name: str) -> Call:
        """Return a `with` block that is measured as one request: for every protocol that is not HTTP.

            with self.measure("SELECT", "album by id") as call:
                row = self.database.fetch(album_id)
                call.received_bytes = len(row)

        An exception in the block makes it a failure and goes on; `call.failure("why")` makes it one without.
        """
        due_s, self._due_s = self._due_s, None
        return self.environment.recorder.begin(method, name, due_s)

    def next_task(self) -> Task:
        """Return the next task: one drawn by weight."""
        return self._task_list.only or self._task_list.choose(self.random)

    def iterate(self, intended_s: float) -> None:
        """Run one task, which should have started at `intended_s`, entering TaskSets on the way to it.

        An exception in it is counted with its traceback, and the user goes on. Only StopUser comes through.
        """
        self.turn_s = intended_s
        recorder = self.environment.recorder
        recorder.iterations += 1  # with no call: each iteration comes through here
        # Only who has a schedule can be late. Who thinks for a second, and wakes a millisecond after it, has thought
        # for that long; a timer's coarseness must not pass for response time.
        self._due_s = intended_s if self.has_slot else None
        if self._pace_s is not None and self.environment.now() - intended_s >= self._pace_s:
            recorder.record_missed_slot()
        self._at_once = False
        owner: User | TaskSet = self._inside[-1] if self._inside else self
        chosen = None
        try:
            chosen = owner.next_task()
            while isinstance(chosen, type) and issubclass(chosen, TaskSet):
                owner = self._enter(chosen, owner)  # switch
                chosen = owner.next_task()
            owner._begun[getattr(chosen, "__name__", UNNAMED)] += 1  # name_of, but for the call
            chosen(owner)  # switch
        except StopUser:
            raise
        except RescheduleTask:
            pass
        except RescheduleTaskImmediately:
            self._at_once = True
        except InterruptTaskSet as interruption:
            self._interrupt(interruption)  # switch
        except THROWN as error:  # a person's task may raise anything; the user goes on
            recorder.record_exception(f"task {_title(owner, chosen)}", error)

    def next_start_s(self, ended_s: float) -> float:
        """Return when the next iteration should start, the last one having ended at `ended_s`."""
        if self._at_once:
            self._pace_s = None
            self.has_slot = False
            return ended_s
        wait_time = self._wait_time() if self._inside else self.wait_time
        self._pace_s = pace_s = getattr(wait_time, "pace_s", None)
        self.has_slot = pace_s is not None
        if pace_s is not None:
            # From the intended start, not from now: docs/explanation/coordinated-omission.md.
            return self.turn_s + float(pace_s)
        wait_s = float(wait_time())  # type: ignore[call-arg]  # a method by now
        return ended_s + wait_s if wait_s > 0 else ended_s

    def leave(self) -> None:
        """Run the on_stop of every TaskSet this user is inside, innermost first, then its own."""
        while self._inside:
            self._inside.pop().on_stop()  # switch
        self.on_stop()  # switch

    def _enter(self, task_set: type[TaskSet], parent: User | TaskSet) -> TaskSet:
        parent._begun[name_of(task_set)] += 1
        entered = task_set(parent)
        self._inside.append(entered)
        place = ".".join(name_of(type(each)) for each in self._inside)
        entered._begun = self.environment.recorder.begun_in(type(self).__name__, place)
        try:
            entered.on_start()  # switch
        except Flow:
            raise
        except THROWN:
            self._inside.remove(entered)
            raise
        return entered

    def _interrupt(self, interruption: InterruptTaskSet) -> None:
        """Leave the innermost TaskSet."""
        self._at_once = interruption.reschedule
        try:
            if not self._inside:
                raise RuntimeError("interrupt() ends a TaskSet, and this user is not inside one")
            self._inside.pop().on_stop()  # switch
        except Flow:
            raise
        except THROWN as error:
            self.environment.recorder.record_exception(f"{type(self).__name__}, leaving a TaskSet", error)

    def _wait_time(self) -> Any:
        """Return the wait time that holds here: of the innermost TaskSet that has one, else the user's."""
        if self._inside:
            for task_set in reversed(self._inside):
                if task_set.wait_time is not None:
                    return task_set.wait_time
        return self.wait_time


def _title(owner: User | TaskSet, chosen: Task) -> str:
    return f"{type(owner).__name__}.{getattr(chosen, '__name__', 'next_task')}"
