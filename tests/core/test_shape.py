"""Shapes: a level over time, the steps of a ramp, and what a person may type for them."""

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.core.errors import GreenloadError
from greenload.core.shape import (
    MOST_USERS,
    Shape,
    ShapeError,
    Stage,
    Step,
    constant_rate,
    parse_duration_s,
    parse_rate,
    parse_rate_stages,
    parse_stages,
    ramp,
    steps_to,
)

HAIR = 1e-6

levels = st.integers(0, 30) | st.floats(0, 30)
durations_s = st.just(0.0) | st.integers(1, 20) | st.floats(0.1, 20)
stages = st.builds(Stage, levels, durations_s)
shapes = st.lists(stages, max_size=6).map(lambda some: Shape(tuple(some)))


def times_and_users(shape):
    """Return the steps in one flat list, which approx can compare."""
    return list(itertools.chain(*shape.steps()))


def users_at(shape, at_s):
    """Return how many users live `at_s` seconds after the start, by the shape's steps."""
    return ([0] + [step.users for step in shape.steps() if step.at_s <= at_s])[-1]


# Level


def test_the_level_goes_in_straight_lines_from_stage_to_stage():
    shape = Shape((Stage(50, 10), Stage(50, 20), Stage(0, 5)))

    assert [shape.level_at(at_s) for at_s in (0, 5, 10, 29, 30, 32.5, 35)] == pytest.approx([0, 25, 50, 50, 50, 25, 0])
    assert shape.duration_s == 35


@given(shapes, st.floats(0, 130), st.floats(0, 30))
def test_a_shape_until_some_time_is_the_old_one_before_and_a_level_after(shape, at_s, level):
    cut = shape.until(at_s, level)

    for part in (0.0, 0.3, 0.9):
        assert cut.area_until(part * at_s) == pytest.approx(shape.area_until(part * at_s), abs=1e-6)
    assert cut.level_at(at_s + 1e-6) == level
    assert cut.area_until(at_s + 7) == pytest.approx(shape.area_until(at_s) + 7 * level, abs=1e-6)


def test_after_the_last_stage_its_level_stays():
    shape = Shape((Stage(50, 10),))

    assert shape.level_at(1e9) == 50


@pytest.mark.parametrize("durations_s", [(7, 1.5589872552705737), (0.1, 0.2, 0.3), (0.1,) * 10])
def test_when_the_last_stage_ends_the_jump_at_its_end_has_happened(durations_s):
    """Rounding: began + duration may be a time whose distance from began is less than the duration."""
    shape = Shape((*(Stage(1, duration_s) for duration_s in durations_s), Stage(5, 0)))

    assert shape.level_at(shape.duration_s) == 5
    assert users_at(shape, shape.duration_s) == 5


def test_a_stage_of_no_duration_is_a_jump():
    shape = Shape((Stage(50, 0), Stage(50, 10), Stage(20, 0)))

    assert [shape.level_at(at_s) for at_s in (0, 9.999, 10)] == [50, 50, 20]


def test_a_shape_without_stages_has_level_0():
    shape = Shape(())

    assert (shape.level_at(0), shape.level_at(7), shape.duration_s, list(shape.steps())) == (0, 0, 0, [])


def test_before_a_ramp_begins_the_level_is_0():
    shape = Shape((Stage(50, 10),))

    assert shape.level_at(-1) == 0


def test_before_a_jump_the_level_is_0():
    shape = Shape((Stage(50, 0),))

    assert shape.level_at(-1) == 0


@given(shapes, st.floats(0, 130))
def test_the_level_stays_between_those_of_the_stages(shape, at_s):
    assert 0 <= shape.level_at(at_s) <= max((stage.level for stage in shape.stages), default=0) + HAIR


@pytest.mark.parametrize("level", [-1, -0.1, math.nan, math.inf])
def test_a_stage_with_a_level_below_0_or_without_end_is_refused(level):
    with pytest.raises(ShapeError, match="a level of 0 to 1000000"):
        Stage(level, 10)


@pytest.mark.parametrize("duration_s", [-1, -0.1, math.nan, math.inf])
def test_a_stage_with_a_duration_below_0_or_without_end_is_refused(duration_s):
    with pytest.raises(ShapeError, match=r"a duration of 0 to 1e\+09 s"):
        Stage(10, duration_s)


# Steps to another level


def test_steps_to_more_users_begin_at_once_and_keep_the_rate():
    assert list(steps_to(5, 2, 2.0, 10.0)) == [Step(10.0, 3), Step(10.5, 4), Step(11.0, 5)]


def test_steps_to_fewer_users_begin_at_once_and_keep_the_rate():
    assert list(steps_to(0, 3, 4.0, 10.0)) == [Step(10.0, 2), Step(10.25, 1), Step(10.5, 0)]


