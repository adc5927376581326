"""What happened to requests, in numbers that can be added.

A Sample is one request. A Tally counts the samples of one name: succeeded and failed apart, each on two clocks. Stats
holds the tallies of all names and what else a worker counts. Adding Stats is associative and commutative and adding
the empty one changes nothing, so it does not matter how the seconds and the workers are grouped on the way to the
total.

Knows nothing of clocks: times come in as seconds since the run began, all read from one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from greenload.core.histogram import Histogram
from greenload.core.kinds import Kinds, kind_of
from greenload.core.phases import Phase, Phases
from greenload.core.stall import Stall, longer
from greenload.core.task_counts import TaskCounts

COUNTERS = ("sent", "iterations", "queued", "dropped", "missed_slots", "users_died")  # the whole numbers of Stats


class Sample(NamedTuple):
    """One request, from when it should have begun to its end.

    intended_s <= started_s <= ended_s, seconds since the run began.  `error` is None for a success, else the kind of
    failure in words.  `received_bytes` is the size of the answer's body.
    """

    method: str
    name: str
    intended_s: float
    started_s: float
    ended_s: float
    error: str | None
    received_bytes: int


class Timings:
    """One duration by two clocks: service time (ended - started) and response time (ended - intended).

    Where nothing has a schedule the two agree. Then one histogram is both, until the first time they differ: half the
    work of recording, sending and adding.
    """

    __slots__ = ("response", "service")

    def __init__(self) -> None:
        self.service = self.response = Histogram()

    @property
    def are_alike(self) -> bool:
        """Whether the two clocks have agreed about every request."""
        return self.response is self.service

    @property
    def buckets(self) -> int:
        return len(self.service.counts) + (0 if self.are_alike else len(self.response.counts))

    def record(self, service_us: int, response_us: int) -> None:
        if service_us != response_us:
            self._tell_apart()
        self.service.record(service_us)
        if self.response is not self.service:
            self.response.record(response_us)

    def add(self, other: Timings) -> None:
        """Add all that `other` counted; `other` is left as it is."""
        if not other.are_alike:
            self._tell_apart()
        self.service.add(other.service)
        if not self.are_alike:
            self.response.add(other.response)

    def _tell_apart(self) -> None:
        if self.are_alike:
            self.response = Histogram()
            self.response.add(self.service)


class Tally:
    """All that is counted of one name."""

    __slots__ = ("failed", "failures", "phases", "received_bytes", "succeeded", "unfinished")

    def __init__(self) -> None:
        self.succeeded = Timings()
        self.failed = Timings()
        self.failures = Kinds()
        self.received_bytes = 0
        # How old the requests were that the run's end, or their user's, cut off: they took at least that long.
        self.unfinished = Histogram()
        self.phases: Phases | None = None  # until one is recorded, which in most runs none is

    @property
    def requests(self) -> int:
        """Requests that ended, well or badly."""
        return self.succeeded.service.count + self.failed.service.count

    @property
    def buckets(self) -> int:
        """How many histogram buckets there are in it, which is what it takes in memory."""
        buckets = self.succeeded.buckets + self.failed.buckets + len(self.unfinished.counts)
        return buckets if self.phases is None else buckets + self.phases.buckets

    def ended(self) -> Timings:
        """Return the timings of succeeded and failed requests together."""
        timings = Timings()
        timings.add(self.succeeded)
        timings.add(self.failed)
        return timings

    def add(self, other: Tally) -> None:
        self.succeeded.add(other.succeeded)
        self.failed.add(other.failed)
        self.failures.add(other.failures)
        self.received_bytes += other.received_bytes
        self.unfinished.add(other.unfinished)
        if other.phases is not None:
            self.phases_to_add().add(other.phases)

    def phases_to_add(self) -> Phases:
        """Return the phases, made when there are none yet."""
        if self.phases is None:
            self.phases = Phases()
        return self.phases


class Stats:
    """What one worker counted in one second, or the sum of any number of those.

    tallies        (method, name) -> Tally
    sent           requests begun
    iterations     tasks begun: in the open model, arrivals that somebody took
    tasks          which tasks these were, and which TaskSets were entered on the way to them
    queued         arrivals that found nobody free, and no room for another user
    dropped        arrivals that nobody took in time
    missed_slots   iterations that began a whole pace or more after their slot, so that the next one was due already
    users_died     users that had to be started anew because on_start or their loop failed
    exceptions     by traceback: tasks, on_start and on_stop that raised
    lag            how late the generator's own ticker woke
    longest_stall  the longest time without an answer, None before the first
    """

    __slots__ = (*COUNTERS, "exceptions", "lag", "longest_stall", "tallies", "tasks")

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.sent = 0
        self.iterations = 0
        self.queued = 0
        self.dropped = 0
        self.missed_slots = 0
        self.users_died = 0
        self.exceptions = Kinds()
        self.lag = Histogram()
        self.longest_stall: Stall | None = None
        self.tasks = TaskCounts()

    def record(self, sample: Sample) -> None:
        """Count one request that ended.  Raises ValueError unless intended <= started <= ended."""
        method, name, intended_s, started_s, ended_s, error, received_bytes = sample
        if not intended_s <= started_s <= ended_s:
            times_s = (intended_s, started_s, ended_s)
            raise ValueError(f"a request cannot have been intended, started, ended at {times_s} s")
        self.count((method, name), intended_s, started_s, ended_s, error, received_bytes)

    def count(
        self,
        key: tuple[str, str],
        intended_s: float,
        started_s: float,
        ended_s: float,
        error: str | None,
        received_bytes: int,
    ) -> None:
        """Do what `record` does, for who has no Sample: to make one takes a third of the time that counting takes.

        key  method and name;  the three times come in this order, which nobody checks
        """
        tally = self.tallies.get(key) or self._tally(*key)
        if error is None:
            timings = tally.succeeded
        else:
            timings = tally.failed
            tally.failures.count(kind_of(error), int(ended_s))
        service_us = round((ended_s - started_s) * 1e6)
        timings.record(service_us, service_us if intended_s == started_s else round((ended_s - intended_s) * 1e6))
        tally.received_bytes += received_bytes

    def record_unfinished(self, method: str, name: str, age_s: float) -> None:
        """Count one request that was cut off `age_s` seconds after it started."""
        self._tally(method, name).unfinished.record(round(age_s * 1e6))

    def record_phase(self, method: str, name: str, phase: Phase, took_s: float) -> None:
        """Count one phase that a request has come through."""
        self._tally(method, name).phases_to_add().record(phase, round(took_s * 1e6))

    def _tally(self, method: str, name: str) -> Tally:
        tally = self.tallies.get((method, name))
        if tally is None:
            tally = self.tallies[method, name] = Tally()
        return tally

    def add(self, other: Stats) -> None:
        """Add all that `other` counted; `other` is left as it is."""
        for (method, name), tally in other.tallies.items():
            self._tally(method, name).add(tally)
        for counter in COUNTERS:
            setattr(self, counter, getattr(self, counter) + getattr(other, counter))
        self.exceptions.add(other.exceptions)
        self.lag.add(other.lag)
        self.longest_stall = longer(self.longest_stall, other.longest_stall)
        self.tasks.add(other.tasks)

    def total(self) -> Tally:
        """Return the tallies of all names added together."""
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total

    @property
    def succeeded(self) -> int:
        return sum(tally.succeeded.service.count for tally in self.tallies.values())

    @property
    def failed(self) -> int:
        return sum(tally.failed.service.count for tally in self.tallies.values())

    @property
    def unfinished(self) -> int:
        return sum(tally.unfinished.count for tally in self.tallies.values())


def sum_of(parts: Iterable[Stats]) -> Stats:
    """Return the sum of `parts`, a new Stats."""
    total = Stats()
    for part in parts:
        total.add(part)
    return total
