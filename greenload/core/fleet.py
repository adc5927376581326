"""The master's mind: news in, orders out.

A table of who was heard when, and the roster that follows from it. Somebody who joins, is lost, or comes back is a
change of the roster, and everybody is told of it; there is no other step, and nothing else touches anybody's load.
Sends nothing, keeps nothing, waits for nothing: time comes in as seconds on the master's clock, what is to be said goes
out as (route, message) pairs, and what is to be kept before that is said as News.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from greenload.core.attendance import here, is_to_be_asked, left, nobody_at, ready, silent, states_to_tell
from greenload.core.grants import Grants
from greenload.core.log_book import LogBook
from greenload.core.messages import (
    Ack,
    Bye,
    Claim,
    Farewell,
    Fetch,
    FromWorker,
    Grant,
    Hello,
    Log,
    Order,
    Plan,
    Refused,
    Report,
    Stop,
)
from greenload.core.news import DONE, LOST, READY, RUNNING, STALLED, Kept, Member, News
from greenload.core.results import Results
from greenload.core.roster import JOIN, LOSE, Change, Entry, edit_to, rate_edit_to
from greenload.core.roster_log import RosterLog
from greenload.core.schedule import Schedule
from greenload.core.terms import Expected, Terms

MOST_AHEAD_S = 600.0  # a worker's clock: a resumed master counts by the calendar's, or its machine stood still


class Fleet:
    """The workers of one run."""

    def __init__(self, plan: Plan, expected: Expected, terms: Terms, warmup_s: int = 0) -> None:
        self.results = Results(warmup_s)
        self.members: dict[str, Member] = {}
        self.errors: dict[str, str] = {}  # what broke which worker
        self.log_book = LogBook()
        self._expected = expected
        self._terms = terms
        self._roster = RosterLog(plan)
        self._schedule = Schedule(plan)
        self._waiting_since_s = math.inf
        self._grants = Grants()
        self._stop: Stop | None = None
        self._news = News()

    def go_on(self, kept: Kept, now_s: float) -> None:
        """Take up a run where another master left it. Its workers have as long to be heard as if it had just been."""
        self.results, self._stop, self.errors = kept.results, kept.stop, dict(kept.errors)
        self.results.take_seconds()  # they are kept already: taken for news, each master would double them in the file
        self._roster.write(kept.entries)
        self._grants = Grants(kept.granted)
        if kept.stop is not None:
            self._schedule.stop(now_s)
            self.results.stop(kept.elapsed_s or 0.0)
        if kept.elapsed_s is None:
            return  # who waits for the beginning says hello again; nobody else is here
        self._schedule.begin(now_s - kept.elapsed_s)
        for member in kept.members:
            self.members[member.worker] = member
            member.heard_s = now_s
            member.state_told = member.state

    @property
    def has_begun(self) -> bool:
        return self._schedule.has_begun

    @property
    def plan(self) -> Plan:
        """The plan, as it has been edited."""
        return self._roster.plan

    def elapsed_s(self, now_s: float) -> float:
        """Return the seconds since the run began, 0 before it."""
        return self._schedule.elapsed_s(now_s)

    @property
    def is_stopping(self) -> bool:
        return self._stop is not None

    def is_over(self, now_s: float) -> bool:
        """Whether nothing more is to come."""
        if not self.has_begun:
            return self._stop is not None
        states = {member.state for member in self.members.values()}
        if states - {DONE, LOST}:
            return False
        # While there is load to make, somebody who is lost may come back; with nobody left, for some time after.
        has_ended = DONE in states or self._stop is not None
        return states == {DONE} or self._schedule.is_past(now_s) or (has_ended and not self._schedule.goes_on(now_s))

    def take_news(self) -> News:
        """Return what has happened since the last call. Keep it before the orders of that time are carried out."""
        news, self._news = self._news, News()
        news.seconds = self.results.take_seconds()
        news.states = states_to_tell(self.members)
        return news

    def hear(self, route: bytes, message: FromWorker, now_s: float) -> list[Order]:
        """Take in what a worker says, and return what is to be said because of it."""
        if isinstance(message, Hello):
            return self._hello(route, message, now_s)
        if isinstance(message, Fetch):
            return [Order(route, self._terms.answer(message))]
        member = self.members.get(message.worker)
        if member is None or member.epoch != message.epoch:
            return self._ignore(route, "this master does not know you; start again")
        if isinstance(message, Report) and message.until_s > self.elapsed_s(now_s) + MOST_AHEAD_S:
            return self._ignore(route, "a report of this worker is of a time that is still to come; start it again")
        member.is_heard(route, now_s)
        if isinstance(message, Bye):
            return self._bye(member, message, now_s)
        if isinstance(message, Log):
            self.log_book.hear(message, now_s)
            return []
        if isinstance(message, Claim):
            return [Order(route, self._grant(message))]
        if isinstance(message, Report) and message.seq == member.seq + 1:
            member.seq = message.seq
            self._news.accounts.append(self.results.add(message))
        member.says_it_knows(message.known, now_s)
        self.results.note_unacknowledged(message.worker, message.unacknowledged)
        self._is_alive(member, now_s)
        return [*self._answer(member, now_s), self._ack(member)]

    def _ignore(self, route: bytes, reason: str) -> list[Order]:
        self.results.ignored += 1
        # Where more runs come, it may be of one that went on without it, and is welcome in the next.
        return [Order(route, Farewell(more_runs=True) if self._terms.more_runs else Refused(reason))]

    def nobody_at(self, route: bytes) -> None:
        """Take in that an order found nobody at `route`."""
        nobody_at(self.members, route)

    def tick(self, now_s: float, heard_all_s: float) -> list[Order]:
        """See who has fallen silent; called several times a second.  Raises TooFewWorkers.

        heard_all_s: until when all that came was heard.
        """
        self._waiting_since_s = min(now_s, self._waiting_since_s)
        if not self.has_begun:
            self._expected.check(len(ready(self.members, now_s)), now_s - self._waiting_since_s)
        orders: list[Order] = []
        for member in silent(self.members, heard_all_s):
            if not member.is_there or self._schedule.is_past(now_s):
                self._lose(member, now_s)
            elif is_to_be_asked(member, now_s):  # a process that is only busy is there, and keeps its users
                orders.append(self._ack(member))
        return orders + [order for member in here(self.members) for order in self._inform(member, now_s)]

    def edit(self, users: int, spawn_rate: float, now_s: float) -> None:
        """From now on go to `users` users at `spawn_rate` users/s.  Raises NotRunning, or ShapeError."""
        self._schedule.check_takes_users(now_s)
        self._note([edit_to(users, spawn_rate, self._roster.next_s(self.elapsed_s(now_s)))])

    def edit_rate(self, per_s: float, now_s: float) -> None:
        """From now on have `per_s` arrivals a second.  Raises NotRunning, or ShapeError."""
        self._schedule.check_takes_rate(now_s)
        self._note([rate_edit_to(per_s, self._roster.next_s(self.elapsed_s(now_s)))])

    def reset(self, now_s: float) -> int:
        """Let what is measured begin anew; return with which second of the run.  Raises NotRunning."""
        self._schedule.check_can_begin_anew(now_s)
        self._news.measured_from_s = self.results.reset(int(self._schedule.elapsed_s(now_s)) + 1)
        return self._news.measured_from_s

    def stop(self, at_once: bool, now_s: float) -> list[Order]:
        """End the run; what was to end at once goes on doing so."""
        self._stop = self._news.stop = Stop(at_once or self._stop == Stop(at_once=True))
        self._schedule.stop(now_s)
        self.results.stop(self.elapsed_s(now_s))
        return [Order(member.route, self._stop) for member in left(self.members)]

    def give_up(self, reason: str) -> list[Order]:
        """End the run because it cannot go on here."""
        return [Order(member.route, Refused(reason)) for member in left(self.members)]

    def _hello(self, route: bytes, hello: Hello, now_s: float) -> list[Order]:
        objection = self._terms.objection(hello)
        if objection is None and (objection := self._why_late(hello, now_s)) and self._terms.more_runs:
            return []  # it says hello until the next one begins
        if objection is not None:
            return [Order(route, Refused(objection))]
        member = self.members.get(hello.worker)
        if member is None or member.epoch != hello.epoch:
            member = self.members[hello.worker] = Member(hello.worker, hello.epoch, route, now_s)
            if self.has_begun:
                self._join(member, now_s)
        else:  # its first Hello was heard and the answer lost, or its connection was
            member.is_heard(route, now_s)
            self._is_alive(member, now_s)
        return self._answer(member, now_s) if self.has_begun else self._begin(now_s)

    def _why_late(self, hello: Hello, now_s: float) -> str | None:
        """Return why it is too late for this worker to take part, or None."""
        if self._stop is not None or self.is_over(now_s):
            return "the run is over"
        known = self.members.get(hello.worker)
        if known is not None and known.epoch != hello.epoch and self.has_begun:
            return f"there was a worker {hello.worker} in this run already; choose another name with --id"
        return None

    def _begin(self, now_s: float) -> list[Order]:
        """Begin, once everybody who is expected is here."""
        beginners = ready(self.members, now_s)
        if len(beginners) < self._expected.workers:
            return []
        self._schedule.begin(now_s)
        self._news.began = True
        self._note([Change(0.0, JOIN, member.worker) for member in beginners])
        for member in beginners:
            member.state = RUNNING
        return [order for member in beginners for order in self._inform(member, now_s)]

    def _inform(self, member: Member, now_s: float) -> list[Order]:
        """Tell `member` what is new in the roster, and again what it does not say it knows: messages may be lost."""
        first = member.untold(len(self._roster), now_s)
        if first is None:
            return []
        return [Order(member.route, self._roster.said_from(first, self.elapsed_s(now_s)))]

    def _answer(self, member: Member, now_s: float) -> list[Order]:
        """Return what one that spoke is to hear: what it does not know, and a stop once more."""
        return self._inform(member, now_s) + ([] if self._stop is None else [Order(member.route, self._stop)])

    def _ack(self, member: Member) -> Order:
        return Order(member.route, Ack(member.seq, len(self._roster)))

    def _is_alive(self, member: Member, now_s: float) -> None:
        """Note that a worker is alive; one that was lost comes back to its part of the users."""
        if member.state == STALLED:
            member.state = RUNNING
        elif member.state == LOST and self.has_begun:
            self.results.find(member.worker)
            self._join(member, now_s)
        elif member.state == LOST:
            member.state = READY

    def _bye(self, member: Member, bye: Bye, now_s: float) -> list[Order]:
        was_here = member.state in (RUNNING, STALLED)
        member.state = DONE
        if bye.error is not None:
            self.errors[member.worker] = self._news.errors[member.worker] = bye.error
        farewell = Order(member.route, Farewell(self._terms.more_runs and bye.error is None))
        if not self.has_begun:
            del self.members[member.worker]
            return [farewell]
        self.results.find(member.worker)
        if was_here and self._schedule.goes_on(now_s):  # at the end everybody leaves, and there is nothing to take over
            self._change(LOSE, member, now_s)
        return [farewell]

    def _grant(self, claim: Claim) -> Grant:
        granted, is_new = self._grants.grant(claim)
        if is_new:
            self._news.granted.append(granted)
        return Grant(granted.number, granted.first)

    def _join(self, member: Member, now_s: float) -> None:
        member.state = RUNNING
        self._change(JOIN, member, now_s)

    def _lose(self, member: Member, now_s: float) -> None:
        was_here, member.state = member.state == STALLED, LOST
        if was_here:
            self.results.lose(member.worker, self.elapsed_s(now_s))
            self._change(LOSE, member, now_s)

    def _change(self, kind: str, member: Member, now_s: float) -> None:
        """Change who is here; the next tick tells everybody, of all changes since the last one together."""
        self._note([Change(self._roster.next_s(self.elapsed_s(now_s)), kind, member.worker)])

    def _note(self, entries: Sequence[Entry]) -> None:
        self._roster.write(entries)
        self._news.entries += entries
        for entry in entries:
            if isinstance(entry, Change):
                self.results.expect(entry.worker)
