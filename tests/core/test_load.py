"""What the command line and a scenario ask for, together, as one plan."""

import pytest

from greenload.core.arrivals import POISSON, UNIFORM
from greenload.core.load import DEFAULT_MAX_LAG_S, DEFAULT_MAX_USERS, Load
from greenload.core.shape import Shape, ShapeError, constant_rate, parse_rate_stages, parse_stages, ramp

STAGES = parse_stages("5@10s,0@5s")
RATE_STAGES = parse_rate_stages("100/s@10s,0/s@5s")


def test_who_asks_for_nothing_gets_one_user_for_ever():
    assert Load().planned() == (ramp(1, 1.0), None, None)


def test_users_are_a_ramp_for_the_run_time():
    assert Load(users=50, spawn_rate=10.0, run_time=30.0).planned() == (ramp(50, 10.0), None, 30.0)


def test_stages_say_how_long_the_run_is_unless_there_is_a_run_time():
    assert Load(stages=STAGES).planned() == (STAGES, None, 15.0)
    assert Load(stages=STAGES, run_time=20.0).planned() == (STAGES, None, 20.0)


def test_a_rate_has_arrivals_and_no_shape_of_users():
    shape, arrivals, duration_s = Load(rate=200.0).planned()

    assert (shape, duration_s) == (Shape(()), None)
    assert arrivals.rate == constant_rate(200.0)
    assert (arrivals.spacing, arrivals.max_users, arrivals.max_lag_s) == (UNIFORM, DEFAULT_MAX_USERS, DEFAULT_MAX_LAG_S)


def test_rate_stages_say_how_long_the_run_is_unless_there_is_a_run_time():
    asked = Load(rate_stages=RATE_STAGES, arrivals=POISSON, max_users=7, max_lag=2.5)

    _, arrivals, duration_s = asked.planned()

    assert (arrivals.rate, arrivals.spacing, arrivals.max_users, arrivals.max_lag_s) == (RATE_STAGES, POISSON, 7, 2.5)
    assert duration_s == 15.0
    assert Load(run_time=5.0).over(asked).planned().duration_s == 5.0


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (Load(rate=1.0, users=5), "rate says how often something begins, users how many users there are: choose one"),
        (Load(rate_stages=RATE_STAGES, spawn_rate=5.0), "rate-stages says how often .*, spawn-rate how many"),
        (Load(rate=1.0, stages=STAGES), "rate says how often .*, stages how many"),
        (Load(rate=1.0, rate_stages=RATE_STAGES), "a rate does not go with them"),
        (Load(rate=0.0), "a rate must be above 0/s, not 0/s"),
        (Load(max_lag=5.0), "max-lag goes with a rate, and none was said"),
        (Load(users=5, max_users=5), "max-users goes with a rate"),
        (Load(stages=STAGES, arrivals=POISSON), "arrivals goes with a rate"),
        (Load(stages=STAGES, users=5), "users and spawn rate do not go with them"),
        (Load(stages=STAGES, spawn_rate=5.0), "users and spawn rate do not go with them"),
        (Load(run_time=0.0), "a run time must be above 0"),
    ],
)
def test_what_does_not_go_together_is_said(load, sentence):
    with pytest.raises(ShapeError, match=sentence):
        load.planned()


@pytest.mark.parametrize(
    ("said", "other", "together"),
    [
        # One of the two says something.
        (Load(), Load(rate=5.0, max_lag=1.0), Load(rate=5.0, max_lag=1.0)),
        (Load(users=5), Load(), Load(users=5)),
        # What belongs to no model, and what belongs to the one there is, is taken by itself.
        (Load(run_time=5.0), Load(users=5, run_time=60.0), Load(users=5, run_time=5.0)),
        (Load(max_users=5), Load(rate=5.0, max_users=9), Load(rate=5.0, max_users=5)),
        (Load(rate=7.0), Load(rate=5.0, arrivals=POISSON), Load(rate=7.0, arrivals=POISSON)),
        # A model is taken as a whole.
        (Load(rate=7.0), Load(rate_stages=RATE_STAGES), Load(rate=7.0)),
        (Load(users=7), Load(users=5, spawn_rate=3.0), Load(users=7)),
        (Load(users=7), Load(stages=STAGES, run_time=5.0), Load(users=7, run_time=5.0)),
        (Load(users=7), Load(rate=5.0, arrivals=POISSON, max_users=9, max_lag=1.0), Load(users=7)),
        (Load(rate=7.0), Load(users=5, spawn_rate=3.0, run_time=5.0), Load(rate=7.0, run_time=5.0)),
    ],
)
def test_what_is_said_goes_before_what_the_other_says(said, other, together):
    assert said.over(other) == together
