"""The open model at one worker: who is free takes what comes, in order; nothing is lost, and nobody too many."""

import itertools
import time

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenload import Environment, StopUser, User, engine, task
from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.placement import Share
from greenload.core.roster import JOIN, Change, Roster
from greenload.core.shape import Shape, constant_rate, parse_rate_stages
from greenload.core.turns import Turns
from greenload.engine import Engine
from greenload.green import GreenThreads
from greenload.open_model import OpenModel
from greenload.user.recorder import Recorder


class Pool:
    """An open model on one worker with real green threads; rate is arrivals a second, or a Shape of them."""

    def __init__(self, *classes, rate, duration_s=10.0, max_users=100, max_lag_s=5.0, spacing=UNIFORM):
        self.began_s = time.perf_counter()
        self.duration_s = duration_s
        self.recorder = Recorder(self.now)
        self.threads = GreenThreads()
        rate = rate if isinstance(rate, Shape) else constant_rate(rate)
        self.arrivals = Arrivals(rate, spacing, max_users, max_lag_s)
        shares = [Share(each.__name__, each.weight) for each in classes]
        self.roster = Roster(shares, Shape(()))
        self.roster.hear(Change(0.0, JOIN, "one"))
        turns = Turns(self.arrivals, shares, 1, self.roster, "one", 0.0)
        environment = Environment(None, self.recorder, self.now, 1, lambda rows: 0)
        self.model = OpenModel(turns, environment, max_lag_s, duration_s, self.now)
        self.engine = Engine(
            {each.__name__: each for each in classes}, self.model, environment, self.threads, stop_timeout_s=2.0
        )
        self.follower = None

    def now(self):
        return time.perf_counter() - self.began_s

    def play(self):
        """Let all arrivals of the plan come, and end all as a worker does; return what was counted."""
        self.start()
        self.wait_for_all()
        return self.end()

    def wait_for_all(self):
        """Wait until each arrival of the plan was begun or dropped, and a moment longer: there may come too many."""
        planned = self.arrivals.count_until(self.duration_s, 1)
        with gevent.Timeout(20, RuntimeError("some were neither begun nor dropped")):
            while self.recorder.iterations + self.recorder.dropped < planned:
                gevent.sleep(0.01)
        gevent.sleep(0.1)

    def start(self):
        self.began_s = time.perf_counter()
        self.follower = self.threads.start(self.model.run, self.engine)

    def end(self):
        """Return what was counted."""
        self.stopped_s = self.now()
        self.follower.kill()
        self.engine.drain()
        self.model.end()
        if self.threads.error is not None:
            raise self.threads.error
        return self.recorder.take()


def service(seconds):
    """Return a class of users whose iteration is a request of so many seconds."""

    class Reader(User):
        @task
        def read(self):
            with self.measure("JOB", "read"):
                gevent.sleep(seconds)

    return Reader


class Quick(User):
    @task
    def read(self):
        with self.measure("JOB", "read"):
            pass


def test_as_many_begin_as_were_to_arrive():
    stats = Pool(Quick, rate=100, duration_s=0.5).play()

    assert (stats.iterations, stats.succeeded, stats.dropped, stats.queued) == (50, 50, 0, 0)


def test_each_begins_when_it_is_due():
    begun = []

    class Watch(User):
        @task
        def look(self):
            begun.append((self.turn_s, self.environment.now()))

    Pool(Watch, rate=100, duration_s=0.3).play()

    assert [due_s for due_s, _ in begun] == pytest.approx([number / 100 for number in range(30)])
    assert all(now_s >= due_s for due_s, now_s in begun)


def test_a_user_that_is_busy_is_not_waited_for():
    pool = Pool(service(1.0), rate=50, duration_s=0.5)

    stats = pool.play()

    assert (stats.iterations, stats.dropped, stats.queued) == (25, 0, 0)
    assert pool.recorder.iterations >= 10
    [tally] = stats.tallies.values()
    assert tally.succeeded.response.percentile(50) < 1.5 * 1_000_000


def test_there_are_as_many_users_as_it_takes_and_one_to_spare():
    """Little: 50 a second of 0.1 s each are 5 at a time; more only where this machine stood still and some piled up."""
    at_a_time = []
    done = itertools.count()

    class Reader(User):
        @task
        def read(self):
            with self.measure("JOB", "read"):
                gevent.sleep(0.1)
            at_a_time.append(pool.arrivals.count_until(pool.now(), 1) - next(done))

    pool = Pool(Reader, rate=50, duration_s=0.8)
    pool.start()
    gevent.sleep(0.7)

    users = pool.engine.users
    pool.end()

    assert 5 <= users <= max(at_a_time) + 1


