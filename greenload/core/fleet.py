"""The master's mind: news in, orders out.

A table of who was heard when, and the roster that follows from it. Somebody who joins, is lost, or comes back is a
change of the roster, and everybody is told of it; there is no other step, and nothing else touches anybody's load.
Sends nothing, waits for nothing: time comes in as seconds on the master's clock, and what is to be said goes out as
(route, message) pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from greenload.core.messages import (
    Ack,
    Bye,
    Changes,
    FromMaster,
    FromWorker,
    Hello,
    Plan,
    Refused,
    Report,
    Start,
    Stop,
)
from greenload.core.results import Results
from greenload.core.roster import JOIN, LOSE, Change

READY, RUNNING, STALLED, LOST, DONE = "ready", "running", "stalled", "lost", "done"

STALLED_AFTER_S = 2.0
LOST_AFTER_S = 5.0
# A change is meant for a moment that is still to come when the news of it arrives: then all make it at the same time.
NOTICE_S = 0.25


class Order(NamedTuple):
    """Say `message` to whoever is at `route`."""

    route: bytes
    message: FromMaster


@dataclass
class Member:
    """One worker as the master knows it; heard_s is when something was heard of it last, on the master's clock."""

    worker: str
    epoch: int
    route: bytes
    heard_s: float
    state: str = READY
    seq: int = 0  # of the last report that was counted
    told: int = 0  # how many changes there were when it was heard last


