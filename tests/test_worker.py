"""A worker plays its plan and reports each second; what it reports adds up."""

import itertools
import threading
import time

import gevent
import pytest

from greenload import User, constant, constant_pacing, task
from greenload.core.fleet import Fleet
from greenload.core.messages import Hello, Plan, Report
from greenload.core.placement import Share
from greenload.core.shape import parse_stages, ramp
from greenload.green import GreenThreads
from greenload.master import Master, WorkerBroke
from greenload.transport import MemoryHub
from greenload.worker import Worker


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
        self.fleet = Fleet(plan, 1, "v", "sha")
        self.master = Master(self.fleet, self.hub, lambda results: None)
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


def test_a_ramp_is_smooth_each_user_at_its_own_instant():
    born = []

    class Guest(User):
        wait_time = constant(60)

        def on_start(self):
            born.append(time.perf_counter())

        @task
        def sit(self):
            pass

    play(plan_of(ramp(10, 20), 0.7, "Guest"), Guest)

    gaps = [later - earlier for earlier, later in itertools.pairwise(born)]
    assert len(born) == 10
    assert all(0.02 < gap < 0.12 for gap in gaps), gaps


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
    run.master = Master(run.fleet, run.hub, refuse)

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
