"""Whoever joins, falls silent or comes back: the users stay the plan's, and each report counts exactly once."""

import copy
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenload.core.attendance import LOST_AFTER_S, STALLED_AFTER_S
from greenload.core.bundle import Bundle
from greenload.core.fleet import MOST_AHEAD_S, Fleet
from greenload.core.grants import Granted
from greenload.core.log_line import LogLine
from greenload.core.messages import (
    Ack,
    Beat,
    Bye,
    Changes,
    Claim,
    Farewell,
    Fetch,
    Grant,
    Hello,
    Log,
    Plan,
    Refused,
    Report,
    Start,
    Stop,
)
from greenload.core.news import DONE, LOST, READY, RUNNING, STALLED, TELL_AGAIN_S, Kept, Member, News
from greenload.core.outbox import Outbox
from greenload.core.placement import Share
from greenload.core.results import Results
from greenload.core.roster import EDIT, JOIN, LOSE, Change, Edit, Roster
from greenload.core.roster_log import NOTICE_S
from greenload.core.schedule import NotRunning
from greenload.core.shape import ShapeError, ramp
from greenload.core.slots import Slot
from greenload.core.terms import Expected, Terms, TooFewWorkers
from greenload.core.worker_record import WorkerRecord
from tests.conftest import requests_of

USERS = 12
OTHER_SCENARIO = (
    "this worker has another scenario than the master; give both the same file, or leave out -f to get the master's, or"
    " let the master say --any-scenario"
)
TERMS = Terms("1.0", "abc", Bundle(b""))
ENDLESS = Plan(ramp(USERS, 1000), None, (Share("Reader", 3), Share("Writer", 1)), None, stop_timeout_s=10.0, seed=7)
MINUTE = replace(ENDLESS, duration_s=60.0)
END_S = 60.0 + 10.0 + LOST_AFTER_S
AT_S = 1000.0  # the master's clock when a test begins: any number will do
EPOCHS = {"one": 11, "two": 22, "three": 33, "four": 44}


def hello(worker, epoch=None, version="1.0", scenario_sha256="abc"):
    return Hello(worker, epoch or EPOCHS.get(worker, 1), version, scenario_sha256)


def beat(worker, epoch=None):
    return Beat(worker, epoch or EPOCHS[worker])


def bye(worker, error=None, epoch=None):
    return Bye(worker, epoch or EPOCHS[worker], error)


def report(worker, seq, requests=1, users=1, epoch=None, counted=0):
    from_s = float(seq - 1)
    epoch = epoch or EPOCHS[worker]
    return Report(worker, epoch, seq, from_s, from_s + 1.0, requests_of(requests), users, 10.0, counted)


class Play:
    """A fleet, a clock, and what each worker was told."""

    def __init__(self, plan=ENDLESS, expected=1, terms=TERMS, timeout_s=None):
        self.fleet = Fleet(plan, Expected(expected, timeout_s), terms)
        self.now_s = AT_S
        self.told = defaultdict(list)
        self.busy = set()

    def hear(self, message, route=None):
        """Let the master hear `message`; return what it says to whoever said it."""
        route = route or message.worker.encode()
        if isinstance(message, Beat | Report):
            message = replace(message, known=self.known_to(message.worker))
        return self.carried_out(self.fleet.hear(route, message, self.now_s), route)

    def known_to(self, worker):
        """Return how many entries of the roster `worker` knows by what it was told."""
        known = 0
        for message in self.told[worker.encode()]:
            if isinstance(message, Start):
                known = max(known, len(message.entries))
            elif isinstance(message, Changes) and message.first <= known:
                known = max(known, message.first + len(message.entries))
        return known

    def carried_out(self, orders, route):
        """Carry out `orders`; return what they say to `route`."""
        before = len(self.told[route])
        self.carry_out(orders)
        return self.told[route][before:]

    def carry_out(self, orders):
        for route, message in orders:
            self.told[route].append(message)

    def tick(self):
        self.carry_out(self.fleet.tick(self.now_s, self.now_s))

    def go_on(self, seconds, *beating):
        """Let time go by in which only `beating` are heard; the others are gone, but for those in `busy`."""
        for worker, member in self.fleet.members.items():
            if worker not in (*beating, *self.busy):
                self.fleet.nobody_at(member.route)
        for _ in range(round(seconds * 4)):
            self.now_s += 0.25
            for worker in beating:
                self.hear(beat(worker))
            self.tick()

    @property
    def is_over(self):
        return self.fleet.is_over(self.now_s)

    def state_of(self, worker):
        return self.fleet.members[worker].state

    def roster_of(self, worker):
        """Return the roster that `worker` has after all it was told."""
        roster = Roster(ENDLESS.shares, ENDLESS.shape)
        for message in self.told[worker.encode()]:
            for change in message.entries if isinstance(message, Start | Changes) else ():
                roster.hear(change)
        return roster

    def users_on(self, *workers, at_s=None):
        """Return how many users each worker has by its own roster, when all changes so far have come into force."""
        at_s = self.now_s - AT_S + NOTICE_S + 0.01 if at_s is None else at_s
        return {worker: sum(self.roster_of(worker).users_of(worker, at_s).values()) for worker in workers}


def play_of(*workers, plan=ENDLESS):
    """A run that began with `workers` a second ago."""
    play = Play(plan, expected=len(workers))
    for worker in workers:
        play.hear(hello(worker))
    play.go_on(1.0, *workers)
    play.told_at_first = {route: len(messages) for route, messages in play.told.items()}
    return play


def news_for(play, worker):
    """Return what `worker` was told since the run's first second, but acknowledgements and farewells."""
    route = worker.encode()
    since = play.told_at_first.get(route, 0)
    return [each for each in play.told[route][since:] if not isinstance(each, Ack | Farewell)]


def kinds(messages):
    return [type(message) for message in messages]


# Beginning


def test_the_run_begins_when_the_expected_workers_are_here_and_not_before():
    play = Play(expected=3)

    assert play.hear(hello("one")) == []
    assert play.hear(hello("two")) == []
    play.go_on(1.0)
    assert not play.fleet.has_begun

    play.hear(hello("three"))
    assert play.fleet.has_begun
    assert {route: kinds(messages) for route, messages in play.told.items()} == {
        b"one": [Start], b"two": [Start], b"three": [Start],
    }  # fmt: skip


def test_a_start_carries_the_plan_the_whole_roster_and_how_long_the_run_has_gone_on():
    play = Play(expected=2)
    play.hear(hello("one"))
    play.now_s += 1.0  # of waiting, which is no part of the run

    roster = (Change(0.0, JOIN, "one"), Change(0.0, JOIN, "two"))
    assert play.hear(hello("two")) == [Start(ENDLESS, roster, 0.0)]
    play.now_s += TELL_AGAIN_S
    assert play.hear(hello("one")) == [Start(ENDLESS, roster, TELL_AGAIN_S)]


def test_a_worker_that_says_hello_again_while_it_waits_counts_once():
    play = Play(expected=2)

    for _ in range(3):
        play.hear(hello("one"))

    assert not play.fleet.has_begun


def test_a_worker_that_says_hello_again_is_here_and_answered_where_it_said_so():
    play = Play(expected=2)
    play.hear(hello("one"), route=b"old")
    play.go_on(STALLED_AFTER_S - 0.5)
    play.hear(hello("one"), route=b"new")
    play.go_on(STALLED_AFTER_S - 0.5)

    play.hear(hello("two"))

    assert kinds(play.told[b"new"]) == [Start]
    assert play.told[b"old"] == []


def test_a_worker_that_fell_silent_before_the_beginning_is_not_counted_as_here():
    play = Play(expected=2)
    play.hear(hello("one"))
    play.go_on(LOST_AFTER_S + 0.5)

    play.hear(hello("two"))

    assert not play.fleet.has_begun