def test_idle_users_use_no_processor():
    pool = Pool(service(0.05), rate=parse_rate_stages("400/s@0s,400/s@200ms,0/s@0s,0/s@10s"), duration_s=10.0)
    pool.start()
    gevent.sleep(0.4)
    users, before_s = pool.engine.users, time.process_time()

    gevent.sleep(0.2)

    used_s = time.process_time() - before_s
    pool.end()
    assert users > 15
    assert used_s < 0.05


def test_what_finds_nobody_free_waits_and_begins_in_order_with_the_time_at_which_it_was_due():
    begun = []

    class Slow(User):
        @task
        def work(self):
            begun.append(self.turn_s)
            with self.measure("JOB", "work"):
                gevent.sleep(0.2)

    stats = Pool(Slow, rate=100, duration_s=0.1, max_users=1).play()

    assert begun == pytest.approx([number / 100 for number in range(10)])
    assert (stats.iterations, stats.dropped) == (10, 0)
    assert stats.queued in (9, 10)  # the first one may come before the only user is ready
    [tally] = stats.tallies.values()
    assert tally.succeeded.service.max_us < 1_200_000
    # The last one was due at 0.09 s, and nine of 0.2 s each came before it.
    assert tally.succeeded.response.max_us >= (9 * 200 - 90 + 200) * 1_000


def test_what_has_waited_for_too_long_is_dropped_and_counted():
    stats = Pool(service(0.9), rate=20, duration_s=1.8, max_users=1, max_lag_s=0.3).play()

    assert stats.iterations + stats.dropped == 36
    assert 2 <= stats.iterations <= 4
    [tally] = stats.tallies.values()
    assert (tally.succeeded.response.max_us - tally.succeeded.service.max_us) < 450_000


def test_what_has_waited_for_too_long_is_dropped_also_when_nobody_ever_comes_free():
    pool = Pool(service(60), rate=50, duration_s=10.0, max_users=1, max_lag_s=0.1)
    pool.start()
    with gevent.Timeout(10, RuntimeError("so many were never dropped")):
        while pool.recorder.dropped < 15:
            gevent.sleep(0.01)

    too_late = pool.arrivals.count_until(pool.now() - 0.1, 1)
    dropped = pool.recorder.dropped
    pool.engine.cut_off()
    pool.end()

    # One was begun; and every 50 ms somebody looks who has waited for too long.
    assert too_late - 6 <= dropped <= too_late - 1


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([UNIFORM, POISSON]),
    st.sampled_from([0.0, 0.005, 0.05, 60.0]),
    st.integers(1, 20),
    st.floats(0.01, 0.25),
    st.sampled_from([0.02, 5.0]),
    st.booleans(),
)
def test_whatever_is_stopped_when_each_arrival_was_begun_or_dropped(
    spacing, service_s, max_users, stop_s, max_lag_s, is_planned
):
    duration_s = stop_s if is_planned else 10.0
    pool = Pool(
        service(service_s), rate=300, duration_s=duration_s, max_users=max_users, max_lag_s=max_lag_s, spacing=spacing
    )
    pool.start()
    gevent.sleep(stop_s)
    pool.engine.cut_off()

    stats = pool.end()

    arrived = stats.iterations + stats.dropped
    fewest = pool.arrivals.count_until(min(stop_s, duration_s), 1)
    most = pool.arrivals.count_until(min(pool.now(), duration_s), 1)
    assert fewest <= arrived <= most
    assert stats.sent == stats.succeeded + stats.unfinished == stats.iterations


def test_what_came_due_while_all_was_held_up_just_before_the_end_is_counted():
    pool = Pool(Quick, rate=100, duration_s=0.15)
    pool.start()
    gevent.sleep(0.03)

    time.sleep(0.15)  # nobody runs meanwhile
    stats = pool.end()

    assert stats.iterations + stats.dropped == 15
    assert stats.dropped > 5


class Visitor(User):
    """Comes, reads, and leaves."""

    alive = 0

    def on_start(self):
        type(self).alive += 1

    def on_stop(self):
        type(self).alive -= 1

    @task
    def read(self):
        with self.measure("JOB", "read"):
            gevent.sleep(0.005)
        raise StopUser


