"""A worker plays its plan and reports each second; what it reports adds up."""

import logging
import threading
import time

import gevent
import pytest

from greenload import Rows, User, constant, constant_pacing, task
from greenload import master as master_module
from greenload.core.bundle import Bundle
from greenload.core.fleet import Fleet
from greenload.core.messages import Bye, Changes, Claim, Grant, Hello, Plan, Refused, Report, Start
from greenload.core.news import DONE, NotKeptYet
from greenload.core.placement import Share
from greenload.core.roster import JOIN, Change, Edit
from greenload.core.shape import parse_stages, ramp
from greenload.core.terms import Expected, Terms
from greenload.green import GreenThreads
from greenload.master import Master, NotKept, WorkerBroke
from greenload.part import Part
from greenload.transport import MemoryHub, ZmqHub, ZmqLine
from greenload.version import VERSION
from greenload.worker import Worker
from greenload.worker_log import WorkerLog
from tests.conftest import JOB

TERMS = Terms("v", "sha", Bundle(b""))


class Busy(User):
    """Makes measured calls of a few milliseconds with short pauses."""

    wait_time = constant(0.005)

    @task
    def call(self):
        with self.measure("JOB", "call"):
            gevent.sleep(0.003)


def plan_of(shape, duration_s, *names, stop_timeout_s=5.0):
    return Plan(shape, duration_s, tuple(Share(name) for name in names), None, stop_timeout_s, seed=1)


class Play:
    """A master and one worker in memory of each other, as `greenload run` has them."""

    def __init__(self, plan, classes):
        self.reports = []
        self.hub = MemoryHub()
        self.news = []
        self.fleet = Fleet(plan, Expected(1), TERMS)
        self.master = Master(self.fleet, self.hub, self.news.append, lambda results: None)
        self.worker = Worker(self.hub.line, Hello("w", 1, "v", "sha"), classes)
        hear = self.fleet.hear

        def hear_and_keep(route, message, now_s):
            if isinstance(message, Report):
                self.reports.append(message)
            return hear(route, message, now_s)

        self.fleet.hear = hear_and_keep

    def run(self):
        GreenThreads().start(self.worker.run)
        self.master.run()
        return self


def play(plan, *classes):
    """Make a run and return its Results."""
    return Play(plan, {each.__name__: each for each in classes}).run().fleet.results


def reports_of(plan, *classes):
    return Play(plan, {each.__name__: each for each in classes}).run().reports


def test_the_reports_add_up_to_what_the_worker_counted():
    results = play(plan_of(ramp(5, 1000), 2.3, "Busy"), Busy)

    sums = results.reconcile()
    assert sums.sent > 500
    assert sums.sent == sums.succeeded == sums.counted_by_workers == sums.merged
    assert sums.adds_up
    assert len(results.slots) == 3
    assert results.elapsed_s == pytest.approx(2.3, abs=0.2)


def test_a_ramp_is_smooth_no_user_is_born_before_its_own_instant():
    born_s = []

    class Guest(User):
        wait_time = constant(60)

        def on_start(self):
            born_s.append(self.environment.now())

        @task
        def sit(self):
            pass

    play(plan_of(ramp(10, 20), 0.7, "Guest"), Guest)

    assert len(born_s) == 10
    assert all(at_s >= number / 20 for number, at_s in enumerate(born_s)), born_s


def test_users_come_and_go_as_the_stages_say():
    class Guest(User):
        wait_time = constant(60)

        @task
        def sit(self):
            pass

    reports = reports_of(plan_of(parse_stages("4@0.2s,4@1.2s,0@0.4s"), 2.2, "Guest"), Guest)

    levels = [report.users for report in reports]
    assert levels == [4, 0, 0]


def test_classes_share_the_users_by_weight():
    class Other(Busy):
        pass

    plan = Plan(ramp(8, 1000), 0.3, (Share("Busy", 3), Share("Other", 1)), None, 5.0, seed=1)
    seen = {"Busy": set(), "Other": set()}

    class Counting(Busy):
        def on_start(self):
            seen["Busy"].add(self)

    class CountingOther(Busy):
        def on_start(self):
            seen["Other"].add(self)

    Play(plan, {"Busy": Counting, "Other": CountingOther}).run()

    assert (len(seen["Busy"]), len(seen["Other"])) == (6, 2)


