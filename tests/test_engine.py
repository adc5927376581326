"""Users in their green threads: started, stopped, and never silently missing. Real clock, short waits."""

import time

import gevent
import pytest

from greenload import Environment, StopUser, User, constant, engine, task
from greenload.engine import ClosedModel, Engine
from greenload.green import GreenThreads, Stop
from greenload.user.recorder import Recorder


class Stuck(User):
    """Begins a request that ends long after any test."""

    @task
    def hang(self):
        with self.measure("JOB", "hang"):
            gevent.sleep(60)


class House:
    """An engine with real green threads, and what its users report."""

    def __init__(self, *classes, stop_timeout_s=5.0):
        began_s = time.perf_counter()
        self.now = lambda: time.perf_counter() - began_s
        self.recorder = Recorder(self.now)
        self.threads = GreenThreads()
        environment = Environment(None, self.recorder, self.now, 1, lambda rows: 0)
        by_name = {each.__name__: each for each in classes}
        self.engine = Engine(by_name, ClosedModel(self.now), environment, self.threads, stop_timeout_s)


def timed(function):
    began_s = time.perf_counter()
    function()
    return time.perf_counter() - began_s


def test_as_many_users_live_as_are_asked_for_and_the_youngest_leave_first():
    left = []

    class Guest(User):
        wait_time = constant(60)

        def on_start(self):
            self.number = house.engine.users

        def on_stop(self):
            left.append(self)

        @task
        def sit(self):
            pass

    house = House(Guest)
    house.engine.resize({"Guest": 1})
    gevent.sleep(0.01)
    house.engine.resize({"Guest": 3})
    gevent.sleep(0.01)

    house.engine.resize({"Guest": 1})
    gevent.sleep(0.01)

    assert house.engine.users == 1
    assert [user.number for user in left] == [3, 3]
    house.engine.drain()
    assert len(left) == 3


def test_users_that_wait_stop_at_once():
    class Thinker(User):
        wait_time = constant(60)

        @task
        def think(self):
            pass

    house = House(Thinker)
    house.engine.resize({"Thinker": 100})
    gevent.sleep(0.05)

    assert timed(house.engine.drain) < 1.0


def test_a_running_task_is_finished_before_its_user_stops():
    done = []

    class Worker(User):
        @task
        def work(self):
            with self.measure("JOB", "work"):
                gevent.sleep(0.2)
            done.append("finished")

        def on_stop(self):
            done.append("stopped")

    house = House(Worker)
    house.engine.resize({"Worker": 1})
    gevent.sleep(0.05)

    house.engine.drain()

    assert done == ["finished", "stopped"]
    assert house.recorder.take().succeeded == 1


def test_a_task_over_the_stop_timeout_is_cut_off_and_counted_with_its_age():
    stopped = []

    class StuckWithAnEnd(Stuck):
        def on_stop(self):
            stopped.append(True)

    house = House(StuckWithAnEnd, stop_timeout_s=0.1)
    house.engine.resize({"StuckWithAnEnd": 3})
    gevent.sleep(0.1)

    house.engine.drain()

    stats = house.recorder.take()
    assert (stats.sent, stats.unfinished) == (3, 3)
    assert stats.tallies["JOB", "hang"].unfinished.min_us > 150_000
    assert len(stopped) == 3


def test_cutting_off_does_not_wait_for_the_stop_timeout():
    house = House(Stuck, stop_timeout_s=60)
    house.engine.resize({"Stuck": 3})
    gevent.sleep(0.05)
    draining = house.threads.start(house.engine.drain)
    gevent.sleep(0.05)

    house.engine.cut_off()

    assert timed(draining.join) < 1.0
    assert house.recorder.take().unfinished == 3


def test_a_cut_off_that_comes_before_the_users_are_told_to_stop_is_not_forgotten():
    house = House(Stuck, stop_timeout_s=60)
    house.engine.resize({"Stuck": 3})
    gevent.sleep(0.05)

    house.engine.cut_off()

    assert timed(house.engine.drain) < 1.0
    assert house.recorder.take().unfinished == 3