def test_a_worker_that_was_away_before_the_beginning_and_came_back_is_here():
    """Both were here and said so each second, and the run never began: only a new name was taken for news."""
    play = Play(expected=2)
    play.hear(hello("one"))
    play.go_on(LOST_AFTER_S + 0.5)
    play.hear(hello("two"))

    play.hear(hello("one"))

    assert play.fleet.has_begun
    assert play.users_on("one", "two") == {"one": 6, "two": 6}


def test_workers_whose_names_begin_alike_are_two_workers():
    """Locust takes node_1 and node_2 for one host."""
    play = Play(expected=2)
    play.hear(hello("node_1"))
    play.hear(hello("node_2"))

    assert play.users_on("node_1", "node_2") == {"node_1": 6, "node_2": 6}


# Joining


@pytest.mark.parametrize("times", [1, 3])
def test_a_hello_said_again_in_the_run_doubles_nobody(times):
    """Locust gave a worker whose acknowledgement was late a double share."""
    play = play_of("one", "two")

    for _ in range(times):
        assert play.hear(hello("one")) == []  # of what it knows already
        play.tick()

    assert play.users_on("one", "two") == {"one": 6, "two": 6}
    assert news_for(play, "two") == []


def test_a_late_worker_gets_the_whole_roster_and_the_others_hear_of_it():
    play = play_of("one", "two")

    [start] = play.hear(hello("three"))
    play.tick()

    joined = Change(1.0 + NOTICE_S, JOIN, "three")
    assert start == Start(ENDLESS, (Change(0.0, JOIN, "one"), Change(0.0, JOIN, "two"), joined), 1.0)
    assert news_for(play, "one") == news_for(play, "two") == [Changes(2, (joined,))]


def test_a_late_worker_takes_its_part_at_the_moment_the_others_give_it_up():
    play = play_of("one", "two")

    play.hear(hello("three"))
    play.tick()

    workers = ("one", "two", "three")
    assert play.users_on(*workers, at_s=1.0 + NOTICE_S - 0.01) == {"one": 6, "two": 6, "three": 0}
    assert play.users_on(*workers, at_s=1.0 + NOTICE_S) == {"one": 4, "two": 4, "three": 4}


def test_a_worker_that_joins_after_a_loss_takes_its_part_as_well():
    """Locust rebalanced once, and never again."""
    play = play_of("one", "two")
    play.hear(hello("three"))
    play.go_on(LOST_AFTER_S + 0.5, "one", "two")

    play.hear(hello("four"))
    play.tick()

    assert play.users_on("one", "two", "four") == {"one": 4, "two": 4, "four": 4}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (hello("two", version="0.9"), "this master is greenload 1.0, the worker is 0.9; install the same"),
        (
            hello("two", scenario_sha256="abd"),
            OTHER_SCENARIO,
        ),
        (hello("one", epoch=99), "there was a worker one in this run already; choose another name with --id"),
    ],
    ids=["version", "scenario", "name"],
)
def test_who_does_not_fit_is_refused_and_told_what_to_do(said, reason):
    play = play_of("one")

    assert play.hear(said, route=b"new") == [Refused(reason)]
    play.tick()
    assert list(play.fleet.members) == ["one"]
    assert play.fleet.members["one"].route == b"one"
    assert news_for(play, "one") == []


def test_a_refused_worker_is_not_one_of_those_expected():
    play = Play(expected=2)
    play.hear(hello("one"))

    play.hear(hello("two", version="0.9"))
    play.hear(hello("one", epoch=99))

    assert not play.fleet.has_begun


def test_a_name_stays_taken_when_its_worker_was_lost():
    """It may come back, and its reports with it."""
    play = play_of("one", "two")
    play.go_on(LOST_AFTER_S + 0.5, "one")

    assert kinds(play.hear(hello("two", epoch=99))) == [Refused]
    assert play.state_of("two") == LOST


@pytest.mark.parametrize("end", ["stopped", "done"])
def test_nobody_may_join_a_run_that_is_over(end):
    play = play_of("one")
    if end == "stopped":
        play.fleet.stop(False, play.now_s)
    else:
        play.hear(bye("one"))

    assert play.hear(hello("two")) == [Refused("the run is over")]


# Silence


def test_a_worker_that_is_silent_for_a_while_is_stalled_and_nothing_moves():
    play = play_of("one", "two")

    play.go_on(STALLED_AFTER_S, "one")
    assert play.state_of("two") == RUNNING

    play.go_on(LOST_AFTER_S - STALLED_AFTER_S, "one")
    assert play.state_of("two") == STALLED
    assert news_for(play, "one") == news_for(play, "two") == []


def test_a_stalled_worker_that_is_heard_again_is_running():
    play = play_of("one", "two")
    play.go_on(STALLED_AFTER_S + 0.5, "one")

    play.hear(beat("two"))

    assert play.state_of("two") == RUNNING
    assert news_for(play, "one") == []


def test_a_change_is_told_to_stalled_workers_too_but_not_to_those_that_are_lost_or_done():
    """A stalled one may hear and just not speak."""
    play = play_of("one", "two", "three", "four")
    play.hear(bye("four"))
    play.go_on(3.0, "one", "two")
    play.go_on(3.0, "one")
    assert (play.state_of("two"), play.state_of("three")) == (STALLED, LOST)
    before = {worker: len(news_for(play, worker)) for worker in EPOCHS}

    play.hear(hello("five"))
    play.tick()

    assert [len(news_for(play, worker)) - before[worker] for worker in ("one", "two", "three", "four")] == [1, 1, 0, 0]


def test_the_users_of_a_lost_worker_go_to_the_others_who_keep_their_own():
    """Locust took the load down to nothing and began its ramp anew, a minute later."""
    workers = ("one", "two", "three")
    play = play_of(*workers)
    others = ("one", "two")
    before = {worker: play.roster_of(worker).users_of(worker, 1.0) for worker in others}

    play.go_on(LOST_AFTER_S + 0.25, *others)

    lost = Change(1.0 + LOST_AFTER_S + 0.25 + NOTICE_S, LOSE, "three")
    assert play.state_of("three") == LOST
    assert news_for(play, "one") == news_for(play, "two") == [Changes(3, (lost,))]
    assert news_for(play, "three") == []
    for at_s in (1.0, 3.0, 6.0, lost.at_s - 0.01):
        assert play.users_on(*workers, at_s=at_s) == {"one": 4, "two": 4, "three": 4}
    assert play.users_on(*others, at_s=lost.at_s) == {"one": 6, "two": 6}
    for worker in others:
        after = play.roster_of(worker).users_of(worker, lost.at_s)
        assert all(after[name] >= before[worker][name] for name in after)


def test_a_lost_worker_is_marked_as_a_gap_in_the_results_until_it_is_back():
    play = play_of("one", "two")
    play.hear(report("two", 1, requests=3, users=6, counted=3))

    play.go_on(LOST_AFTER_S + 0.25, "one")
    assert [(gap.worker, gap.until_s) for gap in play.fleet.results.reconcile().missing] == [("two", 6.25)]
    assert play.fleet.results.users == 0

    play.hear(beat("two"))
    assert play.fleet.results.reconcile().adds_up


def test_a_worker_that_comes_back_takes_its_part_again_and_knows_what_it_missed():
    """Locust forgot it was there, and let it run its users beside those who had taken them."""
    play = play_of("one", "two")
    play.go_on(LOST_AFTER_S + 0.25, "one")
    play.hear(hello("three"))
    play.go_on(1.0, "one", "three")
    assert play.users_on("one", "three") == {"one": 6, "three": 6}

    said = play.hear(beat("two"))
    play.tick()

    assert kinds(said) == [Changes, Ack]
    assert play.state_of("two") == RUNNING
    assert play.users_on("one", "two", "three") == {"one": 4, "two": 4, "three": 4}
    assert list(play.roster_of("two").entries) == list(play.roster_of("one").entries)


def test_a_worker_that_comes_back_at_the_instant_it_is_lost_is_back():
    """Of two changes at one time the roster took the JOIN first, and the worker was out of it for good."""
    play = play_of("one", "two")
    play.go_on(LOST_AFTER_S + 0.25, "one")
    assert play.state_of("two") == LOST

    play.hear(beat("two"))
    play.tick()

    assert play.users_on("one", "two") == {"one": 6, "two": 6}