def test_stop_ends_a_run_that_has_no_end_of_its_own():
    run = Play(plan_of(ramp(2, 1000), None, "Busy"), {"Busy": Busy})
    gevent.spawn_later(0.2, run.master.stop)

    run.run()

    assert run.master.is_stopping
    assert run.fleet.results.reconcile().adds_up
    assert run.fleet.results.total.sent > 10


def test_the_second_stop_ends_it_now():
    class Stuck(User):
        @task
        def hang(self):
            with self.measure("JOB", "hang"):
                gevent.sleep(60)

    run = Play(plan_of(ramp(2, 1000), None, "Stuck", stop_timeout_s=60), {"Stuck": Stuck})
    gevent.spawn_later(0.1, run.master.stop)
    gevent.spawn_later(0.2, run.master.stop)
    began_s = time.perf_counter()

    run.run()

    assert time.perf_counter() - began_s < 3
    assert run.fleet.results.total.unfinished == 2


def test_a_master_that_cannot_show_what_it_has_ends_the_run_loudly():
    def refuse(results):
        raise OSError("disk full")

    run = Play(plan_of(ramp(1, 1000), 10, "Busy"), {"Busy": Busy})
    run.master = Master(run.fleet, run.hub, run.news.append, refuse)

    with pytest.raises(OSError, match="disk full"):
        run.run()


def test_what_breaks_a_worker_is_raised_at_the_master():
    class Saboteur(Busy):
        def on_start(self):
            self.environment.recorder.take = None

    run = Play(plan_of(ramp(1, 1000), 10, "Saboteur"), {"Saboteur": Saboteur})

    with pytest.raises(WorkerBroke, match="w: TypeError: 'NoneType' object is not callable"):
        run.run()


def test_lag_is_small_when_nobody_is_held_up_and_as_long_as_the_hold_up_when_somebody_is():
    class Blocking(User):
        wait_time = constant(60)

        @task
        def compute(self):
            # A thread's own wait, not a green one: nobody else runs meanwhile.
            threading.Event().wait(0.15)

    calm = play(plan_of(ramp(1, 1000), 1.0, "Busy"), Busy)
    blocked = play(plan_of(ramp(1, 1000), 1.0, "Blocking"), Blocking)

    assert calm.total.lag.percentile(50) < 5_000
    assert blocked.total.lag.max_us > 40_000


def test_a_hold_up_that_lasts_until_the_run_is_over_is_lag_too():
    start = Start(plan_of(ramp(1, 1000), None, "Guest"), (Change(0.0, JOIN, "w"),), 0.0)
    part = Part(Hello("w", 1, "v", "sha"), start, {"Guest": Guest}, GreenThreads(), take_row=None)
    ticker = GreenThreads().start(part.tick)
    gevent.sleep(0.1)

    threading.Event().wait(0.3)
    ticker.kill()

    assert part.report().stats.lag.max_us > 200_000


def test_a_long_hold_up_is_counted_in_the_second_it_began():
    class Blocking(User):
        wait_time = constant_pacing(60)

        @task
        def compute(self):
            threading.Event().wait(1.2)

    reports = reports_of(plan_of(ramp(1, 1000), 2.5, "Blocking"), Blocking)

    assert [report.second for report in reports] == [0, 1, 2]
    assert reports[0].covered_s > 1.1
    assert sum(report.covered_s for report in reports) == pytest.approx(reports[-1].until_s)


@pytest.mark.parametrize("stale_s", [0, 0.3])
def test_a_run_never_ends_before_its_time(stale_s):
    """The loop's clock stands still while nobody waits: imports of a third of a second once ended a run that early."""
    threading.Event().wait(stale_s)
    began_s = time.perf_counter()

    play(plan_of(ramp(1, 1000), 0.5, "Busy"), Busy)

    assert time.perf_counter() - began_s >= 0.5


# Edits


class Guest(User):
    """Is just there."""

    wait_time = constant(60)

    @task
    def sit(self):
        pass


def edit(run, users, spawn_rate=1000.0):
    """Have the master of `run` go to another number of users."""
    run.master.edit(users, spawn_rate)