def test_there_are_no_steps_to_where_one_is():
    assert list(steps_to(3, 3, 1.0, 10.0)) == []


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0.1, 1e6), st.floats(0, 1e5))
def test_steps_to_a_level_go_there_one_by_one_in_the_order_of_time(users, from_users, spawn_rate, from_s):
    steps = list(steps_to(users, from_users, spawn_rate, from_s))

    levels = [from_users, *(step.users for step in steps)]
    assert {abs(after - before) for before, after in itertools.pairwise(levels)} <= {1}
    assert levels[-1] == users
    assert len(steps) == abs(users - from_users)
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert all(step.at_s >= from_s for step in steps)
    assert not steps or steps[-1].at_s == pytest.approx(from_s + (len(steps) - 1) / spawn_rate)


# Steps


def test_a_ramp_of_50_users_in_5_s_is_50_steps_a_tenth_of_a_second_apart():
    shape = Shape((Stage(50, 5),))

    steps = list(shape.steps())

    assert [step.users for step in steps] == list(range(1, 51))
    assert [step.at_s for step in steps] == pytest.approx([number / 10 for number in range(50)])


def test_the_first_user_of_a_ramp_starts_at_its_beginning():
    shape = Shape((Stage(0, 7), Stage(3, 6)))

    assert times_and_users(shape) == pytest.approx([7, 1, 9, 2, 11, 3])


def test_the_last_user_of_a_ramp_down_stops_at_its_end():
    shape = Shape((Stage(3, 0), Stage(3, 10), Stage(0, 6)))

    assert times_and_users(shape) == pytest.approx([0, 1, 0, 2, 0, 3, 12, 2, 14, 1, 16, 0])


def test_a_ramp_that_goes_on_does_not_begin_again():
    """The third user comes when the level has come to 2, in the first stage; the second stage adds the fourth."""
    shape = Shape((Stage(2.5, 5), Stage(4, 3)))

    assert times_and_users(shape) == pytest.approx([0, 1, 2, 2, 4, 3, 6, 4])


def test_a_level_that_misses_a_whole_number_by_a_hair_is_that_number():
    shape = Shape((Stage(0.1 + 0.2, 3), Stage(3 * 0.1 * 10, 3), Stage(3, 1)))

    assert [step.users for step in shape.steps()] == [1, 2, 3]


def test_a_jump_is_several_steps_at_one_time():
    shape = Shape((Stage(0, 4), Stage(3, 0), Stage(3, 5), Stage(1, 0)))

    assert list(shape.steps()) == [(4, 1), (4, 2), (4, 3), (9, 2), (9, 1)]


@given(shapes)
def test_each_step_is_one_user_more_or_less(shape):
    users = [0] + [step.users for step in shape.steps()]

    assert {abs(after - before) for before, after in itertools.pairwise(users)} <= {1}
    assert min(users) >= 0


@given(shapes)
@example(Shape((Stage(1, 0.1), Stage(1, 0.2), Stage(1, 0.3), Stage(2, 0))))
def test_steps_come_in_order_and_within_the_shape(shape):
    times = [step.at_s for step in shape.steps()]

    assert times == sorted(times)
    assert all(0 <= at_s <= shape.duration_s for at_s in times)


@given(shapes)
def test_there_are_no_more_steps_than_users_come_and_go(shape):
    users = [0] + [math.ceil(stage.level - HAIR) for stage in shape.stages]

    assert len(list(shape.steps())) == sum(abs(after - before) for before, after in itertools.pairwise(users))


@given(shapes, st.floats(0, 130))
@example(Shape((Stage(10, 10),)), 9.5)
@example(Shape((Stage(10, 0), Stage(0, 10))), 9.5)
def test_at_any_time_there_are_as_many_users_as_the_level_rounded_up(shape, at_s):
    level, users = shape.level_at(at_s), users_at(shape, at_s)

    if abs(level - round(level)) > HAIR:
        assert users == math.ceil(level)
    else:
        # At a whole level n the user n + 1 of a ramp up is there already.
        assert users in (round(level), round(level) + 1)


@given(shapes)
def test_after_the_last_stage_there_are_as_many_users_as_its_level_rounded_up(shape):
    level = shape.level_at(shape.duration_s)

    assert users_at(shape, shape.duration_s) == math.ceil(level - HAIR)


@given(st.lists(st.builds(Stage, levels, durations_s), min_size=1, max_size=4), durations_s, st.data())
def test_a_stage_cut_in_two_has_the_same_steps(some, duration_s, data):
    """The number of users is a matter of the level, not of where somebody put the corners."""
    whole = Shape((*some, Stage(20, 1 + duration_s)))
    part = data.draw(st.floats(0.01, 0.99))
    middle = some[-1].level + (20 - some[-1].level) * part
    cut = Shape((*some, Stage(middle, (1 + duration_s) * part), Stage(20, (1 + duration_s) * (1 - part))))

    assert [step.users for step in cut.steps()] == [step.users for step in whole.steps()]