def test_a_worker_that_comes_back_with_a_hello_gets_one_start():
    """Its first one was lost, and so was it."""
    play = Play(expected=2)
    play.hear(hello("one"))
    play.hear(hello("two"))
    play.told[b"two"].clear()
    play.go_on(LOST_AFTER_S + 0.25, "one")

    said = play.hear(hello("two"))
    play.tick()

    assert kinds(said) == kinds(play.told[b"two"]) == [Start]
    assert play.users_on("one", "two") == {"one": 6, "two": 6}


def test_what_a_worker_reported_before_it_was_lost_is_not_counted_again_when_it_is_back():
    play = play_of("one", "two")
    play.hear(report("two", 1, requests=3))
    play.go_on(LOST_AFTER_S + 0.25, "one")

    for seq, requests in ((1, 3), (2, 4)):
        play.hear(report("two", seq, requests))

    assert play.fleet.results.total.sent == 7


@pytest.mark.parametrize("silent_s", [TELL_AGAIN_S, 3.0, 6.0])
def test_a_change_that_did_not_reach_a_worker_is_told_again_when_it_is_heard(silent_s):
    """Its connection was gone for a moment; without this its roster was another than all others' for the whole run."""
    play = play_of("one", "two")
    play.hear(hello("three"))
    play.tick()
    play.told[b"two"].pop()

    play.go_on(silent_s, "one", "three")
    assert kinds(play.hear(beat("two"))) == [Changes, Ack]
    play.tick()

    assert play.users_on("one", "two", "three") == {"one": 4, "two": 4, "three": 4}
    assert kinds(play.hear(beat("two"))) == [Ack]


def test_a_worker_is_answered_where_it_spoke_last():
    play = play_of("one")

    play.hear(beat("one"), route=b"new")
    play.hear(hello("two"))
    play.tick()

    assert kinds(play.told[b"new"]) == [Ack, Changes]
    assert news_for(play, "one") == []


# Told and known


def test_a_start_that_was_lost_is_said_again_to_who_still_says_hello():
    play = Play()
    [start] = play.hear(hello("one"))

    said = []
    for _ in range(8):
        play.now_s += TELL_AGAIN_S / 4
        said.append(kinds(play.hear(hello("one"))))

    assert start.entries == (Change(0.0, JOIN, "one"),)
    assert said == [[], [], [], [Start], [], [], [], [Start]]


def test_what_a_worker_says_it_knows_is_not_said_again():
    play = play_of("one", "two")
    edit(play, 20)
    edit(play, 4)

    play.go_on(10 * TELL_AGAIN_S, "one", "two")

    assert [kinds(news_for(play, worker)) for worker in ("one", "two")] == [[Changes, Changes]] * 2


def test_a_report_from_before_a_change_that_is_sent_again_after_it_takes_back_nothing():
    """A report says what was known when it was made; taken for what is known now, it had all of it said again."""
    play = play_of("one")
    old = replace(report("one", 1), known=1)
    edit(play, 20)
    play.go_on(1.0, "one")

    for _ in range(3):
        play.now_s += TELL_AGAIN_S
        assert play.carried_out(play.fleet.hear(b"one", old, play.now_s), b"one") == [Ack(1, 2)]
        play.tick()

    assert kinds(news_for(play, "one")) == [Changes]


def test_a_worker_that_is_silent_is_told_each_change_once():
    """One that is busy for minutes finds them all when it is free again: hundreds of the same, were it told again."""
    play = play_of("one", "two")
    play.busy.add("two")
    play.go_on(STALLED_AFTER_S + 1.0, "one")

    edit(play, 20)
    play.go_on(60.0, "one")
    edit(play, 4)
    play.go_on(60.0, "one")

    assert kinds(news_for(play, "two")) == [Changes, Changes]
    assert play.users_on("one", "two") == {"one": 2, "two": 2}


def test_a_change_that_got_lost_is_told_again_though_others_come_all_the_time():
    """Each new one began the waiting anew: the lost one was told when the others had an end."""
    play = play_of("one", "two")
    edit(play, 20)
    play.told[b"two"].pop()

    for users in range(10):
        play.go_on(TELL_AGAIN_S / 2, "one", "two")
        edit(play, users)

    assert play.known_to("two") == play.known_to("one") == 2 + 1 + 10


def test_many_losses_of_one_tick_are_told_in_one_message():
    """Each was told to everybody in a message of its own: 500 losses and 500 others were a quarter of a million."""
    others = [f"other-{number}" for number in range(100)]
    lost = [f"lost-{number}" for number in range(500)]
    play = Play(expected=len(others) + len(lost))
    for number, worker in enumerate(others + lost):
        EPOCHS[worker] = number + 1
    try:
        for worker in others + lost:
            play.hear(hello(worker))
        play.go_on(1.0, *others, *lost)
        before = {worker: len(play.told[worker.encode()]) for worker in others}

        play.go_on(LOST_AFTER_S + 1.0, *others)
    finally:
        for worker in others + lost:
            del EPOCHS[worker]

    for worker in others:
        [changes] = [each for each in play.told[worker.encode()][before[worker] :] if not isinstance(each, Ack)]
        assert changes.first == len(others) + len(lost)
        assert sorted((change.kind, change.worker) for change in changes.entries) == sorted(
            (LOSE, worker) for worker in lost
        )


def test_changes_that_come_between_two_ticks_are_told_in_one_message():
    play = play_of("one", "two", "three")

    play.hear(bye("three"))
    play.fleet.edit(20, 4.0, play.now_s)
    play.hear(hello("four"))
    assert news_for(play, "one") == []
    play.tick()

    [changes] = news_for(play, "one")
    assert changes.first == 3
    assert [change.kind for change in changes.entries] == [LOSE, EDIT, JOIN]


# Reports


def test_a_report_counts_once_however_often_it_comes():
    """Locust handled the message before the broken one a second time: 10 requests became 20."""
    play = play_of("one")

    answers = [play.hear(report("one", seq, requests=10)) for seq in (1, 1, 2, 1, 2)]

    assert answers == [[Ack(seq, 1)] for seq in (1, 1, 2, 2, 2)]
    assert play.fleet.results.total.sent == 20


def test_a_report_after_a_gap_is_neither_counted_nor_acknowledged_before_the_gap_is_filled():
    play = play_of("one")
    play.hear(report("one", 1, requests=1))

    assert play.hear(report("one", 3, requests=4)) == [Ack(1, 1)]
    assert play.fleet.results.total.sent == 1

    assert play.hear(report("one", 2, requests=2)) == [Ack(2, 1)]
    assert play.hear(report("one", 3, requests=4)) == [Ack(3, 1)]
    assert play.fleet.results.total.sent == 7


def test_each_worker_s_reports_are_numbered_for_themselves():
    play = play_of("one", "two")

    play.hear(report("one", 1, requests=1))
    play.hear(report("two", 1, requests=2))

    assert {name: record.sent for name, record in play.fleet.results.workers.items()} == {"one": 1, "two": 2}


@pytest.mark.parametrize("worker", ["one", "nobody"])
@pytest.mark.parametrize("say", [beat, bye, lambda worker, epoch: report(worker, 1, 5, epoch=epoch)])
def test_whom_nobody_knows_changes_nothing(worker, say):
    """Locust added up what strangers sent, and logged that it had not. This is also a master that was started anew."""
    play = play_of("one")
    play.go_on(STALLED_AFTER_S + 0.5)

    said = play.hear(say(worker, epoch=99), route=b"stranger")

    assert said == [Refused("this master does not know you; start again")]
    assert play.fleet.results.ignored == 1
    assert play.fleet.results.total.sent == 0
    assert play.fleet.results.workers == {"one": WorkerRecord()}
    assert play.state_of("one") == STALLED
    assert play.fleet.members["one"].route == b"one"


