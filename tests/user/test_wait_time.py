"""When the next iteration is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload import TaskSet, User, between, constant, constant_pacing, constant_throughput, task
from greenload.engine import closed_turns, live
from tests.conftest import Stage, StopAt


def play(wait, takes_s, end_s):
    """Play one user whose iterations take `takes_s` in turn; return (started, Stats)."""
    stage = Stage()
    started = []
    durations = iter(takes_s)

    class Shopper(User):
        wait_time = wait

        @task
        def look(self):
            started.append(stage.clock.now())
            with self.measure("GET", "look"):
                stage.clock.sleep(next(durations, 0.01))

    user = stage.user(Shopper)
    live(user, closed_turns(user, stage.clock.now), StopAt(stage.clock, end_s), stage.clock.now)
    return started, stage.recorder.take()


def test_think_time_counts_from_the_end_of_an_iteration():
    started, _ = play(constant(2), [1, 3, 1, 1], end_s=12)

    assert started == [0, 3, 8, 11]


def test_pacing_counts_from_the_intended_start():
    started, _ = play(constant_pacing(2), [1, 0.5, 1.9, 1], end_s=8)

    assert started == pytest.approx([0, 2, 4, 6])


def test_throughput_is_pacing_the_other_way_round():
    started, _ = play(constant_throughput(4), [0.01] * 9, end_s=1)

    assert started == pytest.approx([0, 0.25, 0.5, 0.75])


def test_a_user_that_is_late_stays_late_in_the_record():
    """Under pacing of 1 s a stall of 3.5 s makes the next starts late, and their response time says so."""
    _, stats = play(constant_pacing(1), [0.1, 3.5, 0.1, 0.1, 0.1, 0.1, 0.1], end_s=7)

    tally = stats.tallies["GET", "look"].succeeded
    assert tally.service.percentile(50) == pytest.approx(100_000, rel=0.001)
    assert tally.response.max_us == pytest.approx(3_500_000, rel=0.001)
    assert tally.response.count == 7
    # due at 2, 3, 4 s; started at 4.5, 4.6, 4.7 s: 2.6, 1.7 and 0.8 s from when they should have
    assert tally.response.sum_us == pytest.approx((0.1 + 3.5 + 2.6 + 1.7 + 0.8 + 0.1 + 0.1) * 1e6, rel=0.001)


def test_a_slot_is_missed_when_its_iteration_begins_after_the_next_one_was_due():
    """Slots at 2, 3, 4, 5 s, of which 2 and 3 begin at 4.5 and 4.6 s; 4 and 5 are less than a pace late, or in time."""
    _, stats = play(constant_pacing(1), [0.1, 3.5, 0.1, 0.1, 0.1, 0.1, 0.1], end_s=7)

    assert stats.missed_slots == 2


def test_think_time_has_no_slots_to_miss():
    _, stats = play(constant(0.01), [0.1, 3.5, 0.1, 0.1], end_s=7)

    assert stats.missed_slots == 0


def test_thinking_a_little_longer_is_not_response_time():
    stage = Stage()

    class Sluggish(StopAt):
        def wait(self, seconds):
            return super().wait(seconds + 0.001)  # as a timer does

    class Shopper(User):
        wait_time = constant(1)

        @task
        def look(self):
            with self.measure("GET", "look"):
                stage.clock.sleep(0.005)

    user = stage.user(Shopper)
    live(user, closed_turns(user, stage.clock.now), Sluggish(stage.clock, 10), stage.clock.now)

    tally = stage.recorder.take().tallies["GET", "look"].succeeded
    assert tally.response.max_us == tally.service.max_us == 5_000


def test_lateness_is_counted_once_on_the_first_request_of_an_iteration():
    stage = Stage()

    class Shopper(User):
        wait_time = constant_pacing(1)

        @task
        def look(self):
            for name in ("first", "second"):
                with self.measure("GET", name):
                    stage.clock.sleep(0.75)

    user = stage.user(Shopper)
    live(user, closed_turns(user, stage.clock.now), StopAt(stage.clock, 3), stage.clock.now)

    tallies = stage.recorder.take().tallies
    assert tallies["GET", "first"].succeeded.response.max_us == 1_250_000  # due at 1 s, started at 1.5, ended at 2.25
    assert tallies["GET", "second"].succeeded.response.max_us == 750_000


@given(st.floats(0, 100), st.floats(0, 100))
def test_between_stays_between(low, extra):
    stage = Stage()

    class Shopper(User):
        wait_time = between(low, low + extra)

    assert low <= stage.user(Shopper).wait_time() <= low + extra


def test_the_same_seed_repeats_the_wait_times():
    class Shopper(User):
        wait_time = between(0, 1)

    first, second, other = Stage(1).user(Shopper), Stage(1).user(Shopper), Stage(2).user(Shopper)

    waits = [user.wait_time() for user in (first, second, other)]
    assert waits[0] == waits[1] != waits[2]


def test_any_method_that_returns_seconds_is_a_wait_time(stage):
    class Shopper(User):
        def wait_time(self):
            return 4

    assert stage.user(Shopper).next_start_s(ended_s=1.0) == 5.0


def test_a_negative_wait_time_is_none_at_all(stage):
    class Shopper(User):
        wait_time = constant(-3)

    assert stage.user(Shopper).next_start_s(ended_s=1.0) == 1.0


def test_the_wait_time_of_a_task_set_goes_before_that_of_its_user(stage):
    class Shopper(User):
        wait_time = constant(1)

        @task
        class Browse(TaskSet):
            wait_time = constant(7)

            @task
            def look(self):
                pass

    user = stage.user(Shopper)
    stage.iterate(user, 1)

    assert user.next_start_s(ended_s=0.0) == 7.0


@pytest.mark.parametrize(
    ("make", "arguments"),
    [(between, (2, 1)), (between, (-1, 1)), (constant_pacing, (0,)), (constant_throughput, (-2,))],
)
def test_wait_times_that_cannot_be_meant_are_refused(make, arguments):
    with pytest.raises(ValueError, match="expected"):
        make(*arguments)
