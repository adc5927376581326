"""What a run's two sides say to each other: values, without a wire.

A worker says Hello, gets a Start, answers each second with a Report, and says Bye when its last report has been
acknowledged; one without a scenario has fetched it before, piece by piece. The master sends Start, Changes, Ack and
Stop, or Refused to whom it does not want. Seconds are counted
from the run's beginning on each side's own clock: no clock reading of one machine is compared with another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from greenload.core.arrivals import Arrivals
from greenload.core.log_line import LogLine
from greenload.core.options import Option
from greenload.core.placement import Share
from greenload.core.roster import Entry
from greenload.core.shape import Shape
from greenload.core.stats import Stats

MOST_ROWS_AT_ONCE = 10_000
MOST_CPU_PERCENT = 1e5  # of one core: a thousand of them


class Resolved(NamedTuple):
    """A host, and an address that is used for it instead of looking it up."""

    host: str
    address: str


@dataclass(frozen=True)
class Plan:
    """What a run shall be.

    In the closed model the users follow `shape`; in the open one, whose shape is empty, they are as many as `arrivals`
    take. duration_s is None for a run that ends when somebody ends it. host goes before the classes' own. A host may
    stand in `resolved` several times, each time with another address. has_phases: whether the phases of requests are
    measured. options: the scenario's own, all of them.
    """

    shape: Shape
    duration_s: float | None
    shares: tuple[Share, ...]
    host: str | None
    stop_timeout_s: float
    seed: int
    resolved: tuple[Resolved, ...] = ()
    arrivals: Arrivals | None = None
    has_phases: bool = False
    options: tuple[Option, ...] = ()

    @property
    def most_users(self) -> int:
        """The most users there ever are; with arrivals, the most there may be."""
        return self.shape.most_users if self.arrivals is None else self.arrivals.max_users


@dataclass(frozen=True)
class Hello:
    """A worker is here.

    epoch    a number this worker process has drawn for itself: a process started anew under the same name has another
    version  of greenload;  scenario_sha256: the fingerprint of its scenario
    """

    worker: str
    epoch: int
    version: str
    scenario_sha256: str


@dataclass(frozen=True)
class Fetch:
    """A worker without a scenario wants the master's, from byte `offset` on."""

    worker: str
    epoch: int
    version: str
    offset: int


@dataclass(frozen=True)
class Beat:
    """A worker is still here and has nothing to report; it knows the first `known` entries of the roster.

    unacknowledged  how many of its reports wait for an acknowledgement
    """

    worker: str
    epoch: int
    known: int = 0
    unacknowledged: int = 0


@dataclass(frozen=True)
class Report:
    """What one worker counted in one second of the run.

    seq              1, 2, 3, ... within the epoch: the master takes each once
    from_s, until_s  that second as it was measured: shorter when the run ends in it, longer when the worker was held up
    users            how many live there at its end
    cpu_percent      of one core, in that time
    counted          requests that ended since the beginning, by the worker's own count: what all reports must add up to
    known            how many entries of the roster the worker knows, from the first one on
    clock_step_s     by how much the machine's calendar clock was set in that time; 0 when it was not
    unacknowledged   how many reports before this one waited for an acknowledgement when it was first sent
    """

    worker: str
    epoch: int
    seq: int
    from_s: float
    until_s: float
    stats: Stats
    users: int
    cpu_percent: float
    counted: int
    known: int = 0
    clock_step_s: float = 0.0
    unacknowledged: int = 0

    @property
    def second(self) -> int:
        """The second of the run this report belongs to."""
        return int(self.from_s)

    @property
    def covered_s(self) -> float:
        return self.until_s - self.from_s

    @property
    def account(self) -> Account:
        """What there is in this report beside its stats."""
        return Account(
            worker=self.worker,
            epoch=self.epoch,
            seq=self.seq,
            from_s=self.from_s,
            until_s=self.until_s,
            users=self.users,
            cpu_percent=self.cpu_percent,
            counted=self.counted,
            sent=self.stats.sent,
            ended=self.stats.succeeded + self.stats.failed,
            unfinished=self.stats.unfinished,
            clock_step_s=self.clock_step_s,
        )


class Account(NamedTuple):
    """A report without its stats, but with what they come to: sent, ended and unfinished are numbers of requests."""

    worker: str
    epoch: int
    seq: int
    from_s: float
    until_s: float
    users: int
    cpu_percent: float
    counted: int
    sent: int
    ended: int
    unfinished: int
    clock_step_s: float = 0.0

    @property
    def second(self) -> int:
        return int(self.from_s)

    @property
    def covered_s(self) -> float:
        return self.until_s - self.from_s


@dataclass(frozen=True)
class Claim:
    """A worker wants `count` rows of the test data `rows` for its users; number is 1, 2, 3, ... within the epoch.

    count  at most MOST_ROWS_AT_ONCE: whoever could ask for more might leave none for anybody else
    """

    worker: str
    epoch: int
    number: int
    rows: str
    count: int


@dataclass(frozen=True)
class Log:
    """What a worker has logged lately, at most MOST_LINES_AT_ONCE lines, and how many lines it had no room for.

    Nobody answers, and it is not said again: a line may be lost.
    """

    worker: str
    epoch: int
    lines: tuple[LogLine, ...]
    dropped: int = 0


@dataclass(frozen=True)
class Bye:
    """A worker is done; all its reports were acknowledged.  error: what broke it, or None."""

    worker: str
    epoch: int
    error: str | None


@dataclass(frozen=True)
class Start:
    """The run began `elapsed_s` seconds ago; `entries` is the roster so far."""

    plan: Plan
    entries: tuple[Entry, ...]
    elapsed_s: float


@dataclass(frozen=True)
class Changes:
    """More of the roster: of the entries as the master wrote them, numbers first, first + 1, ...; here in any order."""

    first: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Ack:
    """All reports up to `seq` are counted; the roster has so many entries, and who knows them all is up to date."""

    seq: int
    entries: int


@dataclass(frozen=True)
class Farewell:
    """Your bye was heard, or your run is over.  more_runs: another may come; who wants to be in it says hello again."""

    more_runs: bool


@dataclass(frozen=True)
class Grant:
    """The rows that claim `number` asked for are first, first + 1, ...: nobody else has them, ever."""

    number: int
    first: int


@dataclass(frozen=True)
class Stop:
    """End the run: let tasks under way finish, or (at_once) do not."""

    at_once: bool


@dataclass(frozen=True)
class Piece:
    """Some of the scenario's files as one bundle: `data` from byte `offset` on.

    size, sha256  of the whole bundle, in bytes and in hexadecimal
    """

    sha256: str
    size: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Refused:
    """Go away; the reason is for the person who started the worker."""

    reason: str


FromWorker = Hello | Fetch | Beat | Report | Claim | Log | Bye
FromMaster = Start | Changes | Ack | Farewell | Grant | Stop | Piece | Refused
Message = FromWorker | FromMaster


class Order(NamedTuple):
    """What a master's mind wants said: `message` to whoever is at `route`."""

    route: bytes
    message: FromMaster