def test_nobody_is_ignored_who_belongs_here():
    play = play_of("one", "two")

    for message in (hello("one"), beat("one"), report("one", 1), report("one", 1), bye("one")):
        play.hear(message)

    assert play.fleet.results.ignored == 0


@pytest.mark.parametrize("ahead_s", [MOST_AHEAD_S + 1.0, 1e9])
def test_a_report_of_a_time_that_is_still_to_come_is_refused_and_not_counted(ahead_s):
    """One that went to 1e300 s made the run so long, and its seconds were what all rates are divided by."""
    play = play_of("one", "two")
    far = replace(report("one", 1), until_s=1.0 + ahead_s)

    said = play.hear(far)

    assert said == [Refused("a report of this worker is of a time that is still to come; start it again")]
    assert play.fleet.results.ignored == 1
    assert play.fleet.results.total.sent == 0
    assert play.fleet.results.elapsed_s == 0.0
    assert play.fleet.take_news().accounts == []


def test_a_worker_whose_clock_is_ahead_of_a_resumed_masters_is_heard():
    play = play_of("one", "two")

    said = play.hear(replace(report("one", 1), until_s=1.0 + MOST_AHEAD_S))

    assert said == [Ack(1, 2)]
    assert play.fleet.results.ignored == 0


# Rows


def claim(worker, number=1, rows="accounts", count=3):
    return Claim(worker, EPOCHS[worker], number, rows, count)


def test_workers_are_granted_rows_and_the_rows_are_news():
    play = play_of("one", "two")
    play.fleet.take_news()

    said = [play.hear(claim(worker)) for worker in ("one", "two")]

    news = play.fleet.take_news()
    assert said == [[Grant(1, 0)], [Grant(1, 3)]]
    assert news.granted == [Granted("accounts", "one", 11, 1, 0, 3), Granted("accounts", "two", 22, 1, 3, 3)]
    assert not news.is_empty
    assert play.fleet.take_news().is_empty


def test_a_claim_whose_answer_was_lost_is_answered_the_same_and_is_no_news():
    play = play_of("one", "two")
    first = play.hear(claim("one"))
    play.hear(claim("two"))
    play.fleet.take_news()

    again = play.hear(claim("one"))

    assert again == first == [Grant(1, 0)]
    assert play.fleet.take_news().granted == []


def test_a_claim_of_nobody_takes_no_rows():
    play = play_of("one")

    said = play.fleet.hear(b"stranger", replace(claim("one"), epoch=99), play.now_s)

    assert kinds(message for _, message in said) == [Refused]
    assert play.hear(claim("one")) == [Grant(1, 0)]


def test_another_master_goes_on_with_the_rows_where_the_first_one_ended():
    play = play_of("one", "two")
    granted = Granted("accounts", "one", 11, 1, 0, 3)
    members = [Member(worker, EPOCHS[worker], b"", 0.0, RUNNING) for worker in ("one", "two")]
    roster = play.fleet._roster._entries
    play.fleet = Fleet(ENDLESS, Expected(2), TERMS)
    play.fleet.go_on(Kept(1.0, None, roster, members, [granted], Results()), play.now_s)

    said = [play.hear(each) for each in (claim("one"), claim("two"), claim("one", number=2))]

    assert said == [[Grant(1, 0)], [Grant(1, 3)], [Grant(2, 6)]]


# Leaving


def test_a_bye_ends_the_worker_and_the_last_one_the_run():
    play = play_of("one", "two", plan=MINUTE)
    play.go_on(60.0, "one", "two")

    play.hear(bye("one"))
    assert play.state_of("one") == DONE
    assert not play.is_over

    play.hear(bye("two"))
    assert play.is_over
    assert news_for(play, "one") == news_for(play, "two") == []
    assert play.fleet.errors == {}


def test_a_bye_is_answered_so_often_as_it_is_said_and_nobody_is_to_come_again():
    play = play_of("one", plan=MINUTE)

    assert play.hear(bye("one")) == [Farewell(more_runs=False)]
    assert play.hear(bye("one")) == [Farewell(more_runs=False)]


def test_where_more_runs_may_come_who_is_done_waits_for_the_next_one_unheard():
    play = Play(expected=2, terms=replace(TERMS, more_runs=True))
    play.hear(hello("one"))
    play.hear(hello("two"))

    assert play.hear(bye("one"))[-1:] == [Farewell(more_runs=True)]
    assert play.hear(hello("one", epoch=111)) == []
    assert kinds(play.hear(hello("three"))) == [Start], "a new one takes part in the run that goes on"
    play.fleet.stop(at_once=False, now_s=play.now_s)
    assert play.hear(hello("four")) == []
    assert kinds(play.hear(hello("five", version="2.0"))) == [Refused], "it does not fit the next one, either"


def test_where_more_runs_may_come_who_is_of_an_earlier_one_is_told_to_come_again():
    play = Play(terms=replace(TERMS, more_runs=True))
    play.hear(hello("one"))

    assert play.hear(report("two", 7)) == [Farewell(more_runs=True)]
    assert play.fleet.results.total.sent == 0


def test_a_worker_that_broke_is_not_wanted_in_another_run():
    play = Play(terms=replace(TERMS, more_runs=True))
    play.hear(hello("one"))

    assert play.hear(bye("one", "OSError: disk full")) == [Farewell(more_runs=False)]


def test_a_worker_that_broke_hands_its_users_to_the_others_and_its_error_is_kept():
    play = play_of("one", "two", "three")

    play.hear(bye("two", error="MemoryError"))
    play.tick()

    assert play.fleet.errors == {"two": "MemoryError"}
    assert play.state_of("two") == DONE
    assert news_for(play, "two") == []
    assert play.users_on("one", "three") == {"one": 6, "three": 6}


def test_a_worker_that_is_taken_out_of_the_run_hands_its_users_to_the_others():
    """Its part of the load was missing from there on, and nobody was told."""
    play = play_of("one", "two", plan=MINUTE)

    play.hear(bye("two"))
    play.tick()

    assert play.users_on("one") == {"one": USERS}
    assert play.fleet.errors == {}


def test_a_worker_that_said_bye_is_not_waited_for():
    play = play_of("one", "two")
    play.hear(bye("two"))

    play.go_on(LOST_AFTER_S + 0.5, "one")

    assert play.state_of("two") == DONE
    assert play.fleet.results.reconcile().adds_up


@pytest.mark.parametrize("error", [None, "MemoryError"])
def test_a_bye_of_a_worker_that_was_lost_moves_nobody_a_second_time(error):
    play = play_of("one", "two")
    play.go_on(LOST_AFTER_S + 0.25, "one")
    before = list(news_for(play, "one"))

    play.hear(bye("two", error))
    play.tick()

    assert play.state_of("two") == DONE
    assert news_for(play, "one") == before
    assert play.fleet.errors == ({} if error is None else {"two": error})
    assert play.fleet.results.reconcile().missing == ()


# Stopping


def test_a_stop_before_the_beginning_sends_everybody_home_and_the_run_is_over():
    play = Play(expected=2)
    play.hear(hello("one"))

    play.carry_out(play.fleet.stop(False, play.now_s))

    assert play.told[b"one"] == [Stop(at_once=False)]
    assert play.is_over
    assert not play.fleet.has_begun


@pytest.mark.parametrize("at_once", [False, True])
def test_a_stop_goes_to_all_who_are_not_done_and_the_run_is_over_when_they_are(at_once):
    play = play_of("one", "two", "three")
    play.hear(bye("three"))

    play.carry_out(play.fleet.stop(at_once, play.now_s))

    assert [play.told[route][-1] for route in (b"one", b"two")] == [Stop(at_once)] * 2
    assert Stop(at_once) not in play.told[b"three"]
    play.hear(bye("one"))
    assert not play.is_over
    play.hear(bye("two"))
    assert play.is_over


def test_a_stop_that_was_lost_on_its_way_is_said_again_to_who_goes_on_reporting():
    play = play_of("one")
    play.fleet.stop(False, play.now_s)  # and nobody hears of it

    assert Stop(False) in play.hear(report("one", 1))
    assert Stop(False) in play.hear(beat("one"))