def test_an_on_stop_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(engine, "ON_STOP_GRACE_S", 0.1)
    ended = []

    class Clingy(User):
        @task
        def rest(self):
            gevent.sleep(60)

        def on_stop(self):
            try:
                gevent.sleep(60)
            finally:
                ended.append(True)

    house = House(Clingy, stop_timeout_s=0.1)
    house.engine.resize({"Clingy": 3})
    gevent.sleep(0.05)

    assert timed(house.engine.drain) < 2.0
    assert len(ended) == 3


def test_what_a_stray_green_thread_of_a_user_has_under_way_is_unfinished():
    class Parent(User):
        wait_time = constant(60)

        @task
        def spawn(self):
            gevent.spawn(self.child)

        def child(self):
            with self.measure("JOB", "child"):
                gevent.sleep(0.2)

    house = House(Parent)
    house.engine.resize({"Parent": 1})
    gevent.sleep(0.05)

    house.engine.drain()

    stats = house.recorder.take()
    assert (stats.sent, stats.unfinished) == (1, 1)
    gevent.sleep(0.2)
    assert house.recorder.take().succeeded == 0


def test_a_user_whose_on_start_fails_is_counted_and_started_anew(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.05)
    born, done = [], []

    class Shy(User):
        wait_time = constant(60)

        def on_start(self):
            born.append(self)
            if len(born) < 3:
                raise ConnectionError("login failed")

        @task
        def look(self):
            done.append(True)

    house = House(Shy)
    house.engine.resize({"Shy": 1})
    gevent.sleep(0.19)  # 0.05 s, then 0.1 s of back-off

    assert house.engine.users == 1
    house.engine.drain()
    stats = house.recorder.take()
    assert stats.users_died == 2
    [(text, seen)] = list(stats.exceptions)
    assert text.endswith("ConnectionError: login failed")
    assert seen.count == 2
    assert done == [True]


@pytest.mark.parametrize("thrown", [SystemExit, gevent.Timeout, KeyError], ids=lambda thrown: thrown.__name__)
def test_a_user_whose_loop_dies_is_counted_and_started_anew(monkeypatch, thrown):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.02)
    waits = []

    class Frail(User):
        def wait_time(self):
            waits.append(True)
            if len(waits) == 1:
                raise thrown
            return 60

        @task
        def look(self):
            pass

    house = House(Frail)
    house.engine.resize({"Frail": 1})
    gevent.sleep(0.1)

    house.engine.drain()

    assert house.recorder.take().users_died == 1
    assert len(waits) == 2
    assert house.threads.error is None


def test_a_user_that_waits_to_be_started_anew_stops_at_once():
    class Shy(User):
        def on_start(self):
            raise ConnectionError

        @task
        def look(self):
            pass

    house = House(Shy)
    house.engine.resize({"Shy": 1})
    gevent.sleep(0.02)

    assert timed(house.engine.drain) < 0.5


def test_stop_user_ends_a_user_for_good():
    done = []

    class Once(User):
        @task
        def look(self):
            done.append("look")
            raise StopUser

        def on_stop(self):
            done.append("stop")

    house = House(Once)
    house.engine.resize({"Once": 1})
    gevent.sleep(0.05)

    assert house.engine.users == 0
    house.engine.resize({"Once": 1})  # as each step of a ramp says it again
    gevent.sleep(0.05)
    house.engine.drain()
    assert done == ["look", "stop"]
    assert house.recorder.take().users_died == 0


def test_an_on_stop_that_fails_is_shown():
    class Sloppy(User):
        wait_time = constant(60)

        @task
        def look(self):
            pass

        def on_stop(self):
            raise RuntimeError("logout failed")

    house = House(Sloppy)
    house.engine.resize({"Sloppy": 1})
    gevent.sleep(0.02)

    house.engine.drain()

    [(text, _)] = list(house.recorder.take().exceptions)
    assert text.startswith("in Sloppy.on_stop")


