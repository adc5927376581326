"""The measurements: requests per second in pairs, start-up, memory of idle users.

Two tools are only ever compared by what they did one right after the other: a shared machine is a third faster or
slower from one hour to the next, and the ratio within a pair is what stays. Knows nothing of how a result is shown.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Count, Load, Peer
from bench.process import BenchError, Cores, Usage, last_words, resident_bytes, run, running, wait_until
from bench.server import Server

MARGIN_S = 60.0  # for a tool to start and to end, on a machine that is busy
IDLE_S = 60  # longer than it takes to start the users and look
SETTLE_S = 2.0


@dataclass(frozen=True)
class Rate:
    """One tool's run. `served` is what the server counted meanwhile."""

    count: Count
    served: int
    seconds: int
    usage: Usage

    @property
    def per_s(self) -> float:
        return self.count.ended / self.seconds

    @property
    def cpu_us_per_request(self) -> float:
        return 1e6 * self.usage.cpu_s / self.count.ended

    @property
    def unreported(self) -> int:
        """Requests the server saw and the tool does not report."""
        return self.served - (self.count.ended if self.count.sent is None else self.count.sent)


@dataclass(frozen=True)
class Pair:
    """One run of each of two tools, one right after the other."""

    first: Rate
    second: Rate

    @property
    def ratio(self) -> float:
        """How many times the second's requests per second the first one makes."""
        return self.first.per_s / self.second.per_s

    @property
    def cpu_ratio(self) -> float:
        """The same by CPU per request, which hardly changes when others take the core away for a while."""
        return self.second.cpu_us_per_request / self.first.cpu_us_per_request


@dataclass(frozen=True)
class Spread:
    """The middle of some measurements, and how far they lie apart."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


class Bench:
    """What every measurement needs: a server, the cores, and a folder for what the tools write."""

    def __init__(self, server: Server, cores: Cores, folder: Path) -> None:
        self._server = server
        self._cores = cores
        self._folder = folder
        self._output = folder / "output.txt"

    def pair(self, first: Peer, second: Peer, users: int, seconds: int) -> Pair:
        """Return one run of each.  Raises BenchError when a request failed or an exact tool miscounted."""
        load = Load(self._server.url, users, seconds, "Busy")
        return Pair(self._rate(first, load), self._rate(second, load))

    def start_up(self, peers: Sequence[Peer], times: int) -> list[list[Usage]]:
        """Return what `--help` costs each of `peers`, `times` times, taking turns."""
        commands = [[_script(peer), "--help"] for peer in peers]
        for command in commands:  # the first start compiles; nobody waits for that twice
            self._run(command, MARGIN_S)
        rounds = [[self._run(command, MARGIN_S) for command in commands] for _ in range(times)]
        return [list(each) for each in zip(*rounds, strict=True)]

    def bytes_per_idle_user(self, peer: Peer, users: int) -> float:
        """Return how much more memory `users` users hold than one, by user: each with one open connection, waiting."""
        return (self._idle_bytes(peer, users) - self._idle_bytes(peer, 1)) / (users - 1)

    def _rate(self, peer: Peer, load: Load) -> Rate:
        result = self._folder / "result.json"
        result.unlink(missing_ok=True)
        before = self._server.requests()
        usage = self._run([_script(peer), *peer.command(load, result)], load.seconds + MARGIN_S)
        rate = Rate(peer.count(result), self._server.requests() - before, load.seconds, usage)
        if rate.count.failed or not rate.count.ended:
            failed = f"{rate.count.failed} of {rate.count.ended} requests failed"
            raise BenchError(f"{peer.name}: {failed}: no measurement\n{last_words(self._output)}")
        if peer.exact and rate.unreported:
            raise BenchError(f"{peer.name} says it sent {rate.count.sent} requests, the server counted {rate.served}")
        return rate

    def _idle_bytes(self, peer: Peer, users: int) -> int:
        expected = self._server.requests() + users
        load = Load(self._server.url, users, IDLE_S, "Idle")
        command = [_script(peer), *peer.command(load, self._folder / "idle.json")]
        with running(command, self._cores.generator, self._output) as process:
            # The server's count, not a guess: nobody is idle before the answer has come.
            wait_until(lambda: self._server.requests() >= expected, process, IDLE_S / 2)
            time.sleep(SETTLE_S)
            process.check()
            return resident_bytes(process.pid)

    def _run(self, command: list[str], limit_s: float) -> Usage:
        return run(command, self._cores.generator, limit_s, self._output)


def _script(peer: Peer) -> str:
    """Return the tool that belongs to this Python, whatever else is on the path."""
    script = Path(sys.executable).with_name(peer.script)
    if not script.exists():
        raise BenchError(f"{peer.name} is not installed beside {sys.executable}; install bench/requirements.txt there")
    return str(script)