def test_who_leaves_a_stopped_run_leaves_nothing_to_take_over():
    play = play_of("one", "two")
    play.carry_out(play.fleet.stop(False, play.now_s))

    play.hear(bye("two"))
    play.tick()

    assert news_for(play, "one") == [Stop(at_once=False)]


def test_a_stop_may_become_a_stop_at_once():
    play = play_of("one")
    play.carry_out(play.fleet.stop(False, play.now_s))

    play.carry_out(play.fleet.stop(True, play.now_s))

    assert news_for(play, "one") == [Stop(at_once=False), Stop(at_once=True)]


def test_a_worker_that_takes_long_to_stop_is_waited_for_as_long_as_it_is_heard():
    """Locust's worker was deaf while it let its tasks finish, and was thrown out for it."""
    play = play_of("one", plan=replace(MINUTE, stop_timeout_s=300.0))
    play.carry_out(play.fleet.stop(False, play.now_s))

    play.go_on(200.0, "one")
    play.hear(report("one", 1, requests=5))

    assert not play.is_over
    assert play.fleet.results.total.sent == 5


@pytest.mark.parametrize(
    ("silent_s", "said"), [(STALLED_AFTER_S + 0.5, [Stop, Ack]), (LOST_AFTER_S + 0.5, [Changes, Stop, Ack])]
)
def test_a_worker_that_was_away_when_the_run_was_stopped_is_told_when_it_is_back(silent_s, said):
    """It went on for ever, and the master waited for it."""
    play = play_of("one", "two")
    play.go_on(silent_s, "one")
    play.carry_out(play.fleet.stop(True, play.now_s))

    assert kinds(play.hear(beat("two"))) == said


# Over


def test_a_run_that_has_not_begun_is_not_over_with_nobody_here():
    """Locust's master with no workers took itself for stopped."""
    play = Play()
    play.go_on(100.0)

    assert not play.is_over


def test_a_run_goes_on_while_anybody_is_there():
    play = play_of("one", "two", plan=MINUTE)
    play.go_on(LOST_AFTER_S + 0.5, "one")

    play.go_on(2 * END_S, "one")

    assert not play.is_over


def test_while_there_is_load_to_make_a_lost_worker_is_waited_for_though_others_have_left():
    """A run ended early, and well, when one worker was taken out of it and the other cut off for a while."""
    play = play_of("one", "two", plan=MINUTE)
    play.hear(bye("one"))
    play.go_on(LOST_AFTER_S + 0.5)
    assert play.state_of("two") == LOST
    assert not play.is_over

    play.hear(beat("two"))
    play.go_on(1.0, "two")
    assert play.users_on("two") == {"two": USERS}


def test_at_its_end_a_run_is_over_when_some_are_done_and_the_others_lost():
    play = play_of("one", "two", plan=MINUTE)
    play.go_on(LOST_AFTER_S + 0.5, "one")
    play.go_on(60.0 - LOST_AFTER_S, "one")
    assert not play.is_over

    play.hear(bye("one"))
    play.tick()

    assert play.is_over


def test_a_worker_that_leaves_before_the_beginning_is_not_counted_on_and_its_name_is_free():
    play = Play(expected=2)
    play.hear(hello("one"))
    said = play.hear(bye("one"))
    play.hear(hello("two"))
    assert not play.fleet.has_begun

    assert said == [Farewell(more_runs=False)]
    assert Start in kinds(play.hear(hello("one", epoch=99)))
    assert play.fleet.has_begun


def test_before_the_beginning_a_worker_started_anew_takes_the_place_of_the_one_of_its_name():
    play = Play(expected=2)
    play.hear(hello("one"))

    said = play.hear(hello("one", epoch=99))
    play.hear(hello("two"))

    assert said == []
    assert play.fleet.members["one"].epoch == 99
    assert play.fleet.has_begun


def test_an_endless_run_whose_workers_are_all_lost_waits_for_them():
    play = play_of("one", "two")

    play.go_on(1000.0)
    assert not play.is_over

    play.hear(beat("one"))
    assert play.users_on("one") == {"one": USERS}


def test_a_run_whose_workers_are_all_lost_is_over_when_its_time_is():
    play = play_of("one", "two", plan=MINUTE)

    play.go_on(END_S - 1.0)
    assert not play.is_over

    play.go_on(0.25)
    assert play.is_over


def test_a_stop_with_a_silent_worker_is_over_when_that_one_is_lost():
    play = play_of("one", "two")
    play.hear(bye("one"))
    play.carry_out(play.fleet.stop(False, play.now_s))

    play.go_on(LOST_AFTER_S)
    assert not play.is_over

    play.go_on(0.5)
    assert play.is_over


def test_a_stop_when_all_are_lost_is_over():
    play = play_of("one")
    play.go_on(LOST_AFTER_S + 0.5)

    play.carry_out(play.fleet.stop(False, play.now_s))
    play.tick()

    assert play.is_over


# Busy


def test_a_worker_that_is_only_busy_keeps_its_users_however_long_it_is_silent():
    """A task that computes for minutes lets nobody speak; its users were given to the others, and lived twice."""
    play = play_of("one", "two")
    play.busy.add("two")

    play.go_on(300.0, "one")

    assert play.state_of("two") == STALLED
    assert news_for(play, "one") == []
    assert play.users_on("one", "two") == {"one": 6, "two": 6}
    assert play.fleet.results.reconcile().adds_up


def test_a_worker_that_was_busy_and_is_heard_again_was_never_gone():
    play = play_of("one", "two")
    play.busy.add("two")
    play.go_on(60.0, "one")

    assert kinds(play.hear(report("two", 1, requests=3))) == [Ack]
    assert play.state_of("two") == RUNNING
    assert news_for(play, "one") == []
    assert play.fleet.results.total.sent == 3


def test_a_busy_worker_whose_process_ends_is_lost():
    play = play_of("one", "two")
    play.busy.add("two")
    play.go_on(60.0, "one")
    play.busy.clear()

    play.go_on(0.25, "one")

    assert play.state_of("two") == LOST
    assert play.users_on("one") == {"one": USERS}


def test_a_busy_worker_is_waited_for_until_the_run_s_end_has_gone_by_and_no_longer():
    play = play_of("one", "two", plan=MINUTE)
    play.busy.add("two")

    play.go_on(END_S - 1.0, "one")
    play.hear(bye("one"))
    assert (play.state_of("two"), play.is_over) == (STALLED, False)

    play.go_on(0.5)
    assert (play.state_of("two"), play.is_over) == (LOST, True)


def test_a_busy_worker_is_waited_for_after_a_stop_as_long_as_finishing_may_take():
    play = play_of("one")
    play.busy.add("one")
    play.go_on(30.0)
    play.carry_out(play.fleet.stop(False, play.now_s))

    play.go_on(ENDLESS.stop_timeout_s + LOST_AFTER_S)
    assert not play.is_over

    play.go_on(0.25)
    assert play.is_over


@pytest.mark.parametrize("silent_s", [0.5, STALLED_AFTER_S + 0.5, LOST_AFTER_S])
def test_who_cannot_be_reached_for_a_moment_is_not_lost(silent_s):
    play = play_of("one", "two")

    play.go_on(silent_s, "one")

    assert play.state_of("two") in (RUNNING, STALLED)
    assert news_for(play, "one") == []


# Expected in vain


def test_when_the_expected_workers_do_not_come_in_time_the_run_does_not_begin():
    play = Play(expected=3, timeout_s=20.0)
    for _ in range(20):
        play.hear(hello("one"))
        play.go_on(1.0)
    play.hear(hello("one"))
    with pytest.raises(TooFewWorkers, match=r"^only 1 of 3 workers came within 20 s$"):
        play.go_on(0.5)


