"""Every request is counted once: as a success, a failure, or unfinished."""

import gevent
import pytest

from greenload import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
from greenload.core.stats import OTHER
from greenload.user.recorder import MOST_NAMES, OTHER_NAMES


def test_a_block_that_ends_well_is_a_success(stage):
    with stage.recorder.begin("GET", "/", None) as call:
        stage.clock.sleep(0.25)
        call.received_bytes = 7

    stats = stage.recorder.take()
    assert (stats.sent, stats.succeeded, stats.failed, stats.unfinished) == (1, 1, 0, 0)
    assert stats.tallies["GET", "/"].succeeded.service.max_us == 250_000
    assert stats.tallies["GET", "/"].received_bytes == 7


def test_a_block_that_raises_is_a_failure_and_the_exception_goes_on(stage):
    with pytest.raises(KeyError), stage.recorder.begin("GET", "/", None):
        raise KeyError("artist")

    stats = stage.recorder.take()
    assert (stats.succeeded, stats.failed) == (0, 1)
    assert [kind for kind, _ in stats.tallies["GET", "/"].failures] == ["KeyError: 'artist'"]


def test_a_block_can_be_called_a_failure_without_an_exception(stage):
    with stage.recorder.begin("GET", "/", None) as call:
        call.failure("empty list")

    assert [kind for kind, _ in stage.recorder.take().tallies["GET", "/"].failures] == ["empty list"]


def test_a_killed_block_is_unfinished_and_its_age_is_kept(stage):
    def task():
        with stage.recorder.begin("GET", "/", None):
            stage.clock.sleep(3)
            raise gevent.GreenletExit

    with pytest.raises(gevent.GreenletExit):
        task()

    stats = stage.recorder.take()
    assert (stats.sent, stats.succeeded, stats.failed, stats.unfinished) == (1, 0, 0, 1)
    assert stats.tallies["GET", "/"].unfinished.max_us == 3_000_000


def test_a_block_that_a_timeout_of_the_scenario_ends_is_a_failure(stage):
    with pytest.raises(gevent.Timeout), stage.recorder.begin("GET", "/", None):
        raise gevent.Timeout(0.2)

    stats = stage.recorder.take()
    assert (stats.failed, stats.unfinished) == (1, 0)


@pytest.mark.parametrize("flow", [InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser])
def test_a_wish_about_what_comes_next_is_no_failure(stage, flow):
    with pytest.raises(flow), stage.recorder.begin("GET", "/", None):
        raise flow

    assert stage.recorder.take().succeeded == 1


def test_what_was_judged_stays_judged_whatever_is_raised_after_it(stage):
    def task():
        with stage.recorder.begin("GET", "/", None) as call:
            call.failure("too small")
            raise KeyError("later")

    with pytest.raises(KeyError):
        task()

    assert [kind for kind, _ in stage.recorder.take().tallies["GET", "/"].failures] == ["too small"]


def test_what_is_under_way_at_the_end_is_unfinished(stage):
    stage.recorder.begin("GET", "/slow", None)
    stage.clock.sleep(2)

    stage.recorder.cut_off_all()

    assert stage.recorder.take().unfinished == 1


def test_an_end_after_the_end_counts_nothing(stage):
    call = stage.recorder.begin("GET", "/", None)
    stage.recorder.cut_off_all()

    call.end()
    call.end()

    stats = stage.recorder.take()
    assert (stats.sent, stats.succeeded, stats.unfinished) == (1, 0, 1)


def test_the_clocks_stop_when_the_answer_is_there(stage):
    with stage.recorder.begin("GET", "/", None) as call:
        stage.clock.sleep(0.1)
        call.answered()
        stage.clock.sleep(5)  # looking at it takes the scenario's time, not the server's

    assert stage.recorder.take().tallies["GET", "/"].succeeded.service.max_us == 100_000


def test_a_request_is_sent_in_one_take_and_ends_in_another(stage):
    call = stage.recorder.begin("GET", "/", None)
    first = stage.recorder.take()

    call.end()

    second = stage.recorder.take()
    assert (first.sent, first.succeeded) == (1, 0)
    assert (second.sent, second.succeeded) == (0, 1)
    assert stage.recorder.counted == 1


def test_names_without_end_are_gathered_under_one_name(stage):
    for number in range(MOST_NAMES + 50):
        stage.recorder.begin("GET", f"/albums/{number}", None).end()

    stats = stage.recorder.take()
    assert len(stats.tallies) == MOST_NAMES + 1
    assert stats.tallies["", OTHER_NAMES].requests == 50
    assert stats.succeeded == MOST_NAMES + 50


def test_methods_without_end_are_gathered_too(stage):
    for number in range(MOST_NAMES + 50):
        stage.recorder.begin(f"METHOD{number}", "/", None).end()

    assert len(stage.recorder.take().tallies) == MOST_NAMES + 1


def test_a_flood_of_different_failures_is_bounded_and_all_are_counted(stage):
    for number in range(1_000):
        with stage.recorder.begin("GET", "/", None) as call:
            call.failure("".join(chr(97 + int(digit)) for digit in str(number)))

    failures = stage.recorder.take().tallies["GET", "/"].failures
    assert failures.total() == 1_000
    assert [kind for kind, _ in failures][-1] == OTHER
