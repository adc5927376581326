"""The recorder: from requests under way to Stats.

Every request is a Call from its begin to its end, or until it is cut off; so what was sent always equals what
succeeded, failed, or is unfinished. No line here can switch to another green thread, so nothing here needs a lock.

Every request comes through here, so it may cost 5 us at most. It costs 1.3 us: the best of 7 rounds of 100,000 times
`begin`, `answered`, `end` of one name, in processor time (CPython 3.11, 2026-11-27); of that two fifths are
Stats.count, and 0.1 us is looking for stalls.
"""

from __future__ import annotations

import re
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import TracebackType

import gevent

from greenload.core.codec import MOST_TEXT, writable
from greenload.core.phases import Phase
from greenload.core.stall import Stall
from greenload.core.stats import Stats
from greenload.core.task_counts import MOST_TASKS, OTHER_TASKS, TaskKey
from greenload.user.flow import Flow

MOST_NAMES = 1_000
OTHER_NAMES = "(other names)"
MOST_TRACEBACK_CHARACTERS = 4_000
MOST_MESSAGE_CHARACTERS = 500
MOST_TASK_CHARACTERS = 300

_ID = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{3,}", re.IGNORECASE)


class Call:
    """One request under way; as a `with` block it ends with the block.

    An exception in the block is a failure and goes on to the caller. A green thread killed in the block leaves the
    request unfinished. `failure()` makes it a failure without an exception; what was judged stays as it was judged, and
    the wishes of flow.py are no failures.
    """

    # No __init__, which Python calls by way of C: 0.06 us more. Recorder.begin says all of this.
    __slots__ = ("ended_s", "error", "intended_s", "is_judged", "key", "received_bytes", "recorder", "started_s")

    recorder: Recorder
    key: tuple[str, str]  # method and name
    intended_s: float
    started_s: float
    ended_s: float | None
    error: str | None
    is_judged: bool
    received_bytes: int

    def failure(self, reason: object) -> None:
        """Let this request count as failed; `reason` says why, in words that group."""
        self.error = str(reason) or type(reason).__name__
        self.is_judged = True

    def success(self) -> None:
        """Let this request count as a success, whatever happened."""
        self.error = None
        self.is_judged = True

    def answered(self) -> float:
        """Stop the clocks, and return the service time: what is done with the answer from here on is not in it."""
        if self.ended_s is None:
            self.ended_s = self.recorder.answer()
        return self.ended_s - self.started_s

    def record_phase(self, phase: Phase, took_s: float) -> None:
        """Count a phase that this request has come through, however it ends."""
        self.recorder.record_phase(self, phase, took_s)

    def end(self) -> float:
        """Record this request as it stands, and return the service time. Only the first call counts."""
        return self.recorder.end(self)

    def break_off(self, error: BaseException) -> None:
        """Record what became of this request when `error` ended the block that it was measured in."""
        if isinstance(error, gevent.GreenletExit):
            self.recorder.cut_off(self)
            return
        if not self.is_judged and not isinstance(error, Flow):
            self.failure(describe(error))
        self.end()

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            self.end()
        else:
            self.break_off(error)