@pytest.mark.parametrize("users", [5, 1, 0])
def test_the_users_of_a_run_that_goes_on_can_be_changed(users):
    run = Play(plan_of(ramp(3, 1000), 1.9, "Guest"), {"Guest": Guest})
    gevent.spawn_later(0.5, edit, run, users)

    run.run()

    assert [report.users for report in run.reports] == [users, 0]
    assert run.fleet.results.slots[0].users == users


def test_users_that_an_edit_adds_come_one_by_one():
    born_s = []

    class Newborn(Guest):
        def on_start(self):
            born_s.append(self.environment.now())

    run = Play(plan_of(ramp(1, 1000), 1.2, "Newborn"), {"Newborn": Newborn})
    gevent.spawn_later(0.2, edit, run, 9, 20.0)

    run.run()

    [edited] = [entry for entry in run.fleet._roster._entries if isinstance(entry, Edit)]
    assert len(born_s) == 9
    assert all(at_s >= edited.at_s + number / 20 for number, at_s in enumerate(born_s[1:])), born_s


def test_an_edit_is_kept_before_it_is_told():
    kept, told = [], []
    run = Play(plan_of(ramp(1, 1000), 1.0, "Guest"), {"Guest": Guest})
    run.master = Master(run.fleet, run.hub, kept.append, lambda results: None)
    send = run.hub.send

    def send_and_note(route, message):
        if isinstance(message, Changes):
            told.append((message.entries, [entry for news in kept for entry in news.entries]))
        return send(route, message)

    run.hub.send = send_and_note
    gevent.spawn_later(0.2, edit, run, 2)

    run.run()

    assert told
    assert all(set(entries) <= set(known) for entries, known in told)


class BusyKeeper:
    """Keeps nothing for `busy_s` from when it is asked first; has all that was said noted beside it."""

    def __init__(self, run, busy_s):
        self.kept, self.asked, self._until_s = [], 0, None
        self._busy_s, self._send = busy_s, run.hub.send
        self.said = []
        run.master = Master(run.fleet, run.hub, self.keep, lambda results: None)
        run.hub.send = self.send

    def keep(self, news):
        now_s = time.monotonic()
        self._until_s = self._until_s or now_s + self._busy_s
        self.asked += 1
        if now_s < self._until_s:
            raise NotKeptYet("somebody else writes")
        self.kept.append(news)

    def send(self, route, message):
        self.said.append((message, len(self.kept)))
        return self._send(route, message)


def test_what_cannot_be_kept_at_once_is_kept_and_said_later_and_nothing_is_lost():
    """The run broke."""
    run = Play(plan_of(ramp(3, 1000), 2.4, "Guest"), {"Guest": Guest})
    keeper = BusyKeeper(run, busy_s=0.7)

    run.run()

    assert keeper.asked > len(keeper.kept)
    assert all(kept for _, kept in keeper.said)
    assert keeper.kept[0].began
    accounts = [account for news in keeper.kept for account in news.accounts]
    assert [account.seq for account in accounts] == list(range(1, len(run.reports) + 1))
    assert not run.fleet.results.reconcile().missing
    # The clock of who begins late is that of the run all the same.
    [began_s] = [message.elapsed_s for message, _ in keeper.said if isinstance(message, Start)][:1]
    assert began_s > 0.6


def test_at_the_end_of_a_run_it_is_waited_for_until_all_is_kept():
    run = Play(plan_of(ramp(3, 1000), 0.4, "Guest"), {"Guest": Guest})
    keeper = BusyKeeper(run, busy_s=0.0)
    hear = run.fleet.hear

    def hear_and_be_busy(route, message, now_s):
        if isinstance(message, Bye):
            keeper._until_s = now_s + 0.7
        return hear(route, message, now_s)

    run.fleet.hear = hear_and_be_busy

    run.run()

    assert [state for news in keeper.kept for _, state in news.states.values()][-1] == DONE


def test_when_nothing_can_be_kept_for_long_the_run_ends_loudly(monkeypatch):
    monkeypatch.setattr(master_module, "KEEP_WITHIN_S", 0.5)
    run = Play(plan_of(ramp(3, 1000), 10.0, "Guest"), {"Guest": Guest})
    keeper = BusyKeeper(run, busy_s=60.0)

    with pytest.raises(NotKept, match=r"^for 0\.5 s nothing could be kept: somebody else writes$"):
        run.run()

    assert keeper.kept == []
    assert {type(message) for message, _ in keeper.said} <= {Refused}


