"""The measurements: requests per second in rounds, start-up, memory of idle users.

Two tools are only ever compared by what they did in the same round, rivals one right after the other: a shared machine
is a third faster or slower from one hour to the next, and the ratio within a round is what stays. Knows nothing of how
a result is shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Count, Duel, Load, Peer, Written
from bench.process import BenchError, Cores, Usage, last_words, resident_bytes, run, running, wait_until
from bench.server import Server

MARGIN_S = 60.0  # for a tool to start and to end, on a machine that is busy
IDLE_S = 60  # longer than it takes to start the users and look
SETTLE_S = 2.0


@dataclass(frozen=True)
class Rate:
    """One tool's run. `served` is what the server counted meanwhile, `start_cpu_s` what starting and ending costs."""

    count: Count
    served: int
    seconds: int
    usage: Usage
    start_cpu_s: float

    @property
    def per_s(self) -> float:
        return self.count.ended / self.seconds

    @property
    def cpu_us_per_request(self) -> float:
        return 1e6 * (self.usage.cpu_s - self.start_cpu_s) / self.count.ended

    @property
    def unreported(self) -> int:
        """Requests the server saw and the tool does not report."""
        return self.served - (self.count.ended if self.count.sent is None else self.count.sent)


Round = dict[str, Rate]  # by the peer's name; each peer ran once


@dataclass(frozen=True)
class Ratio:
    """How one peer did beside its rival in one round; above 1 is better."""

    requests: float
    cpu: float  # by CPU per request, which hardly changes when others take the core away for a while


def ratios(duel: Duel, rounds: Sequence[Round]) -> list[Ratio]:
    """Return how each round ended for `duel`."""
    pairs = [(each[duel.one.name], each[duel.rival.name]) for each in rounds]
    return [Ratio(one.per_s / rival.per_s, rival.cpu_us_per_request / one.cpu_us_per_request) for one, rival in pairs]


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
        self._start_cpu_s: dict[str, float] = {}

    def round(self, peers: Sequence[Peer], users: int, seconds: int) -> Iterator[tuple[Peer, Rate]]:
        """Run each of `peers` once; yield what it did.  Raises BenchError when a request failed, or was miscounted."""
        for peer in peers:
            yield peer, self._rate(peer, Load(self._server.url, users, seconds, "Busy"))

    def start_up(self, peers: Sequence[Peer], times: int) -> list[list[Usage]]:
        """Return what `--help` costs each of `peers`, `times` times, taking turns."""
        commands = [[_program(peer), "--help"] for peer in peers]
        for command in commands:  # the first start compiles; nobody waits for that twice
            self._run(command, MARGIN_S)
        rounds = [[self._run(command, MARGIN_S) for command in commands] for _ in range(times)]
        return [list(each) for each in zip(*rounds, strict=True)]

    def bytes_per_idle_user(self, peer: Peer, users: int) -> float:
        """Return how much more memory `users` users hold than one, by user: each with one open connection, waiting."""
        return (self._idle_bytes(peer, users) - self._idle_bytes(peer, 1)) / (users - 1)

    def _rate(self, peer: Peer, load: Load) -> Rate:
        if peer.name not in self._start_cpu_s:
            self._start_cpu_s[peer.name] = self._start_cost_s(peer)
        before = self._server.requests()
        usage, count = self._play(peer, load)
        rate = Rate(count, self._server.requests() - before, load.seconds, usage, self._start_cpu_s[peer.name])
        if count.failed or not count.ended:
            failed = f"{count.failed} of {count.ended} requests failed"
            raise BenchError(f"{peer.name}: {failed}: no measurement\n{last_words(self._output)}")
        if peer.exact and rate.unreported:
            raise BenchError(f"{peer.name} says it sent {count.sent} requests, the server counted {rate.served}")
        return rate

    def _start_cost_s(self, peer: Peer) -> float:
        """Return the processor time of a run of one idle user; none for a compiled tool, which has no such users."""
        if not peer.has_users:
            return 0.0
        usage, _ = self._play(peer, Load(self._server.url, 1, 1, "Idle"))
        return usage.cpu_s

    def _play(self, peer: Peer, load: Load) -> tuple[Usage, Count]:
        written = Written(self._folder / "result.json", self._output)
        written.result.unlink(missing_ok=True)
        usage = self._run([_program(peer), *peer.command(load, written.result)], load.seconds + MARGIN_S)
        return usage, peer.count(written)

    def _idle_bytes(self, peer: Peer, users: int) -> int:
        expected = self._server.requests() + users
        load = Load(self._server.url, users, IDLE_S, "Idle")
        command = [_program(peer), *peer.command(load, self._folder / "idle.json")]
        with running(command, self._cores.generator, self._output) as process:
            # The server's count, not a guess: nobody is idle before the answer has come.
            wait_until(lambda: self._server.requests() >= expected, process, IDLE_S / 2)
            time.sleep(SETTLE_S)
            process.check()
            return resident_bytes(process.pid)

    def _run(self, command: list[str], limit_s: float) -> Usage:
        return run(command, self._cores.generator, limit_s, self._output)


def _program(peer: Peer) -> str:
    program = peer.find()
    if program is None:
        raise BenchError(f"{peer.name} is not installed; install bench/requirements.txt beside this Python")
    return program