def test_workers_that_came_and_went_are_not_among_those_who_came():
    play = Play(expected=2, timeout_s=20.0)
    play.hear(hello("one"))

    with pytest.raises(TooFewWorkers, match=r"^only 0 of 2 workers"):
        play.go_on(20.5)


def test_once_the_run_has_begun_nobody_else_is_expected():
    play = Play(expected=1, timeout_s=20.0)
    play.go_on(19.5)
    play.hear(hello("one"))

    play.go_on(60.0)

    assert play.state_of("one") == LOST


# Terms


def test_where_any_scenario_will_do_a_worker_with_another_one_takes_part():
    play = Play(terms=replace(TERMS, any_scenario=True))

    assert kinds(play.hear(hello("one", scenario_sha256="abd"))) == [Start]
    assert kinds(play.hear(hello("two", version="0.9"))) == [Refused]


def test_the_scenario_is_given_to_whoever_asks_and_makes_it_no_worker_yet():
    bundle = Bundle.of({"s.py": b"pass"})
    play = Play(terms=replace(TERMS, bundle=bundle))

    assert play.hear(Fetch("one", 1, "1.0", 5)) == [bundle.piece(5)]
    assert kinds(play.hear(Fetch("one", 1, "0.9", 0))) == [Refused]
    assert (play.fleet.members, play.fleet.results.ignored, play.fleet.has_begun) == ({}, 0, False)


# Edits


def edit(play, users, spawn_rate=1e6):
    play.fleet.edit(users, spawn_rate, play.now_s)
    play.tick()


def test_an_edit_is_told_to_all_who_are_here_for_a_moment_that_is_still_to_come():
    play = play_of("one", "two", "three")
    play.hear(bye("three"))
    play.tick()
    before = {worker: len(news_for(play, worker)) for worker in EPOCHS}

    edit(play, 20, 4.0)

    edited = play.fleet.take_news().entries[-1]
    assert edited[1:] == (EDIT, 20, 4.0)
    assert edited.at_s == pytest.approx(1.0 + NOTICE_S)
    said = {worker: news_for(play, worker)[before[worker] :] for worker in ("one", "two", "three")}
    assert said == {"one": [Changes(4, (edited,))], "two": [Changes(4, (edited,))], "three": []}


@pytest.mark.parametrize("users", [20, 5, 1, 0])
def test_after_an_edit_there_are_the_users_it_says(users):
    play = play_of("one", "two")

    edit(play, users)

    assert sum(play.users_on("one", "two", at_s=1.0).values()) == USERS
    assert sum(play.users_on("one", "two", at_s=1.0 + NOTICE_S + 0.1).values()) == users


def test_users_go_to_what_an_edit_says_at_its_rate_one_by_one():
    play = play_of("one", "two")

    edit(play, USERS + 4, 2.0)

    at_s = 1.0 + NOTICE_S
    levels = [sum(play.users_on("one", "two", at_s=at_s + 0.25 * step).values()) for step in range(10)]
    assert levels == [13, 13, 14, 14, 15, 15, 16, 16, 16, 16]


def test_an_edit_in_a_ramp_goes_on_from_where_the_ramp_is():
    plan = replace(ENDLESS, shape=ramp(100, 10.0))
    play = play_of("one", plan=plan)
    roster = Roster(plan.shares, plan.shape)
    edit(play, 4, 10.0)
    for message in play.told[b"one"]:
        for entry in message.entries if isinstance(message, Start | Changes) else ():
            roster.hear(entry)

    users = [sum(roster.users_of("one", 1.2 + tenth / 10).values()) for tenth in range(12)]

    assert users == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 4, 4]


def test_the_last_edit_is_the_one_that_counts():
    play = play_of("one", "two")

    for users in (30, 3, 7):
        edit(play, users)

    assert sum(play.users_on("one", "two").values()) == 7


@pytest.mark.parametrize("users", [0, 7, 40])
def test_whoever_joins_or_is_lost_after_an_edit_the_users_are_the_edit_s(users):
    play = play_of("one", "two")
    edit(play, users)

    play.hear(hello("three"))
    play.tick()
    assert sum(play.users_on("one", "two", "three").values()) == users

    play.go_on(LOST_AFTER_S + 0.5, "one", "three")
    assert sum(play.users_on("one", "three").values()) == users

    play.hear(beat("two"))
    play.tick()
    assert sum(play.users_on("one", "two", "three").values()) == users


def test_an_edit_that_a_worker_missed_is_told_when_it_is_heard():
    play = play_of("one", "two")
    edit(play, 4)
    play.told[b"two"].pop()
    play.now_s += TELL_AGAIN_S

    play.hear(beat("two"))

    assert play.users_on("one", "two") == {"one": 2, "two": 2}


@pytest.mark.parametrize("when", ["before", "after its time", "stopped"])
def test_users_are_changed_only_while_the_run_goes_on(when):
    play = Play(MINUTE, expected=1) if when == "before" else play_of("one", plan=MINUTE)
    if when == "after its time":
        play.go_on(59.0, "one")
    elif when == "stopped":
        play.fleet.stop(False, play.now_s)

    with pytest.raises(NotRunning, match="while the run goes on"):
        edit(play, 5)

    assert not any(isinstance(entry, Edit) for entry in play.fleet.take_news().entries)


@pytest.mark.parametrize(
    ("users", "spawn_rate"), [(-1, 1.0), (5, 0.0), (5, -1.0), (5, float("inf")), (5, float("nan"))]
)
def test_an_edit_that_cannot_be_meant_is_refused_and_nobody_is_told(users, spawn_rate):
    """Every worker would have broken of it."""
    play = play_of("one")

    with pytest.raises(ShapeError):
        edit(play, users, spawn_rate)

    assert news_for(play, "one") == []


# News, and going on


def test_news_are_what_has_happened_since_they_were_last_taken():
    play = Play(expected=2)
    play.hear(hello("one"))
    first = play.fleet.take_news()
    play.hear(hello("two"))
    play.hear(report("one", 1))
    play.hear(report("one", 1))
    second = play.fleet.take_news()

    assert (first.began, first.entries, first.states, first.accounts) == (False, [], {"one": (11, READY)}, [])
    assert second.began
    assert second.entries == [Change(0.0, JOIN, "one"), Change(0.0, JOIN, "two")]
    assert second.states == {"one": (11, RUNNING), "two": (22, RUNNING)}
    assert [each.seq for each in second.accounts] == [1]
    assert play.fleet.take_news().is_empty


def test_news_added_up_are_those_of_all_the_time():
    play, other = Play(expected=2), Play(expected=2)
    added = play.fleet.take_news()
    for say in (hello("one"), hello("two"), report("one", 1), report("one", 2), bye("one", "KeyError: 'x'")):
        play.hear(say)
        other.hear(say)
        added.add(play.fleet.take_news())
    for each in (play, other):
        each.fleet.stop(False, each.now_s)
    added.add(play.fleet.take_news())

    all_at_once = other.fleet.take_news()

    assert [stats.sent for _, stats in added.seconds] == [1, 1]
    added.seconds = all_at_once.seconds = []
    assert added == all_at_once


class Keeper:
    """What a store has of a run: all news that were taken."""

    def __init__(self):
        self.began_s = None
        self.news = News()

    def keep(self, news, now_s):
        self.began_s = now_s if news.began else self.began_s
        self.news.add(news)

    def kept(self, now_s):
        news, results = self.news, Results()
        for entry in news.entries:
            if isinstance(entry, Change):
                results.expect(entry.worker)
        for second, stats in news.seconds:
            results.count(second, stats)
        for account in news.accounts:
            results.note_in(Slot(account.second), account)
        members = []
        for worker, (epoch, state) in news.states.items():
            seq = max((each.seq for each in news.accounts if each.worker == worker), default=0)
            members.append(Member(worker, epoch, b"", 0.0, state, seq))
            if state == LOST:
                results.lose(worker, 0.0)
        elapsed_s = None if self.began_s is None else now_s - self.began_s
        granted, results = list(news.granted), copy.deepcopy(results)
        return Kept(elapsed_s, news.stop, list(news.entries), members, granted, results, dict(news.errors))