@pytest.mark.parametrize("max_users", [1, 2, 100])
def test_users_that_leave_after_each_iteration_are_replaced_and_none_remains(max_users):
    Visitor.alive = 0
    pool = Pool(Visitor, rate=100, duration_s=0.5, max_users=max_users)
    pool.start()
    pool.wait_for_all()
    users, model_pool = pool.engine.users, pool.model._pools["Visitor"]

    assert users <= min(max_users, 5)
    assert model_pool.ready == users
    assert len(model_pool.free) <= users
    stats = pool.end()
    assert (stats.iterations, stats.dropped) == (50, 0)
    assert Visitor.alive == 0
    assert model_pool.ready == 0


def test_what_waits_for_a_user_that_leaves_gets_the_next_one_at_once():
    """It waited for the arrival after it, which may come in an hour."""

    class Guest(User):
        @task
        def sit(self):
            with self.measure("JOB", "sit"):
                gevent.sleep(0.1)
            raise StopUser

    rate = parse_rate_stages("20/s@0s,20/s@100ms,0/s@0s,0/s@10s")
    stats = Pool(Guest, rate=rate, max_users=1).play()

    assert (stats.iterations, stats.dropped) == (2, 0)


def test_users_that_leave_in_on_start_keep_nobody_else_from_starting():
    """Each of them was still counted as about to be ready, and so nobody was started until as many waited."""
    born = []

    class Guest(User):
        def on_start(self):
            born.append(self)
            if len(born) <= 20:
                raise StopUser

        @task
        def sit(self):
            with self.measure("JOB", "sit"):
                gevent.sleep(0.03)

    pool = Pool(Guest, rate=100, duration_s=0.6, max_users=10)
    stats = pool.play()

    assert (stats.iterations, stats.dropped) == (60, 0)
    assert stats.queued < 20


def test_users_whose_on_start_fails_are_counted_and_what_waited_for_them_is_dropped(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.02)

    class Shy(User):
        def on_start(self):
            raise ConnectionError("login failed")

        @task
        def look(self):
            pass

    pool = Pool(Shy, rate=100, duration_s=0.4, max_users=3, max_lag_s=0.1)
    pool.start()
    gevent.sleep(0.5)
    stats = pool.end()

    assert (stats.iterations, stats.dropped) == (0, 40)
    assert stats.users_died >= 3


def test_users_whose_on_start_fails_at_first_take_what_has_waited_when_they_are_there(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.02)
    born = []

    class Shy(User):
        def on_start(self):
            born.append(self)
            if len(born) < 4:
                raise ConnectionError("login failed")

        @task
        def look(self):
            pass

    pool = Pool(Shy, rate=100, duration_s=0.4, max_users=1)
    stats = pool.play()

    assert (stats.iterations, stats.dropped, stats.users_died) == (40, 0, 3)
    assert pool.engine.users == 0


def test_a_class_whose_on_start_takes_a_while_begins_late_and_loses_nothing():
    class Thorough(User):
        def on_start(self):
            gevent.sleep(1.0)

        @task
        def look(self):
            with self.measure("JOB", "look"):
                pass

    pool = Pool(Thorough, rate=100, duration_s=0.5)
    stats = pool.play()

    assert (stats.iterations, stats.dropped, stats.queued) == (50, 0, 0)
    [tally] = stats.tallies.values()
    assert 750_000 < tally.succeeded.response.max_us < 2_000_000
    assert tally.succeeded.service.max_us < 500_000


def test_a_slow_on_start_of_one_class_does_not_hold_up_another():
    class Thorough(User):
        def on_start(self):
            gevent.sleep(60)

        @task
        def look(self):
            pass

    pool = Pool(Thorough, Quick, rate=100, duration_s=0.4, max_users=10)
    pool.start()
    gevent.sleep(0.5)
    pool.engine.cut_off()
    stats = pool.end()

    assert (stats.iterations, stats.dropped) == (pytest.approx(20, abs=3), pytest.approx(20, abs=3))
    assert stats.iterations + stats.dropped == 40


def test_thousands_of_idle_users_drain_quickly():
    pool = Pool(service(0.9), rate=10_000, duration_s=0.25, max_users=3_000)
    pool.start()
    gevent.sleep(2.0)
    idle = len(pool.model._pools["Reader"].free)

    began_s = time.perf_counter()
    stats = pool.end()

    assert idle > 1_000
    assert time.perf_counter() - began_s < 2.0
    assert stats.iterations + stats.dropped == 2_500


def test_when_another_worker_comes_users_leave_until_all_together_are_no_more_than_there_may_be():
    pool = Pool(service(0.1), rate=200, max_users=20)
    pool.start()
    gevent.sleep(0.3)
    before = pool.engine.users

    pool.roster.hear(Change(-0.5, JOIN, "two"))  # so that it counts before a second has passed
    gevent.sleep(0.6)

    users = pool.engine.users
    pool.end()
    assert (before, users) == (20, 10)