class Recorder:
    """Counts what the users of one worker do. `now` returns seconds since the run began."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.counted = 0  # requests that ended, since the beginning: what the merged reports must come to
        self.iterations = 0  # begun since the beginning; who begins one adds it
        self._taken_iterations = 0  # those of them that are in what was taken
        self.dropped = 0  # arrivals, since the beginning
        self._stats = Stats()
        self._under_way: set[Call] = set()
        # A request that was answered may be under way long, while its task looks at the answer. Nobody waits for it.
        self._awaited = 0  # requests without an answer
        self._quiet_since_s = 0.0  # when the last answer came, or since when there is somebody to wait for one
        self._longest_stall_s = 0.0  # of those in _stats
        self._names: set[tuple[str, str]] = set()
        self._begun: dict[TaskKey, defaultdict[str, int]] = {}  # (user class, TaskSet or "") -> task -> times

    def begin(self, method: str, name: str, intended_s: float | None) -> Call:
        """Begin a request, intended for `intended_s` or, when that is None, for now."""
        now = self.now  # Python looks up what it calls as an attribute of an object anew each time
        started_s = now()
        key = (method, name)
        if key not in self._names:
            key = self._admit(method, name)
        call = Call()
        call.recorder = self
        call.key = key
        call.intended_s = started_s if intended_s is None else min(intended_s, started_s)
        call.started_s = started_s
        call.ended_s = call.error = None
        call.is_judged = False
        call.received_bytes = 0
        self._under_way.add(call)
        if not self._awaited:
            self._quiet_since_s = started_s
        self._awaited += 1
        self._stats.sent += 1
        return call

    def end(self, call: Call) -> float:
        """Count `call`, unless it has ended before; return its service time, or 0 if it was cut off."""
        if call in self._under_way:
            self._under_way.remove(call)
            if call.ended_s is None:
                call.ended_s = self.answer()
            self._stats.count(call.key, call.intended_s, call.started_s, call.ended_s, call.error, call.received_bytes)
            self.counted += 1
        return 0.0 if call.ended_s is None else call.ended_s - call.started_s

    def answer(self) -> float:
        """Take note that a request got its answer, which ends a stall; return when."""
        now = self.now
        ended_s = now()
        if ended_s - self._quiet_since_s > self._longest_stall_s:
            self._note_stall(ended_s)
        self._quiet_since_s = ended_s
        self._awaited -= 1
        return ended_s

    def _note_stall(self, until_s: float) -> None:
        self._longest_stall_s = until_s - self._quiet_since_s
        self._stats.longest_stall = Stall(self._longest_stall_s, self._quiet_since_s)

    def cut_off(self, call: Call) -> None:
        """Count `call` as unfinished, with its age."""
        if call not in self._under_way:
            return
        self._under_way.remove(call)
        now_s = self.now()
        self._stats.record_unfinished(*call.key, now_s - call.started_s)
        if call.ended_s is None:
            # Nobody answered: a stall goes on for those who still wait, and what there was of it counts in any case.
            self._awaited -= 1
            if now_s - self._quiet_since_s > self._longest_stall_s:
                self._note_stall(now_s)

    def cut_off_all(self) -> None:
        """Count all that is still under way as unfinished: at the end of the run nobody waits for it any more."""
        for call in list(self._under_way):
            self.cut_off(call)

    def record_phase(self, call: Call, phase: Phase, took_s: float) -> None:
        self._stats.record_phase(*call.key, phase, took_s)

    def record_exception(self, where: str, error: BaseException) -> None:
        """Count `error`, which escaped from `where` ("task Shopper.buy"), by its traceback."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        # The frames stay as they are: there the numbers are lines of code. Of the message only what looks like an id or
        # an address is masked: "takes 1 positional argument but 2 were given" says something.
        message = _ID.sub("N", " ".join(describe(error).split()))[:MOST_MESSAGE_CHARACTERS]
        text = f"in {where}\n{frames[-MOST_TRACEBACK_CHARACTERS:]}{message}"
        self._stats.exceptions.count(text, int(self.now()))

    def record_death(self, where: str, error: BaseException) -> None:
        """Count a user that could not go on because of `error` and has to be started anew."""
        self.record_exception(where, error)
        self._stats.users_died += 1

    def record_missed_slot(self) -> None:
        """Count an iteration that began when the next one was due already."""
        self._stats.missed_slots += 1

    def record_lag(self, late_s: float) -> None:
        self._stats.lag.record(round(late_s * 1e6))

    def begun_in(self, class_name: str, task_set: str) -> defaultdict[str, int]:
        """Return where users of a class count the tasks that they begin, by name; in `task_set`, or "" outside of all.

        They keep it and count for themselves, with no call for each task. It is emptied by `take`.
        """
        place = class_name, task_set
        if place not in self._begun and len(self._begun) >= MOST_TASKS:
            place = "", OTHER_TASKS  # somebody makes TaskSets as the run goes on
        return self._begun.setdefault(place, defaultdict(int))

    def count_arrivals(self, *, queued: int = 0, dropped: int = 0) -> None:
        """Count arrivals that had to wait for a user, and such that nobody took in time."""
        self._stats.queued += queued
        self._stats.dropped += dropped
        self.dropped += dropped

    def take(self) -> Stats:
        """Return what was counted since the last take. Nothing switches between the two halves, so nothing is lost."""
        taken, self._stats = self._stats, Stats()
        taken.tasks.count(self._tasks_begun())
        taken.iterations = self.iterations - self._taken_iterations
        self._taken_iterations = self.iterations
        self._longest_stall_s = 0.0
        return taken

    def _tasks_begun(self) -> Iterator[tuple[TaskKey, int]]:
        for (class_name, task_set), begun in self._begun.items():
            for name, times in begun.items():
                task = f"{task_set}.{name}" if task_set else str(name)
                yield (_short(class_name), _short(task)), times
            begun.clear()

    def _admit(self, method: str, name: str) -> tuple[str, str]:
        method, name = writable(method)[:MOST_TEXT], writable(name)[:MOST_TEXT]
        if (method, name) in self._names:
            return method, name
        # A name with an id in it is new each time, and every name has histograms of its own for the whole run.
        if len(self._names) >= MOST_NAMES:
            return "", OTHER_NAMES
        self._names.add((method, name))
        return method, name


def _short(name: str) -> str:
    return writable(name)[:MOST_TASK_CHARACTERS]


def describe(error: BaseException) -> str:
    """Return `error` in one line: its type, and its message if it has one."""
    message = str(error).strip()
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