def resumed(play, plan=ENDLESS, expected=1):
    """Return the play with another master that goes on with what the first one has kept."""
    keeper = Keeper()
    keeper.keep(play.fleet.take_news(), AT_S)
    play.fleet = Fleet(plan, Expected(expected), TERMS)
    play.fleet.go_on(keeper.kept(play.now_s), play.now_s)
    play.told_at_first = {route: len(messages) for route, messages in play.told.items()}
    return play


def test_workers_go_on_with_a_new_master_as_if_nothing_had_been():
    play = play_of("one", "two")
    play.hear(report("one", 1, requests=3))
    edit(play, 8)

    resumed(play)
    said = [play.hear(report("one", seq, requests)) for seq, requests in ((1, 3), (2, 4))]
    play.hear(beat("two"))

    assert [each[-1] for each in said] == [Ack(1, 3), Ack(2, 3)]
    assert play.fleet.results.total.sent == 7
    assert (play.state_of("one"), play.state_of("two")) == (RUNNING, RUNNING)
    assert play.users_on("one", "two") == {"one": 4, "two": 4}
    assert play.fleet.results.ignored == 0


def test_a_new_master_counts_the_run_s_time_from_its_beginning():
    play = play_of("one", "two", plan=MINUTE)
    play.now_s += 29.0
    resumed(play, MINUTE)

    [start] = play.hear(hello("three"))

    assert start.elapsed_s == pytest.approx(30.0)
    assert start.entries[-1] == Change(pytest.approx(30.0 + NOTICE_S), JOIN, "three")


@pytest.mark.parametrize("heard", [("one",), ()])
def test_a_worker_that_a_new_master_does_not_hear_is_lost_after_as_long_as_ever(heard):
    play = resumed(play_of("one", "two"))

    play.go_on(LOST_AFTER_S, *heard)
    assert play.state_of("two") == STALLED

    play.go_on(0.25, *heard)
    assert play.state_of("two") == LOST
    assert play.users_on(*heard) == dict.fromkeys(heard, USERS)


def test_before_the_beginning_a_new_master_has_nobody_before_it_hears_of_them():
    """One that had gone meanwhile was taken for here, and the run began without it."""
    play = Play(expected=2)
    play.hear(hello("one"))
    resumed(play, expected=2)

    play.hear(hello("two"))
    assert not play.fleet.has_begun

    play.hear(hello("one"))
    assert play.fleet.has_begun
    assert play.users_on("one", "two") == {"one": 6, "two": 6}


def test_a_name_is_still_taken_at_a_new_master():
    play = resumed(play_of("one", "two"))

    assert kinds(play.hear(hello("two", epoch=99))) == [Refused]


def test_a_new_master_of_a_run_that_was_over_has_nothing_to_wait_for():
    play = play_of("one", plan=MINUTE)
    play.go_on(60.0, "one")
    play.hear(bye("one"))

    resumed(play, MINUTE)

    assert play.is_over


def test_what_was_known_is_no_news():
    play = play_of("one", "two")
    play.hear(report("one", 1, requests=3))
    play.fleet.stop(False, play.now_s)

    news = resumed(play).fleet.take_news()

    assert news.is_empty
    assert news.seconds == []  # whoever kept them again would have them twice


@pytest.mark.parametrize("at_once", [False, True])
def test_a_run_that_was_stopped_goes_on_being_stopped_under_a_new_master(at_once):
    """It went on for ever, for nobody stopped it a second time."""
    play = play_of("one", "two")
    play.fleet.stop(at_once, play.now_s)  # and the master was killed before it said so

    resumed(play)

    assert play.hear(report("one", 1)) == [Stop(at_once), Ack(1, 2)]
    assert play.hear(beat("two")) == [Stop(at_once), Ack(0, 2)]
    assert play.hear(hello("three")) == [Refused("the run is over")]
    with pytest.raises(NotRunning):
        edit(play, 5)
    play.hear(bye("one"))
    assert not play.is_over
    play.hear(bye("two"))
    assert play.is_over


@pytest.mark.parametrize("has_begun", [False, True])
def test_what_broke_a_worker_is_known_to_a_new_master(has_begun):
    """A run that broke was resumed, and then it was valid."""
    play = play_of("one", "two") if has_begun else Play(expected=2)
    play.hear(hello("one"))
    play.hear(bye("one", "KeyError: 'x'"))

    resumed(play)

    assert play.fleet.errors == {"one": "KeyError: 'x'"}
    assert play.fleet.take_news().is_empty


def test_a_stop_at_once_is_never_made_gentler():
    """The first Ctrl-C at a master that had taken up the run gave tasks their time again."""
    play = play_of("one")
    play.fleet.stop(True, play.now_s)
    resumed(play)
    assert play.fleet.is_stopping
    play.hear(beat("one"))

    play.carry_out(play.fleet.stop(False, play.now_s))

    assert play.told[b"one"][-1] == Stop(at_once=True)
    assert play.fleet.take_news().stop == Stop(at_once=True)


def test_a_stopped_run_whose_workers_are_gone_is_over_under_a_new_master():
    play = play_of("one", "two")
    play.fleet.stop(False, play.now_s)
    resumed(play)

    play.go_on(LOST_AFTER_S)
    assert not play.is_over

    play.go_on(0.25)
    assert play.is_over


def test_a_run_that_was_stopped_before_it_began_does_not_begin_under_a_new_master():
    play = Play(expected=1)
    play.fleet.stop(False, play.now_s)

    resumed(play)

    assert play.is_over
    assert play.hear(hello("one")) == [Refused("the run is over")]


# Laws

who = st.sampled_from(sorted(EPOCHS))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("hello"), who),
            st.tuples(st.just("fall silent"), who),
            st.tuples(st.just("speak"), who),
            st.tuples(st.just("leave"), who),
            st.tuples(st.just("wait"), st.sampled_from([0.25, 1.0, 2.5, 5.5])),
        ),
        max_size=25,
    )
)
def test_the_workers_that_are_heard_have_all_users_between_them_by_their_own_rosters(done):
    """Whoever is silent hears nothing either."""
    play = Play(expected=2)
    speaking, gone = set(), set()

    def say(worker, message):
        heard = {each: len(play.told[each.encode()]) for each in set(EPOCHS) - speaking}
        play.hear(message)
        for each, length in heard.items():
            del play.told[each.encode()][length:]

    def wait(seconds):
        for _ in range(round(seconds * 4)):
            play.now_s += 0.25
            for worker in sorted(speaking):
                say(worker, beat(worker) if Start in kinds(play.told[worker.encode()]) else hello(worker))
            silent = {each.encode() for each in set(EPOCHS) - speaking}
            orders = play.fleet.tick(play.now_s, play.now_s)
            play.carry_out([each for each in orders if each.route not in silent])
            for each in orders:
                if each.route in silent:
                    play.fleet.nobody_at(each.route)

    for what, value in done:
        if what == "wait":
            wait(value)
        elif what == "hello" and value not in gone | set(play.fleet.members):
            speaking.add(value)
            say(value, hello(value))
        elif what == "speak" and value in set(play.fleet.members) - gone:
            speaking.add(value)
        elif what == "fall silent":
            speaking.discard(value)
        elif what == "leave" and value in speaking and Start in kinds(play.told[value.encode()]):
            say(value, bye(value))
            gone.add(value)
            speaking.discard(value)
    wait(LOST_AFTER_S + 1.0)

    here = speaking & set(play.fleet.members) if play.fleet.has_begun else set()
    assert play.fleet.has_begun or len(speaking) < 2
    assert sum(play.users_on(*here).values()) == (USERS if here else 0)