# The two numbers people know


def test_users_and_spawn_rate_are_a_ramp_that_stays():
    shape = ramp(50, 10)

    assert shape == Shape((Stage(50, 5),))
    assert list(shape.steps())[-1] == pytest.approx((4.9, 50))


def test_a_single_user_is_there_at_once():
    assert list(ramp(1, 0.1).steps()) == [(0, 1)]


@pytest.mark.parametrize("users", [0, -1, MOST_USERS + 1, 10**400])
def test_a_ramp_to_no_user_or_too_many_is_refused(users):
    with pytest.raises(ShapeError, match=f"a run needs 1 to 1000000 users, not {users}"):
        ramp(users, 1)


@pytest.mark.parametrize("spawn_rate", [0, -1, math.nan, math.inf])
def test_a_spawn_rate_that_never_comes_anywhere_is_refused(spawn_rate):
    with pytest.raises(ShapeError, match="spawn rate must be above 0"):
        ramp(10, spawn_rate)


# Durations in words


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("30s", 30),
        ("1.5s", 1.5),
        ("2m", 120),
        ("0.5h", 1800),
        ("1h20m", 4800),
        ("1h 20m", 4800),
        (" 30s ", 30),
        ("300ms", 0.3),
        ("5m3ms", 300.003),
        ("1h2m3s4ms", 3723.004),
    ],
)
def test_a_duration_is_read(text, duration_s):
    assert parse_duration_s(text) == pytest.approx(duration_s)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, seconds, milliseconds):
    expected_s = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000

    assert parse_duration_s(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(expected_s)


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "s", "-5", "-5s", "30x", "30S", "1m30", "1s2m", "1..5s", ".5s", "1e3", "inf", "nan", "5,5s"],
)
def test_a_duration_that_means_nothing_is_named_with_examples_of_what_does(text):
    with pytest.raises(ShapeError) as caught:
        parse_duration_s(text)

    assert str(caught.value) == f"{text!r} is not a duration; write for example 30s, 2m, 1h20m or 500ms"


@given(st.text(max_size=12) | st.text("0123456789.hms -", max_size=12))
def test_a_text_is_a_duration_of_0_or_more_or_a_shape_error(text):
    try:
        duration_s = parse_duration_s(text)
    except ShapeError:
        return

    assert duration_s >= 0


# Stages in words


def test_stages_are_read():
    shape = parse_stages(" 50@30s, 50 @ 2m ,0@10s")

    assert shape == Shape((Stage(50, 30), Stage(50, 120), Stage(0, 10)))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1))
def test_stages_are_read_as_they_were_written_unless_there_is_never_a_user(some):
    text = ",".join(f"{level}@{duration_s}s" for level, duration_s in some)
    expected = Shape(tuple(Stage(level, duration_s) for level, duration_s in some))

    if any(level for level, _ in some) and any(duration_s for _, duration_s in some):
        assert parse_stages(text) == expected
    else:
        with pytest.raises(ShapeError, match="never has a user"):
            parse_stages(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("50", "'50' is not a stage"),
        ("50@30s,20", "'20' is not a stage"),
        ("50@30s,many@10s", "'many@10s' is not a stage"),
        ("50@30s,-5@10s", "'-5@10s' is not a stage"),
        ("50@30s,5.5@10s", "'5.5@10s' is not a stage"),
        ("50@30s,@10s", "'@10s' is not a stage"),
        ("50@30s,50@2x", "'2x' is not a duration"),
        ("50@30s,50@-2s", "'-2s' is not a duration"),
        ("50@30s,50@1s@2s", "'1s@2s' is not a duration"),
    ],
)
def test_a_part_that_means_nothing_is_named_with_an_example_of_what_does(text, part):
    with pytest.raises(ShapeError, match=f"^{part}; write .*30s"):
        parse_stages(text)


def test_a_stage_without_a_duration_is_named():
    with pytest.raises(ShapeError, match="'20@'"):
        parse_stages("50@30s,20@,0@10s")


@pytest.mark.parametrize("text", ["", " ", ",", "50@30s,", "50@30s,,0@10s"])
def test_an_empty_part_is_refused_with_the_whole_text(text):
    with pytest.raises(ShapeError) as caught:
        parse_stages(text)

    assert str(caught.value) == f"{text!r} is not a list of stages; write for example 50@30s,50@2m,0@10s"


