"""What happened to requests, in numbers that can be added.

A Sample is one request. A Tally counts the samples of one name: succeeded and failed apart, each on two clocks. Stats
holds the tallies of all names and what else a worker counts. Adding Stats is associative and commutative and adding
the empty one changes nothing, so it does not matter how the seconds and the workers are grouped on the way to the
total.

Knows nothing of clocks: times come in as seconds since the run began, all read from one monotonic clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from greenload.core.histogram import Histogram

MOST_KINDS = 100
MOST_KIND_CHARACTERS = 300
OTHER = "other"


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


class Occurrences:
    """How often something happened, and in which seconds of the run first and last."""

    __slots__ = ("count", "first_s", "last_s")

    def __init__(self, count: int, first_s: int, last_s: int) -> None:
        self.count = count
        self.first_s = first_s
        self.last_s = last_s

    def add(self, other: Occurrences) -> None:
        self.count += other.count
        self.first_s = min(self.first_s, other.first_s)
        self.last_s = max(self.last_s, other.last_s)


class Kinds:
    """Occurrences by kind, for at most MOST_KINDS kinds; all others together count as OTHER.

    The shortest kinds are kept, equally long ones in alphabetical order. Keeping the first to come would make the sum
    depend on the order of adding; this rule does not: whatever was dropped from a part is dropped from the whole as
    well, since the kinds that displaced it are in the whole too. And a text that differs each time is mostly longer
    than "timed out".
    """

    __slots__ = ("kept", "others")

    def __init__(self) -> None:
        self.kept: dict[str, Occurrences] = {}
        self.others: Occurrences | None = None

    def count(self, kind: str, second: int) -> None:
        """Count one occurrence of `kind` in the run's second `second`."""
        self._add(kind, Occurrences(1, second, second))

    def add(self, other: Kinds) -> None:
        for kind, occurrences in other.kept.items():
            self._add(kind, occurrences)
        if other.others is not None:
            self._drop(other.others)

    def __len__(self) -> int:
        return len(self.kept) + (self.others is not None)

    def __iter__(self) -> Iterator[tuple[str, Occurrences]]:
        """Yield (kind, occurrences), the most frequent first, OTHER last."""
        yield from sorted(self.kept.items(), key=lambda item: (-item[1].count, item[0]))
        if self.others is not None:
            yield OTHER, self.others

    def total(self) -> int:
        return sum(occurrences.count for _, occurrences in self)

    def _add(self, kind: str, occurrences: Occurrences) -> None:
        known = self.kept.get(kind)
        if known is not None:
            known.add(occurrences)
            return
        self.kept[kind] = Occurrences(occurrences.count, occurrences.first_s, occurrences.last_s)
        if len(self.kept) > MOST_KINDS:
            self._drop(self.kept.pop(max(self.kept, key=lambda kind: (len(kind), kind))))

    def _drop(self, occurrences: Occurrences) -> None:
        if self.others is None:
            self.others = Occurrences(occurrences.count, occurrences.first_s, occurrences.last_s)
        else:
            self.others.add(occurrences)


class Tally:
    """All that is counted of one name."""

    __slots__ = ("failed", "failures", "received_bytes", "succeeded", "unfinished")

    def __init__(self) -> None:
        self.succeeded = Timings()
        self.failed = Timings()
        self.failures = Kinds()
        self.received_bytes = 0
        # How old the requests were that the run's end, or their user's, cut off: they took at least that long.
        self.unfinished = Histogram()

    @property
    def requests(self) -> int:
        """Requests that ended, well or badly."""
        return self.succeeded.service.count + self.failed.service.count

    @property
    def buckets(self) -> int:
        """How many histogram buckets there are in it, which is what it takes in memory."""
        return self.succeeded.buckets + self.failed.buckets + len(self.unfinished.counts)

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


class Stats:
    """What one worker counted in one second, or the sum of any number of those.

    tallies     (method, name) -> Tally
    sent        requests begun
    exceptions  by traceback: tasks, on_start and on_stop that raised
    users_died  users that had to be started anew because on_start or their loop failed
    lag         how late the generator's own ticker woke
    """

    __slots__ = ("exceptions", "lag", "sent", "tallies", "users_died")

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.sent = 0
        self.exceptions = Kinds()
        self.users_died = 0
        self.lag = Histogram()

    def record(self, sample: Sample) -> None:
        """Count one request that ended.  Raises ValueError unless intended <= started <= ended."""
        method, name, intended_s, started_s, ended_s, error, received_bytes = sample
        if not intended_s <= started_s <= ended_s:
            raise ValueError(f"a request cannot have been intended, started, ended at {sample[2:5]} s")
        tally = self._tally(method, name)
        if error is None:
            timings = tally.succeeded
        else:
            timings = tally.failed
            tally.failures.count(kind_of(error), int(ended_s))
        timings.record(round((ended_s - started_s) * 1e6), round((ended_s - intended_s) * 1e6))
        tally.received_bytes += received_bytes

    def record_unfinished(self, method: str, name: str, age_s: float) -> None:
        """Count one request that was cut off `age_s` seconds after it started."""
        self._tally(method, name).unfinished.record(round(age_s * 1e6))

    def _tally(self, method: str, name: str) -> Tally:
        tally = self.tallies.get((method, name))
        if tally is None:
            tally = self.tallies[method, name] = Tally()
        return tally

    def add(self, other: Stats) -> None:
        """Add all that `other` counted; `other` is left as it is."""
        for (method, name), tally in other.tallies.items():
            self._tally(method, name).add(tally)
        self.sent += other.sent
        self.exceptions.add(other.exceptions)
        self.users_died += other.users_died
        self.lag.add(other.lag)

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


_STATUS = r"(HTTP \d{3}\b)"
_ADDRESS = r"0x[0-9a-f]+"
_UUID = r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"
_PASSING = re.compile(rf"{_STATUS}|{_ADDRESS}|{_UUID}|\d+", re.IGNORECASE)


def kind_of(error: str) -> str:
    """Return the kind of failure that the text `error` belongs to.

    Addresses and numbers are what differs between two failures of a kind, so they are masked; the status in "HTTP 503"
    *is* the kind and stays. One line, at most MOST_KIND_CHARACTERS long.
    """
    line = " ".join(error.split())[: 2 * MOST_KIND_CHARACTERS]
    return _PASSING.sub(lambda found: found[1] or "N", line)[:MOST_KIND_CHARACTERS]