def lose_the_first(run, kind):
    """Let the first message of that kind get lost on its way to the worker; return the list all of them go into."""
    send, said = run.hub.send, []

    def send_or_lose(route, message):
        if isinstance(message, kind):
            said.append(message)
            if len(said) == 1:
                return True
        return send(route, message)

    run.hub.send = send_or_lose
    return said


def test_a_worker_follows_a_change_that_was_lost_on_its_way_once_it_is_told_again():
    run = Play(plan_of(ramp(3, 1000), 3.9, "Guest"), {"Guest": Guest})
    told = lose_the_first(run, Changes)
    gevent.spawn_later(0.2, edit, run, 5)

    run.run()

    assert told == [told[0]] * 2
    seen = [(report.users, report.known) for report in run.reports]
    assert [seen[0], *seen[-2:]] == [(3, 1), (5, 2), (0, 2)]


def test_after_a_gap_a_worker_takes_nothing_and_says_so():
    """What lies in the gap may be somebody's end, and without it the others' users would live twice."""
    entries = [Change(float(second), JOIN, name) for second, name in enumerate(("w", "x", "y", "z"))]
    start = Start(plan_of(ramp(12, 1000), None, "Guest"), tuple(entries[:1]), 10.0)
    part = Part(Hello("w", 1, "v", "sha"), start, {"Guest": Guest}, GreenThreads(), take_row=None)

    known = [part.known]
    for first, last in ((2, 4), (0, 1), (1, 3), (0, 2), (3, 4), (1, 4)):
        part.hear(first, entries[first:last])
        known.append(part.known)
        assert list(part._roster.entries) == entries[: part.known]

    assert known == [1, 1, 1, 3, 3, 4, 4]
    assert part.report().known == 4


# Rows


ACCOUNTS = Rows("accounts", range(8))


class Taker(Guest):
    """Takes a row, and leaves when there is none."""

    taken: list[int] = []

    def on_start(self):
        self.taken.append(ACCOUNTS.take(self))


def takers_of(run):
    """Let `run` go by; return the claims that its master heard."""
    Taker.taken.clear()
    claims = []
    hear = run.fleet.hear

    def hear_and_note(route, message, now_s):
        if isinstance(message, Claim):
            claims.append((message.number, message.rows, message.count))
        return hear(route, message, now_s)

    run.fleet.hear = hear_and_note
    run.run()
    return claims


def test_users_that_come_together_get_rows_of_their_own_by_one_claim():
    run = Play(plan_of(ramp(8, 10_000), 0.6, "Taker"), {"Taker": Taker})

    claims = takers_of(run)

    assert sorted(Taker.taken) == list(range(8))
    assert claims == [(1, "accounts", 8)]


def test_users_for_whom_there_is_no_row_leave():
    run = Play(plan_of(ramp(11, 10_000), 1.6, "Taker"), {"Taker": Taker})

    takers_of(run)

    assert sorted(Taker.taken) == list(range(8))
    assert run.reports[0].users == 8
    assert run.fleet.results.total.users_died == 0


def test_rows_whose_answer_was_lost_are_asked_for_again_and_are_the_same():
    run = Play(plan_of(ramp(8, 10_000), 1.9, "Taker"), {"Taker": Taker})
    granted = lose_the_first(run, Grant)

    claims = takers_of(run)

    assert claims == [(1, "accounts", 8)] * 2
    assert granted == [Grant(1, 0)] * 2
    assert sorted(Taker.taken) == list(range(8))


def test_rows_are_kept_before_they_are_given():
    run = Play(plan_of(ramp(8, 10_000), 0.6, "Taker"), {"Taker": Taker})
    send, kept = run.hub.send, []

    def send_and_look(route, message):
        if isinstance(message, Grant):
            kept.append([(each.number, each.first) for news in run.news for each in news.granted])
        return send(route, message)

    run.hub.send = send_and_look

    takers_of(run)

    assert kept == [[(1, 0)]]


# Who one is among the workers


class Curious(Guest):
    """Notes what it is told of its worker."""

    seen: list[tuple[int, int]] = []

    def on_start(self):
        self.seen.append((self.environment.worker_index, self.environment.worker_count))