@pytest.mark.parametrize("text", ["0@30s", "0@30s,0@1m", "50@0s", "50@0"])
def test_stages_that_never_have_a_user_for_any_time_are_refused(text):
    with pytest.raises(ShapeError, match=f"^'{text}' never has a user for any time; write for example 50@30s"):
        parse_stages(text)


def test_a_shape_error_is_something_a_person_can_mend():
    assert issubclass(ShapeError, GreenloadError)


@given(shapes)
def test_the_most_users_are_the_most_that_any_step_says(shape):
    assert shape.most_users == max((step.users for step in shape.steps()), default=0)


# Area: of a rate, how many have come due


@given(shapes, st.floats(0, 200))
def test_the_area_is_that_of_the_level(shape, until_s):
    """Computed anew in small pieces, from the levels in the middle of each."""
    edges = sorted({0.0, until_s, *(each_s for each_s in ends_of(shape) if each_s < until_s)})
    area = sum((to_s - from_s) * shape.level_at((from_s + to_s) / 2) for from_s, to_s in itertools.pairwise(edges))

    assert shape.area_until(until_s) == pytest.approx(area, rel=1e-6, abs=1e-6)


def ends_of(shape):
    return list(itertools.accumulate(stage.duration_s for stage in shape.stages))


@given(shapes, st.floats(0, 2_000))
def test_the_area_reaches_a_number_at_the_time_at_which_it_is_that(shape, area):
    at_s = shape.reaches(area)

    if at_s < math.inf:
        assert shape.area_until(at_s) == pytest.approx(area, rel=1e-9, abs=1e-9)
    else:
        assert shape.area_until(1e9) <= area + HAIR
        assert shape.level_at(1e9) < HAIR


@given(shapes, st.floats(0, 200))
def test_a_time_is_when_its_area_was_reached_where_the_level_is_above_0(shape, at_s):
    if shape.level_at(at_s) > 0.1 and shape.level_at(max(0.0, at_s - 0.01)) > 0.1:
        assert shape.reaches(shape.area_until(at_s)) == pytest.approx(at_s, abs=1e-6)


@given(shapes, st.floats(0, 200), st.floats(0, 200))
def test_the_area_never_becomes_less(shape, one_s, other_s):
    earlier_s, later_s = sorted((one_s, other_s))

    assert shape.area_until(earlier_s) <= shape.area_until(later_s) + HAIR


def test_a_pause_in_a_rate_is_passed_over():
    shape = parse_rate_stages("10/s@0s,10/s@1s,0/s@0s,0/s@5s,10/s@0s,10/s@1s")

    assert [shape.reaches(area) for area in (9, 10, 11)] == pytest.approx([0.9, 6.0, 6.1])


# What a person may type for a rate


@pytest.mark.parametrize(
    ("text", "per_s"),
    [("200/s", 200), ("12000/m", 200), ("1800/h", 0.5), ("0.5/s", 0.5), (" 10 / s ", 10), ("0/s", 0)],
)
def test_a_rate_is_arrivals_a_second_however_it_is_written(text, per_s):
    assert parse_rate(text) == pytest.approx(per_s)


@pytest.mark.parametrize("text", ["", "200", "200/", "/s", "200/d", "-5/s", "1e3/s", "200 per s", "nan/s", "5/s/s"])
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(ShapeError, match="is not a rate; write for example 200/s or 12000/m"):
        parse_rate(text)


def test_rate_stages_are_straight_lines_between_rates():
    shape = parse_rate_stages("100/s@30s, 24000/m@2m, 0/s@10s")

    assert shape == Shape((Stage(100, 30), Stage(400, 120), Stage(0, 10)))
    assert shape.level_at(15) == 50


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("100@30s", "'100@30s' is not a stage; write RATE@DURATION, for example 100/s@30s"),
        ("100/s@30s,400/s", "'400/s' is not a stage; write RATE@DURATION"),
        ("100/s@", "is not a stage"),
        ("100/s@soon", "'soon' is not a duration"),
        ("", "is not a list of stages; write for example 100/s@30s,400/s@2m,0/s@10s"),
        ("100/s@30s,,", "is not a list of stages"),
        ("0/s@30s", "never has an arrival for any time"),
        ("100/s@0s", "never has an arrival for any time"),
        ("9999999/s@1s", "a level of 0 to 1000000"),
    ],
)
def test_what_are_no_rate_stages_is_refused_with_the_place(text, sentence):
    with pytest.raises(ShapeError, match=sentence):
        parse_rate_stages(text)


@pytest.mark.parametrize("per_s", [0.0, -1.0, math.nan])
def test_a_constant_rate_is_above_0(per_s):
    with pytest.raises(ShapeError, match="a rate must be above 0/s"):
        constant_rate(per_s)