def test_close_is_called_whatever_happened(monkeypatch):
    monkeypatch.setattr(engine, "FIRST_BACK_OFF_S", 0.02)
    closed = []

    class Holder(User):
        wait_time = constant(60)

        def on_start(self):
            if not closed:
                raise ConnectionError

        @task
        def look(self):
            pass

        def on_stop(self):
            raise RuntimeError

        def close(self):
            closed.append(self)

    house = House(Holder)
    house.engine.resize({"Holder": 1})
    gevent.sleep(0.1)

    house.engine.drain()

    assert len(closed) == 2


def test_a_user_that_never_waits_leaves_room_for_the_others():
    done = []

    class Greedy(User):
        @task
        def compute(self):
            pass

    class Modest(User):
        @task
        def look(self):
            done.append(True)

    house = House(Greedy, Modest)
    house.engine.resize({"Greedy": 1})
    gevent.sleep(0.02)
    house.engine.resize({"Modest": 1})
    gevent.sleep(0.02)

    house.engine.drain()

    assert len(done) > 10


def test_a_green_thread_of_ours_that_dies_is_heard():
    threads = GreenThreads()

    def die():
        raise RuntimeError("gone")

    threads.start(die)

    assert threads.failed.wait(timeout=1)
    assert str(threads.error) == "gone"


def test_stop_is_heard_while_waiting_and_before():
    stop = Stop()
    waited = []

    def wait():
        waited.append(stop.wait(60))
        waited.append(stop.wait(60))

    waiting = gevent.spawn(wait)
    gevent.sleep(0.01)

    stop.set()
    waiting.join(timeout=1)

    assert waited == [True, True]


def test_stop_is_heard_by_all_who_wait_and_a_wake_only_by_who_pauses():
    stop = Stop()
    heard = []

    def wait():
        heard.append(("wait", stop.wait(60)))

    def pause():
        heard.append(("pause", stop.pause()))

    waiting = [gevent.spawn(each) for each in (wait, pause, wait)]
    gevent.sleep(0.01)

    stop.wake()
    gevent.sleep(0.01)
    stop.set()
    gevent.joinall(waiting, timeout=1)

    assert heard == [("pause", False), ("wait", True), ("wait", True)]


def test_a_wait_that_is_over_is_no_stop():
    stop = Stop()

    assert stop.wait(0.01) is False
    assert stop.wait(0) is False


def test_who_is_killed_while_it_gives_way_is_not_woken_where_it_waits_next():
    stop = Stop()
    woken = []

    def give_way():
        try:
            stop.wait(0)
        finally:
            woken.append(gevent.get_hub().switch())

    giving = gevent.spawn(give_way)
    gevent.get_hub().loop.run_callback(giving.throw)
    gevent.sleep(0.01)

    assert woken == []
    giving.kill()


def test_waiting_inside_a_task_ends_when_the_user_is_told_to_stop():
    done = []

    class Thinker(User):
        wait_time = constant(60)

        @task
        def think(self):
            self.wait()
            done.append("woke")

        def on_stop(self):
            done.append("stopped")

    house = House(Thinker)
    house.engine.resize({"Thinker": 1})
    gevent.sleep(0.02)

    assert timed(house.engine.drain) < 0.5
    assert done == ["stopped"]


def test_a_user_that_leaves_in_on_start_is_stopped_properly():
    done = []

    class Guest(User):
        def on_start(self):
            raise StopUser

        def on_stop(self):
            done.append("stopped")

        @task
        def sit(self):
            pass

    house = House(Guest)
    house.engine.resize({"Guest": 1})
    gevent.sleep(0.02)
    house.engine.drain()

    assert done == ["stopped"]
    assert house.recorder.take().users_died == 0
