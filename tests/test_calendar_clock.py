"""A step of the calendar clock is told from time that passed."""

import pytest

from greenload.calendar_clock import LEAST_STEP_S, CalendarClock
from tests.conftest import Clock


def test_time_that_passes_is_no_step():
    calendar, monotonic = Clock(1e9), Clock(3.0)
    clock = CalendarClock(calendar.now, monotonic.now)

    for each in (calendar, monotonic):
        each.sleep(3_600)

    assert clock.step_s() == 0


@pytest.mark.parametrize("step_s", [3_600.0, LEAST_STEP_S, -LEAST_STEP_S, -86_400.0])
def test_a_step_is_told_once_with_its_sign(step_s):
    calendar, monotonic = Clock(1e9), Clock(3.0)
    clock = CalendarClock(calendar.now, monotonic.now)

    calendar.sleep(1 + step_s)
    monotonic.sleep(1)

    assert (clock.step_s(), clock.step_s()) == (pytest.approx(step_s, abs=1e-6), 0)


def test_a_clock_that_is_drawn_gently_to_the_right_time_makes_no_step():
    calendar, monotonic = Clock(1e9), Clock(3.0)
    clock = CalendarClock(calendar.now, monotonic.now)

    steps_s = []
    for _ in range(100):
        calendar.sleep(1.01)
        monotonic.sleep(1)
        steps_s.append(clock.step_s())

    assert set(steps_s) == {0.0}