def test_a_worker_on_its_own_is_the_first_of_one():
    Curious.seen.clear()

    play(plan_of(ramp(2, 1000), 0.2, "Curious"), Curious)

    assert Curious.seen == [(0, 1)] * 2


def run_by_workers(plan, classes, *names, late=()):
    """Make a run with workers over ZeroMQ; those who are `late` come half a second after it has begun."""
    hub = ZmqHub("tcp://127.0.0.1:0")
    fleet = Fleet(plan, Expected(len(names)), TERMS)
    threads = GreenThreads()
    lines = []

    def come(name):
        lines.append(ZmqLine(hub.address))
        threads.start(Worker(lines[-1], Hello(name, len(lines), "v", "sha"), classes).run)

    for name in names:
        come(name)
    for name in late:
        gevent.spawn_later(0.7, come, name)
    with gevent.Timeout(20):
        Master(fleet, hub, lambda news: None, lambda results: None).run()
    for end in (*lines, hub):
        end.close()
    return fleet


def test_each_worker_of_a_run_has_an_index_of_its_own_below_their_number():
    """By name, when they began together: so each can take its own part of a list of accounts."""
    Curious.seen.clear()

    run_by_workers(plan_of(ramp(6, 1000), 0.5, "Curious"), {"Curious": Curious}, "b", "c", "a")

    assert sorted(Curious.seen) == [(0, 3), (0, 3), (1, 3), (1, 3), (2, 3), (2, 3)]


def test_who_comes_later_makes_the_count_larger_and_leaves_the_indices_as_they_are():
    Curious.seen.clear()
    plan = plan_of(parse_stages("2@0.01s,2@1.5s,6@0.01s"), 2.0, "Curious")

    run_by_workers(plan, {"Curious": Curious}, "b", "c", late=["a"])

    assert sorted(Curious.seen[:2]) == [(0, 2), (1, 2)]
    assert sorted(Curious.seen[2:]) == [(0, 3), (1, 3), (2, 3), (2, 3)]


# What is logged


def test_what_a_worker_logs_gets_to_the_master_to_its_last_word():
    logger = logging.Logger("scenario")
    logger.addHandler(log_lines := WorkerLog())

    class Talker(User):
        wait_time = constant(60)

        @task
        def talk(self):
            logger.warning("hello")

        def on_stop(self):
            logger.info("bye")

    classes = {"Talker": Talker}
    without = Play(plan_of(ramp(1, 1000), 0.1, "Talker"), classes).run()
    play = Play(plan_of(ramp(1, 1000), 0.3, "Talker"), classes)
    log_lines.take()
    play.worker = Worker(play.hub.line, Hello("w", 1, "v", "sha"), classes, log_lines=log_lines)

    play.run()

    assert not without.fleet.log_book.lines  # its log is the master's own
    assert [line[1:] for line in play.fleet.log_book.lines] == [("w", "warning", "hello"), ("w", "info", "bye")]


def test_a_worker_process_sends_what_it_and_its_scenario_log(greenload):
    greenload.write("job.py", "import logging\nlogging.warning('scenario is loaded')\n" + JOB)
    fleet = Fleet(plan_of(ramp(1, 1000), 1.2, "Job"), Expected(1), Terms(VERSION, "", Bundle(b""), True))
    hub = ZmqHub("tcp://127.0.0.1:0")
    worker = greenload.start("worker", "-f", "job.py", "--master", hub.address.removeprefix("tcp://"), "--id", "one")

    Master(fleet, hub, lambda news: None, lambda results: None).run()
    worker.communicate(timeout=20)
    hub.close()

    assert ("one", "warning", "scenario is loaded") in [line[1:] for line in fleet.log_book.lines]
    assert fleet.results.workers["one"].lately.rps > 0


def test_what_is_measured_begins_anew_when_the_master_says_so():
    play = Play(plan_of(ramp(5, 1000), 2.2, "Busy"), {"Busy": Busy})
    seconds = []
    gevent.spawn_later(0.4, lambda: seconds.append(play.master.reset()))

    results = play.run().fleet.results

    assert seconds == [results.warmup_s] == [news.measured_from_s for news in play.news if news.measured_from_s]
    assert 0 < results.measured.sent < results.total.sent
    assert results.measured.sent == sum(report.stats.sent for report in play.reports if report.second >= seconds[0])
