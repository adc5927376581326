"""python -m bench.simulated: one process that plays many workers to a real master, over the real wire.

Each worker is two green threads with a ZmqLine and an Outbox of their own, and says what a worker says, as often as a
worker does: a report for each second, sent within SEND_EVERY_S, and a beat when there is nothing to send. No user runs;
the counts are drawn from a pool that is made beforehand. Writes what was counted, and when each report was put and
acknowledged, into a file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gevent
from gevent.event import Event

from greenload.core.messages import Ack, Beat, Bye, Changes, Farewell, Hello, Refused, Report, Start
from greenload.core.outbox import Outbox
from greenload.core.stats import Sample, Stats
from greenload.transport import ZmqLine
from greenload.version import VERSION
from greenload.worker import SEND_EVERY_S

POOL = 40
FEWEST_REQUESTS, MOST_REQUESTS = 30, 60  # of one name in one second
MEDIAN_S, SIGMA = 0.030, 0.5  # of the durations, which are log-normal
LATE_S = 0.002  # how late a late request begins, on average
LAG_TICKS = 20
HELLO_EVERY_S = 1.0
LAST_S = 30.0  # in which the reports that are left must be acknowledged
POLL_S = 0.02


@dataclass(frozen=True)
class Part:
    """What these workers shall do: one report a second, `seconds` times, each with `names` request names."""

    address: str
    scenario_sha256: str
    workers: int
    names: int
    seconds: int
    late: bool  # whether requests begin after the moment they were intended for: then the two clocks differ


class SimulatedWorker:
    """One worker as the master sees it."""

    def __init__(self, name: str, part: Part, pool: Sequence[Stats]) -> None:
        self._hello = Hello(name, random.getrandbits(32), VERSION, part.scenario_sha256)
        self._part = part
        self._pool = itertools.cycle(random.sample(pool, len(pool)))
        self._line = ZmqLine(part.address)
        self._outbox = Outbox()
        self._begun = Event()
        self._began_s = 0.0
        self._put_s: list[float] = []
        self._refusal: str | None = None
        self.acknowledged: list[tuple[float, float]] = []  # (when, how long after it was put), of each report
        self.counted: Counter[str] = Counter()  # requests by name
        self._is_dismissed = False
        self._known = 0  # entries of the roster

    def run(self) -> None:
        """Say all that a worker says in a run."""
        hearing = gevent.spawn(self._hear)
        while not self._begun.is_set():
            self._line.send(self._hello)
            self._begun.wait(HELLO_EVERY_S)
        sending = gevent.spawn(self._send)
        for second in range(self._part.seconds):
            gevent.sleep(max(0.0, self._began_s + second + 1 - time.perf_counter()))
            self._put(second)
        end_s = time.perf_counter() + LAST_S
        while not self._outbox.is_empty and time.perf_counter() < end_s and self._refusal is None:
            gevent.sleep(POLL_S)
        sending.kill()
        self._say_bye()
        hearing.kill()

    @property
    def complaint(self) -> str | None:
        """What went wrong, or None."""
        if self._outbox.is_empty and self._refusal is None:
            return None
        return f"{self._hello.worker}: {self._refusal or 'reports were not acknowledged'}"

    def close(self) -> None:
        self._line.close()

    def _put(self, second: int) -> None:
        stats = next(self._pool)
        for (_, name), tally in stats.tallies.items():
            self.counted[name] += tally.requests
        counted = self.counted.total()
        self._put_s.append(time.perf_counter())
        hello = self._hello
        numbers = (10, 30.0, counted, self._known)
        self._outbox.put(Report(hello.worker, hello.epoch, 0, second, second + 1.0, stats, *numbers))

    def _send(self) -> None:
        for count in itertools.count():
            due = self._outbox.due(time.perf_counter())
            for report in due:
                self._line.send(report)
            if not due and count % 4 == 0:
                self._line.send(Beat(self._hello.worker, self._hello.epoch, self._known))
            gevent.sleep(SEND_EVERY_S)

    def _hear(self) -> None:
        while True:
            message = self._line.receive()
            now_s = time.perf_counter()
            if isinstance(message, Ack):
                self._outbox.acknowledge(message.seq, now_s)
                # One report a second and ten on the way: below ten seconds of delay none is added to another.
                for put_s in self._put_s[len(self.acknowledged) : message.seq]:
                    self.acknowledged.append((now_s, now_s - put_s))
            elif isinstance(message, Start):
                self._learn(0, len(message.entries))
                if not self._begun.is_set():
                    self._began_s = now_s - message.elapsed_s
                    self._begun.set()
            elif isinstance(message, Changes):
                self._learn(message.first, len(message.entries))
            elif isinstance(message, Farewell):
                self._is_dismissed = True
            elif isinstance(message, Refused):
                self._refusal = message.reason
                self._begun.set()

    def _learn(self, first: int, entries: int) -> None:
        """Know the first entries of the roster as a worker does: after a gap nothing new."""
        if first <= self._known:
            self._known = max(self._known, first + entries)

    def _say_bye(self) -> None:
        said_s = time.perf_counter()
        while not self._is_dismissed and time.perf_counter() < said_s + LAST_S:
            self._line.send(Bye(self._hello.worker, self._hello.epoch, None))
            gevent.sleep(HELLO_EVERY_S / 4)


def pool_of(names: int, late: bool) -> list[Stats]:
    """Return what a worker may have counted in one second, POOL times."""
    return [_one_second(names, late) for _ in range(POOL)]


def _one_second(names: int, late: bool) -> Stats:
    stats = Stats()
    for name in range(names):
        for _ in range(random.randint(FEWEST_REQUESTS, MOST_REQUESTS)):
            started_s = random.random()
            intended_s = max(0.0, started_s - random.expovariate(1 / LATE_S)) if late else started_s
            ended_s = started_s + random.lognormvariate(0, SIGMA) * MEDIAN_S
            stats.record(Sample("GET", f"/albums/{name}", intended_s, started_s, ended_s, None, 250))
            stats.sent += 1
    for _ in range(LAG_TICKS):
        stats.lag.record(random.randint(20, 2_000))
    return stats


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.simulated", description=__doc__)
    parser.add_argument("--master", required=True)
    parser.add_argument("--scenario-sha256", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--names", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    part = Part(options.master, options.scenario_sha256, options.workers, options.names, options.seconds, options.late)
    pool = pool_of(part.names, part.late)
    workers = [SimulatedWorker(f"{options.prefix}-{number}", part, pool) for number in range(part.workers)]
    threads = [gevent.spawn(worker.run) for worker in workers]
    gevent.joinall(threads, raise_error=True)
    for worker in workers:  # not one by one as they end: closing holds up all others of this process
        worker.close()
    complaints = [worker.complaint for worker in workers if worker.complaint is not None]
    if complaints:
        sys.exit(f"{len(complaints)} of {len(workers)} workers did not get through; {complaints[0]}")
    counted = sum((worker.counted for worker in workers), Counter())
    acknowledged = sorted(each for worker in workers for each in worker.acknowledged)
    options.output.write_text(json.dumps({"counted": counted, "acknowledged": acknowledged}))


if __name__ == "__main__":
    main()