class Fleet:
    """The workers of one run."""

    def __init__(self, plan: Plan, expected: int, version: str, scenario_sha256: str) -> None:
        self.results = Results()
        self.members: dict[str, Member] = {}
        self.errors: dict[str, str] = {}  # what broke which worker
        self.ignored = 0  # messages of workers nobody knows
        self._plan = plan
        self._expected = expected
        self._version = version
        self._scenario_sha256 = scenario_sha256
        self._changes: list[Change] = []
        self._began_s: float | None = None
        self._stop: Stop | None = None
        self._ended = False  # nobody is waited for any more

    @property
    def has_begun(self) -> bool:
        return self._began_s is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        if self._stop is not None and not self.has_begun:
            return True
        left = [member for member in self.members.values() if member.state not in (DONE, LOST)]
        if not self.has_begun or left:
            return False
        # With everybody lost and the run not at its end, somebody may come back.
        return self._ended or any(member.state == DONE for member in self.members.values())

    def hear(self, route: bytes, message: FromWorker, now_s: float) -> list[Order]:
        """Take in what a worker says, and return what is to be said because of it."""
        if isinstance(message, Hello):
            return self._hello(route, message, now_s)
        member = self.members.get(message.worker)
        if member is None or member.epoch != message.epoch:
            self.ignored += 1
            return [Order(route, Refused("this master does not know you; start again"))]
        member.route, member.heard_s = route, now_s
        if isinstance(message, Bye):
            return self._bye(member, message, now_s)
        if isinstance(message, Report) and message.seq == member.seq + 1:
            member.seq = message.seq
            self.results.add(message)
        news = self._is_alive(member, now_s) or self._missed(member)
        return [*news, Order(route, Ack(member.seq))]

    def tick(self, now_s: float) -> list[Order]:
        """See who has fallen silent; called several times a second."""
        self._ended = self._stop is not None or self._is_past_the_end(now_s)
        orders: list[Order] = []
        for member in self.members.values():
            silent_s = now_s - member.heard_s
            if member.state == READY and silent_s > LOST_AFTER_S:
                member.state = LOST
            elif member.state in (RUNNING, STALLED) and silent_s > LOST_AFTER_S:
                member.state = LOST
                self.results.lose(member.worker, self._elapsed_s(now_s))
                orders += self._change(LOSE, member, now_s)
            elif member.state == RUNNING and silent_s > STALLED_AFTER_S:
                member.state = STALLED
        return orders

    def stop(self, at_once: bool) -> list[Order]:
        """End the run."""
        self._stop = Stop(at_once)
        return [Order(member.route, self._stop) for member in self.members.values() if member.state != DONE]

    def _hello(self, route: bytes, hello: Hello, now_s: float) -> list[Order]:
        reason = self._objection(hello, now_s)
        if reason is not None:
            return [Order(route, Refused(reason))]
        member = self.members.get(hello.worker)
        if member is None:
            member = self.members[hello.worker] = Member(hello.worker, hello.epoch, route, now_s)
            orders = self._join(member, now_s) if self.has_begun else []
        else:
            # Its first Hello was heard and the answer lost, or its connection was.
            member.route, member.heard_s = route, now_s
            orders = self._is_alive(member, now_s) or self._start_of(member, now_s)
        return orders if self.has_begun else self._begin(now_s)

    def _objection(self, hello: Hello, now_s: float) -> str | None:
        """Return why this worker may not take part, or None."""
        if hello.version != self._version:
            return f"this master is greenload {self._version}, the worker is {hello.version}; install the same"
        if hello.scenario_sha256 != self._scenario_sha256:
            return "this worker has another scenario than the master; give both the same file"
        if self._stop is not None or self.is_over:
            return "the run is over"
        known = self.members.get(hello.worker)
        if known is not None and known.epoch != hello.epoch:
            return f"there was a worker {hello.worker} in this run already; choose another name with --id"
        return None

    def _begin(self, now_s: float) -> list[Order]:
        """Begin, once everybody who is expected is here."""
        ready = [member for member in self.members.values() if member.state == READY]
        if len(ready) < self._expected:
            return []
        self._began_s = now_s
        self._changes = [Change(0.0, JOIN, member.worker) for member in ready]
        for member in ready:
            member.state = RUNNING
        return [order for member in ready for order in self._start_of(member, now_s)]

    def _start_of(self, member: Member, now_s: float) -> list[Order]:
        """Tell `member` all there is to know."""
        if not self.has_begun:
            return []
        member.told = len(self._changes)
        start = Order(member.route, Start(self._plan, tuple(self._changes), self._elapsed_s(now_s)))
        return [start] if self._stop is None else [start, Order(member.route, self._stop)]

    def _missed(self, member: Member) -> list[Order]:
        """Tell `member` again what has changed since it was heard last: its connection may have been gone."""
        changes = tuple(self._changes[member.told :])
        member.told = len(self._changes)
        return [Order(member.route, Changes(changes))] if changes else []

    def _is_alive(self, member: Member, now_s: float) -> list[Order]:
        """Note that a worker is alive; one that was lost comes back to its part of the users.

        One that was silent is told everything again: nobody knows what it has heard.
        """
        if member.state == LOST and self.has_begun:
            self.results.find(member.worker)
            return self._join(member, now_s)
        if member.state == LOST:
            member.state = READY
        if member.state != STALLED:
            return []
        member.state = RUNNING
        return self._start_of(member, now_s)

    def _join(self, member: Member, now_s: float) -> list[Order]:
        return [*self._change(JOIN, member, now_s), *self._start_of(member, now_s)]

    def _bye(self, member: Member, bye: Bye, now_s: float) -> list[Order]:
        was_here = member.state in (RUNNING, STALLED)
        member.state = DONE
        self.results.find(member.worker)
        if bye.error is not None:
            self.errors[member.worker] = bye.error
        # At the end everybody leaves, and there is nothing to take over.
        handed_over = self._change(LOSE, member, now_s) if was_here and self._goes_on(now_s) else []
        return [*handed_over, Order(member.route, Ack(member.seq))]

    def _change(self, kind: str, member: Member, now_s: float) -> list[Order]:
        """Change the roster, and tell the others of it."""
        # One after the other: of one instant, the roster would put a JOIN before the LOSE that it undoes.
        at_s = max(self._elapsed_s(now_s) + NOTICE_S, math.nextafter(self._changes[-1].at_s, math.inf))
        change = Change(at_s, kind, member.worker)
        self._changes.append(change)
        others = [each for each in self.members.values() if each.state in (RUNNING, STALLED)]
        if kind == JOIN:
            member.state = RUNNING
        return [Order(each.route, Changes((change,))) for each in others]

    def _elapsed_s(self, now_s: float) -> float:
        return 0.0 if self._began_s is None else now_s - self._began_s

    def _goes_on(self, now_s: float) -> bool:
        """Whether there is still load to make."""
        return self._stop is None and (self._plan.duration_s is None or self._elapsed_s(now_s) < self._plan.duration_s)

    def _is_past_the_end(self, now_s: float) -> bool:
        """Whether the plan's time, and that for finishing tasks, has gone by."""
        if self._plan.duration_s is None or not self.has_begun:
            return False
        return self._elapsed_s(now_s) > self._plan.duration_s + self._plan.stop_timeout_s + LOST_AFTER_S
