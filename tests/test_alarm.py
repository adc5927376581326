"""An alarm wakes on time and never before, by whichever clock there is."""

import os
import time
from contextlib import closing

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload import alarm
from greenload.alarm import Alarm


@pytest.fixture(params=["timerfd", "event loop"])
def wakes_by(request, monkeypatch):
    if request.param == "event loop":
        monkeypatch.setattr(alarm.sys, "platform", "plan9")
    return request.param


def open_files():
    return set(os.listdir("/proc/self/fd"))


def test_it_never_wakes_early(wakes_by):
    with closing(Alarm(time.perf_counter)) as bell:
        for number in range(100):
            due_s = time.perf_counter() + number % 10 / 2_000

            bell.wait_until(due_s)

            assert time.perf_counter() >= due_s


def test_it_wakes_by_the_clock_that_it_was_given(wakes_by):
    began_s = time.perf_counter()

    with closing(Alarm(lambda: time.perf_counter() - began_s)) as bell:
        bell.wait_until(0.03)

    assert 0.03 <= time.perf_counter() - began_s < 5


def test_what_is_over_is_not_waited_for(wakes_by):
    switched = gevent.spawn(lambda: None)

    with closing(Alarm(time.perf_counter)) as bell:
        bell.wait_until(time.perf_counter() - 1)
        bell.wait_until(float("-inf"))

    assert not switched.started or not switched.dead


def test_others_run_while_one_waits(wakes_by):
    counted = []

    def count():
        while True:
            counted.append(True)
            gevent.sleep(0.002)

    counting = gevent.spawn(count)
    with closing(Alarm(time.perf_counter)) as bell:
        bell.wait_until(time.perf_counter() + 0.05)
    counting.kill()

    assert len(counted) > 5


def test_one_that_was_ended_while_it_waited_can_wait_again(wakes_by):
    bell = Alarm(time.perf_counter)
    waiting = gevent.spawn(bell.wait_until, time.perf_counter() + 0.02)
    gevent.sleep(0.005)

    waiting.kill()
    due_s = time.perf_counter() + 0.05
    bell.wait_until(due_s)

    assert time.perf_counter() >= due_s
    bell.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files as Linux shows them")
def test_it_lets_go_of_its_descriptor():
    before = open_files()

    bell = Alarm(time.perf_counter)
    opened = open_files() - before
    bell.wait_until(time.perf_counter() + 0.001)
    bell.close()
    bell.close()

    assert len(opened) == 1
    assert open_files() == before


@given(st.floats(1e-6, 1e6) | st.integers(1, 100).map(float) | st.integers(1, 100).map(lambda whole: whole - 5e-10))
def test_any_time_can_be_set(after_s):
    """Half a nanosecond before a whole second was set as 1,000,000,000 ns, which is none."""
    with closing(Alarm(time.perf_counter)) as bell:
        if bell._io is not None:
            bell._set(after_s)
