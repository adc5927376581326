"""Every request is counted once: as a success, a failure, or unfinished."""

import gevent
import pytest

from greenload import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
from greenload.core.codec import MOST_TEXT
from greenload.core.kinds import OTHER
from greenload.core.stall import Stall
from greenload.user.recorder import MOST_NAMES, OTHER_NAMES, Recorder


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


def test_half_a_character_in_what_a_server_said_goes_no_further():
    """json.loads makes one of "\\ud800"; no wire takes it, so a worker's reports never came."""
    recorder = Recorder(lambda: 0.0)

    for _ in range(2):
        with recorder.begin("GET", "/\ud800", None) as call:
            call.failure("no such artist: \udfff")
    recorder.record_exception("task Shopper.buy", ValueError("\ud800"))

    stats = recorder.take()
    tally = stats.tallies["GET", "/?"]
    assert [(kind, seen.count) for kind, seen in tally.failures] == [("no such artist: ?", 2)]
    assert [kind.rpartition("\n")[2] for kind, _ in stats.exceptions] == ["ValueError: ?"]


def test_a_name_is_no_longer_than_a_report_can_carry():
    recorder = Recorder(lambda: 0.0)

    for _ in range(2):
        recorder.begin("GET", "/" * (MOST_TEXT + 1), None).end()

    [(_, name)] = recorder.take().tallies
    assert name == "/" * MOST_TEXT


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


# Stalls


def play(stage, *steps):
    """Do one step a second from second 1 on: begin, end or cut off the call of a name, or take what was counted."""
    calls, taken = {}, []
    for second, (what, name) in enumerate(steps, 1):
        stage.clock.now_s = float(second)
        if what == "begin":
            calls[name] = stage.recorder.begin("GET", name, None)
        elif what == "end":
            calls[name].end()
        elif what == "answer":
            calls[name].answered()
        elif what == "cut off":
            stage.recorder.cut_off(calls[name])
        elif what == "take":
            taken.append(stage.recorder.take().longest_stall)
    return [*taken, stage.recorder.take().longest_stall]


WAIT = ("wait", "")


@pytest.mark.parametrize(
    ("steps", "stall"),
    [
        ([("begin", "a"), WAIT, WAIT, ("end", "a")], Stall(3, 1)),
        ([WAIT, WAIT, ("begin", "a"), ("end", "a"), WAIT, WAIT, WAIT, ("begin", "b"), ("end", "b")], Stall(1, 3)),
        ([("begin", "a"), ("begin", "b"), ("end", "a"), WAIT, WAIT, ("end", "b")], Stall(3, 3)),
        ([("begin", "a"), WAIT, ("begin", "b"), ("end", "b"), ("end", "a")], Stall(3, 1)),
        ([("begin", "a"), ("end", "a"), WAIT, ("begin", "b"), ("end", "b")], Stall(1, 1)),
        ([("begin", "a"), WAIT, ("cut off", "a"), WAIT], Stall(2, 1)),
        ([("begin", "a"), ("begin", "b"), ("cut off", "a"), WAIT, ("end", "b")], Stall(4, 1)),
        ([("begin", "a"), ("answer", "a"), WAIT, ("begin", "b"), ("end", "b"), WAIT, ("end", "a")], Stall(1, 1)),
        ([("begin", "a"), ("answer", "a"), WAIT, WAIT, ("cut off", "a")], Stall(1, 1)),
        ([("begin", "a"), ("cut off", "a"), WAIT, WAIT, ("begin", "b"), ("end", "b")], Stall(1, 1)),
        ([WAIT, WAIT], None),
    ],
    ids=[
        "one request",
        "nobody waits",
        "after an answer",
        "before an answer",
        "the first of two",
        "cut off",
        "one of two cut off",
        "the answer is looked at",
        "cut off after the answer",
        "nobody waits after a cut",
        "nothing",
    ],
)
def test_the_longest_stall_is_the_longest_time_in_which_somebody_waited_and_nobody_was_answered(stage, steps, stall):
    assert play(stage, *steps) == [stall]


def test_a_stall_is_reported_in_the_second_it_ends_in_and_whole(stage):
    stalls = play(stage, ("begin", "a"), ("take", ""), WAIT, ("take", ""), ("end", "a"))

    assert stalls == [None, None, Stall(4, 1)]


def test_each_take_has_the_longest_stall_of_its_own_time(stage):
    steps = [("begin", "a"), WAIT, ("end", "a"), ("take", ""), ("begin", "b"), ("end", "b")]

    assert play(stage, *steps) == [Stall(2, 1), Stall(1, 5)]


def test_what_is_cut_off_at_the_end_ends_the_last_stall(stage):
    stage.recorder.begin("GET", "/slow", None)
    stage.clock.sleep(3)

    stage.recorder.cut_off_all()

    assert stage.recorder.take().longest_stall == Stall(3, 0)


def test_a_call_that_was_cut_off_is_not_counted_when_it_ends_after_all():
    recorder = Recorder(iter([1.0, 2.0]).__next__)
    call = recorder.begin("GET", "/", None)
    recorder.cut_off(call)

    assert call.end() == 0

    stats = recorder.take()
    assert (stats.sent, stats.succeeded, stats.unfinished, recorder.counted) == (1, 0, 1, 0)


def test_a_call_tells_how_long_it_took_each_time_it_is_ended_and_counts_once():
    recorder = Recorder(iter([1.0, 3.5]).__next__)
    call = recorder.begin("GET", "/", None)

    assert [call.end(), call.end(), call.answered()] == [2.5, 2.5, 2.5]
    assert (recorder.take().succeeded, recorder.counted) == (1, 1)
