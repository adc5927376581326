"""What the page can see of a master, and ask of it: the only door between the web and a run.

Whoever makes runs gives the page a Control. Knows nothing of HTTP, and nothing of how a run is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from greenload.core.errors import GreenloadError
from greenload.core.gate import Breach, Gate
from greenload.core.messages import Plan
from greenload.core.news import Member
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.verdict import Judge, judge, judge_so_far
from greenload.form import Form

READY, WAITING, RUNNING, STOPPING = "ready", "waiting", "running", "stopping"


class NotNow(GreenloadError):
    """What was asked for cannot be done in the state things are in; the message says why."""


@dataclass(frozen=True)
class Shown:
    """The run that is shown: the one that goes on, else the last one.

    members   the workers as the master knows them, by name;  now_s: its clock, by which they were heard
    breach    what it was aborted for;  broken: what broke it, in words
    is_over   whether all was reported that was to come
    elapsed_s since the run began, by the master's clock; the results lag behind it by a second or so
    """

    info: RunInfo
    plan: Plan
    gate: Gate
    results: Results
    members: Mapping[str, Member]
    now_s: float
    elapsed_s: float
    breach: Breach | None = None
    broken: str | None = None
    is_over: bool = False

    @property
    def judge(self) -> Judge:
        """How the verdict on it is found."""
        return judge if self.is_over else judge_so_far


@dataclass(frozen=True)
class ClassOffered:
    """A user class that can be chosen."""

    name: str
    weight: float
    fixed_count: int


@dataclass(frozen=True)
class Offered:
    """What can be asked of a new run.

    options     the scenario's own, with their defaults
    thresholds  those the scenario has anyway
    values      what the form shows at first: what was asked for last, else what the command line said
    """

    scenario: str
    classes: Sequence[ClassOffered]
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    thresholds: Sequence[str] = ()
    values: Form = field(default_factory=dict)


@dataclass(frozen=True)
class LogLine:
    """A line of the log: when (ISO 8601, UTC), whose ("master" or a worker's name), how grave, and what."""

    at: str
    source: str
    level: str
    text: str


class Control(Protocol):
    """A master, as the page knows it. Nothing here waits."""

    @property
    def state(self) -> str:
        """READY, WAITING, RUNNING or STOPPING."""
        ...

    @property
    def shown(self) -> Shown | None:
        """The run that is shown; None before the first one."""
        ...

    @property
    def db(self) -> Path | None:
        """The file in which runs are kept, None when they are not."""
        ...

    def waiting_workers(self) -> Sequence[str]:
        """Return who is here while no run goes on."""
        ...

    def offered(self) -> Offered:
        """Return what can be asked of a new run."""
        ...

    def log(self) -> Sequence[LogLine]:
        """Return the last lines of the log, the oldest first."""
        ...

    def start(self, form: Form) -> str:
        """Have a run made, and return its id.  Raises form.Unfit, or NotNow."""
        ...

    def edit(self, form: Form) -> None:
        """Change users or rate of the run that goes on.  Raises form.Unfit, or NotNow."""
        ...

    def stop(self) -> bool:
        """End the run: the first call lets tasks finish, the next one (which returns True) does not.  Raises NotNow."""
        ...

    def reset(self) -> int:
        """Let what is measured begin anew; return from which second of the run on.  Raises NotNow."""
        ...