class Sender:
    """What of a worker matters here: a roster, an outbox, and how many requests it put in there."""

    def __init__(self, worker):
        self.worker = worker
        self.outbox = Outbox()
        self.counted = 0
        self.has_begun = False
        self.known = 0
        self.roster = Roster(ENDLESS.shares, ENDLESS.shape)

    def put(self, requests, at_s):
        self.counted += requests
        stats = requests_of(requests)
        numbers = (1, 10.0, self.counted, self.known)
        self.outbox.put(Report(self.worker, EPOCHS[self.worker], 0, at_s, at_s, stats, *numbers))

    def due(self, now_s):
        if not self.has_begun:
            return [hello(self.worker)]
        return self.outbox.due(now_s) or [replace(beat(self.worker), known=self.known)]

    def hear(self, message, now_s):
        if isinstance(message, Start):
            self.has_begun = True
            self.learn(0, message.entries)
        elif isinstance(message, Changes) and self.has_begun:
            self.learn(message.first, message.entries)
        elif isinstance(message, Ack):
            self.outbox.acknowledge(message.seq, now_s)

    def learn(self, first, entries):
        """What Part.hear does."""
        if first <= self.known:
            for entry in entries:
                self.roster.hear(entry)
            self.known = max(self.known, first + len(entries))


class Sea:
    """Workers and a master with a channel between them that loses, doubles and reorders, both ways.

    Orders go out when what they follow from has been kept; a master that is killed takes what is not kept with it.
    """

    def __init__(self):
        self.fleet = Fleet(ENDLESS, Expected(1), TERMS)
        self.keeper = Keeper()
        self.orders = []  # not yet kept and said
        self.senders = {worker: Sender(worker) for worker in EPOCHS}
        self.now_s = AT_S
        self.under_way = []  # messages to the master, and (route, message) to a worker

    def put(self, worker, requests):
        if self.senders[worker].has_begun:
            self.senders[worker].put(requests, self.now_s - AT_S)

    def send(self, worker, _):
        self.under_way += self.senders[worker].due(self.now_s)

    def deliver(self, _, number):
        self._arrive(self.under_way.pop(number % len(self.under_way)))

    def double(self, _, number):
        self._arrive(self.under_way[number % len(self.under_way)])

    def lose(self, _, number):
        del self.under_way[number % len(self.under_way)]

    def stray(self, worker, number):
        self._arrive(report(worker, number, epoch=99))

    def wait(self, _, number):
        self.now_s += (number % 4) * 1.5 + 0.1
        self.orders += self.fleet.tick(self.now_s, self.now_s)

    def keep(self, *_):
        self.keeper.keep(self.fleet.take_news(), self.now_s)
        self.under_way += self.orders
        self.orders = []

    def kill(self, *_):
        self.orders = []
        self.fleet = Fleet(ENDLESS, Expected(1), TERMS)
        self.fleet.go_on(self.keeper.kept(self.now_s), self.now_s)

    def edit(self, _, number):
        if self.fleet.has_begun:
            self.fleet.edit(number, 50.0, self.now_s)

    def heal(self):
        """Let everything arrive from now on, until what was lost has been told again and all is handed over."""
        healed_s = self.now_s
        for _ in range(200):
            self.wait(None, 0)
            self.keep()
            for sender in self.senders.values():
                self.under_way += sender.due(self.now_s)
            while self.under_way or self.orders:
                self.keep()
                self._arrive(self.under_way.pop(0))
            is_told = self.now_s - healed_s > TELL_AGAIN_S + 0.3
            if is_told and all(sender.outbox.is_empty for sender in self.senders.values()):
                return
        raise AssertionError("there is no end to it")

    def _arrive(self, message):
        if isinstance(message, tuple):
            route, said = message
            if not route:
                self.fleet.nobody_at(route)  # of one that this master has not heard yet
            elif not isinstance(said, Refused):
                self.senders[route.decode()].hear(said, self.now_s)
        else:
            self.orders += self.fleet.hear(message.worker.encode(), message, self.now_s)


def any_number_of(strategy, most):
    """Lists of 0 to `most`, the long ones as often as the short: of themselves they would be five long."""
    return st.integers(0, most).flatmap(lambda length: st.lists(strategy, min_size=length, max_size=length))


DEEDS = ["put", "send", "deliver", "keep"] * 2 + ["double", "lose", "stray", "wait", "edit", "kill"]


@settings(max_examples=100)
@given(any_number_of(st.tuples(st.sampled_from(DEEDS), who, st.integers(0, 30)), 150))
def test_whatever_the_channel_does_and_whenever_the_master_is_killed_each_request_counts_once_and_all_have_one_roster(
    done,
):
    """The reason for numbers, acknowledgements, the outbox and the store: no report is lost or counted twice.

    And the reason for `known`: a worker with another roster than the others runs users that they run too, or nobody.
    """
    sea = Sea()
    for worker in ("one", "two"):
        sea.send(worker, 0)
        sea.deliver(worker, 0)
        sea.keep()
        sea.deliver(worker, 0)

    for what, worker, number in done:
        if sea.under_way or what not in ("deliver", "double", "lose"):
            getattr(sea, what)(worker, number % 5 if what == "put" else number)
    sea.heal()

    results = sea.fleet.results
    assert results.total.sent == results.total.succeeded == sum(each.counted for each in sea.senders.values())
    for worker, record in results.workers.items():
        assert record.requests == record.counted == sea.senders[worker].counted
    assert results.reconcile().adds_up
    assert sea.keeper.kept(sea.now_s).results.total.sent == results.total.sent
    # Nothing else of the master is needed for it, no further change and no new beginning.
    sea.keep()
    here = list(sea.senders.values())
    for sender in here:
        assert list(sender.roster.entries) == sea.keeper.news.entries
    at_s = sea.keeper.news.entries[-1].at_s + 10.0
    users = [sum(sender.roster.users_of(sender.worker, at_s).values()) for sender in here]
    edits = [entry.users for entry in sea.keeper.news.entries if isinstance(entry, Edit)]
    assert sum(users) == (edits[-1] if edits else USERS)


def test_how_many_reports_of_a_worker_wait_is_what_it_said_last():
    play = Play()
    play.hear(hello("one"))

    seen = []
    for message in (replace(report("one", 1), unacknowledged=4), Beat("one", EPOCHS["one"], 0, 2), beat("one")):
        play.hear(message)
        seen.append(play.fleet.results.workers["one"].unacknowledged)

    assert seen == [4, 2, 0]


def test_what_a_worker_logged_is_heard_without_an_answer_and_is_a_sign_of_life():
    play = Play()
    play.hear(hello("one"))
    play.now_s += STALLED_AFTER_S - 0.1
    log = Log("one", EPOCHS["one"], (LogLine("2030-01-01T00:00:00+00:00", "info", "hello"),))

    answered = play.hear(log)
    stranger = play.hear(replace(log, worker="two"))
    play.now_s += STALLED_AFTER_S - 0.1
    play.tick()

    assert answered == []
    assert [type(message) for message in stranger] == [Refused]
    assert [(line.source, line.text) for line in play.fleet.log_book.lines] == [("one", "hello")]
    assert play.fleet.members["one"].state == RUNNING


def test_what_is_measured_can_begin_anew_while_the_run_goes_on_and_that_is_news():
    play = Play(MINUTE)
    with pytest.raises(NotRunning, match="while the run goes on"):
        play.fleet.reset(play.now_s)
    play.hear(hello("one"))
    play.hear(report("one", 1, requests=3))
    play.fleet.take_news()
    play.now_s += 1.4

    second = play.fleet.reset(play.now_s)

    news = play.fleet.take_news()
    assert (second, news.measured_from_s, news.is_empty) == (2, 2, False)
    assert play.fleet.take_news().is_empty
    play.hear(report("one", 2, requests=4))
    play.hear(report("one", 3, requests=5))
    assert (play.fleet.results.measured.sent, play.fleet.results.total.sent) == (5, 12)
    play.now_s += 60
    with pytest.raises(NotRunning, match="while the run goes on"):
        play.fleet.reset(play.now_s)


def test_of_two_resets_that_are_kept_together_the_later_one_counts():
    news = News(measured_from_s=3)

    news.add(News(measured_from_s=7))
    news.add(News())

    assert news.measured_from_s == 7