def test_users_that_compare_equal_are_told_apart():
    """A dataclass for a user has an equality of its own and no hash."""

    class Twin(User):
        __hash__ = None

        def __eq__(self, other):
            return True

        @task
        def look(self):
            gevent.sleep(0.05)

    stats = Pool(Twin, rate=100, duration_s=0.3).play()

    assert (stats.iterations, stats.dropped) == (30, 0)


def test_a_user_that_dies_while_it_takes_turns_is_replaced_and_counted_once(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.02)
    turns = []

    class Frail(User):
        def iterate(self, intended_s):
            super().iterate(intended_s)
            turns.append(intended_s)
            if len(turns) % 5 == 0:
                raise KeyError("the loop itself")

        @task
        def look(self):
            pass

    pool = Pool(Frail, rate=100, duration_s=0.4, max_users=3)
    pool.start()
    pool.wait_for_all()
    with gevent.Timeout(10, RuntimeError("those that died never came back")):
        while pool.model._pools["Frail"].ready != pool.engine.users:
            gevent.sleep(0.01)
    users = pool.engine.users
    stats = pool.end()

    assert 1 <= users <= 3
    assert (stats.iterations, stats.dropped) == (40, 0)
    assert stats.users_died == 8


def test_more_than_this_machine_can_do_lets_others_run():
    """Nobody else ran: no user, no report, and nobody heard Ctrl-C."""
    pool = Pool(Quick, rate=200_000, duration_s=10.0)
    pool.start()
    for _ in range(20):
        gevent.sleep(0.01)

    stats = pool.end()

    assert pool.stopped_s < pool.duration_s  # and not when all of it was over
    assert stats.iterations > 1_000
    assert stats.iterations + stats.dropped >= pool.stopped_s * 200_000 - 1


def test_what_comes_too_late_is_dropped_also_when_there_are_users_free():
    late_s = []

    class Reader(User):
        @task
        def read(self):
            late_s.append(self.environment.now() - self.turn_s)
            gevent.sleep(0.1)

    pool = Pool(Reader, rate=100, duration_s=10.0, max_lag_s=0.05)
    pool.start()
    gevent.sleep(0.3)
    time.sleep(0.3)  # nobody runs meanwhile
    gevent.sleep(0.2)

    stats = pool.end()

    assert max(late_s) < 0.2
    assert stats.dropped > 10


def test_a_task_that_ends_its_green_thread_ends_its_user_and_another_takes_its_place():
    class Gone(User):
        @task
        def go(self):
            raise gevent.GreenletExit

    pool = Pool(Gone, rate=100, duration_s=0.4, max_users=3)
    stats = pool.play()

    assert (stats.iterations, stats.dropped, stats.users_died) == (40, 0, 0)


def test_a_user_that_dies_while_it_waits_for_a_turn_keeps_none(monkeypatch):
    """A Timeout that nobody cancelled: its user came back, and its old seat went on taking turns."""
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.01)

    class Timed(User):
        @task
        def look(self):
            gevent.Timeout(0.03).start()
            gevent.sleep(0.002)

    pool = Pool(Timed, rate=50, duration_s=0.6, max_users=5)
    stats = pool.play()

    assert (stats.iterations, stats.dropped) == (30, 0)
    assert stats.users_died > 5


def test_a_green_thread_that_a_user_has_started_may_wait_beside_it():
    """Its wait took the place of the user's, which was never woken again."""
    waited = []

    class Listener(User):
        wait_time = staticmethod(lambda: 0.01)

        def on_start(self):
            gevent.spawn(self.listen)

        def listen(self):
            while not self.stopping.wait(0.01):
                waited.append(self)

        @task
        def look(self):
            gevent.sleep(0.002)

    stats = Pool(Listener, rate=50, duration_s=0.4).play()

    assert (stats.iterations, stats.dropped) == (20, 0)
    assert len(waited) > 10


def test_the_environment_is_that_of_the_closed_model():
    """A task sees when it was due, and may wait for as long as its wait time says."""
    seen = []

    class Patient(User):
        wait_time = staticmethod(lambda: 0.02)

        @task
        def look(self):
            began_s = self.environment.now()
            self.wait()
            seen.append(self.environment.now() - began_s)

    stats = Pool(Patient, rate=50, duration_s=0.2).play()

    assert len(seen) == stats.iterations == 10
    assert min(seen) >= 0.02
