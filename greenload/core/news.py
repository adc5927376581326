"""What a master knows of its workers, and what of it must be kept so that another master can take up the run.

A Fleet hands out News; all News of a run added up is what is Kept. Knows nothing of where or how it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from greenload.core.errors import GreenloadError
from greenload.core.gate import Breach
from greenload.core.grants import Granted
from greenload.core.messages import Account, Stop
from greenload.core.results import Results
from greenload.core.roster import Entry
from greenload.core.stats import Stats

TELL_AGAIN_S = 1.0

READY, RUNNING, STALLED, LOST, DONE = "ready", "running", "stalled", "lost", "done"


class NotKeptYet(GreenloadError):
    """News could not be kept just now, none of it; later they may be."""


@dataclass
class Member:
    """One worker as the master knows it.

    heard_s      when something was heard of it last, on the master's clock
    state_told   the state as of the last News
    seq          of the last report that was counted
    known, told  how many entries of the roster it says it knows, and how many it was told of
    told_s       since when it has been told more than it says it knows
    is_there     until an order finds nobody at its route;  asked_s: when one was last said just for that
    """

    worker: str
    epoch: int
    route: bytes
    heard_s: float
    state: str = READY
    seq: int = 0
    known: int = 0
    told: int = 0
    told_s: float = -math.inf
    is_there: bool = True
    asked_s: float = -math.inf
    state_told: str = ""

    def is_heard(self, route: bytes, now_s: float) -> None:
        """Take in that it spoke, and where."""
        self.route, self.heard_s, self.is_there = route, now_s, True

    def untold(self, entries: int, now_s: float) -> int | None:
        """Return the first of so many entries that it is to be told now, or None; with it, it is told all later ones.

        And again what it does not say it knows: messages may be lost.
        """
        # By what it said so long after it was told: who is silent may well know, and would only find it many times.
        is_to_hear_again = self.known < self.told and self.heard_s - self.told_s >= TELL_AGAIN_S
        first = self.known if is_to_hear_again else self.told
        if first == entries or not self.route:
            return None
        self.told = entries
        if first == self.known:  # not by more of it: changes that come often would put off what got lost for ever
            self.told_s = now_s
        return first

    def says_it_knows(self, known: int, now_s: float) -> None:
        """Take in that it knows `known` entries; fewer than before is old news, of a report that was sent again."""
        if known > self.known:
            self.known, self.told, self.told_s = known, max(self.told, known), now_s


@dataclass
class News:
    """What has happened since somebody asked last: all that a master must know to go on with this run.

    states    worker -> (epoch, state), for those whose state is new;  errors: what broke which of them
    breach    what the run was aborted for
    measured_from_s  with which second what is measured began anew
    accounts  of the reports that were counted;  seconds: their stats, added up
    """

    began: bool = False
    stop: Stop | None = None
    breach: Breach | None = None
    measured_from_s: int | None = None
    entries: list[Entry] = field(default_factory=list)
    states: dict[str, tuple[int, str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    seconds: list[tuple[int, Stats]] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        told = self.began, self.stop, self.breach, self.entries, self.states, self.errors, self.accounts, self.granted
        return self.measured_from_s is None and not any(told)

    def add(self, later: News) -> None:
        """Take in what has happened after these."""
        self.began = self.began or later.began
        self.stop = later.stop or self.stop
        self.breach = later.breach or self.breach
        self.measured_from_s = later.measured_from_s or self.measured_from_s
        self.entries += later.entries
        self.states.update(later.states)
        self.errors.update(later.errors)
        self.accounts += later.accounts
        self.seconds += later.seconds
        self.granted += later.granted


@dataclass(frozen=True)
class Kept:
    """All News of a run so far, added up.  elapsed_s: since it began, or None; members: their seq and state count."""

    elapsed_s: float | None
    stop: Stop | None
    entries: Sequence[Entry]
    members: Sequence[Member]
    granted: Sequence[Granted]
    results: Results
    errors: Mapping[str, str] = field(default_factory=dict)
