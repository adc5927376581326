"""The arrivals of a plan: as many as the area under the rate, the same however one asks for them."""

import itertools
import math
import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.arrivals import MOST_LAG_S, POISSON, UNIFORM, Arrivals
from greenload.core.shape import Shape, ShapeError, Stage, constant_rate, parse_rate_stages

rates = st.just(0.0) | st.integers(1, 60) | st.floats(0.01, 60)
stages = st.builds(Stage, rates, st.just(0.0) | st.integers(1, 10) | st.floats(0.1, 10))
shapes = st.lists(stages, min_size=1, max_size=4).map(lambda some: Shape(tuple(some)))
spacings = st.sampled_from([UNIFORM, POISSON])
times_s = st.integers(0, 30).map(float) | st.floats(0, 30)
seeds = st.integers(0, 5)


def arrivals_of(rate, spacing=UNIFORM):
    return Arrivals(rate, spacing, 1_000, 5.0)


@given(shapes, spacings, seeds, st.lists(times_s, max_size=8))
def test_cutting_a_span_into_pieces_gives_the_same_arrivals(rate, spacing, seed, cuts):
    arrivals = arrivals_of(rate, spacing)
    edges = [0.0, *sorted(cuts), 30.0]

    pieces = [list(arrivals.between(*span, seed)) for span in itertools.pairwise(edges)]

    assert list(itertools.chain(*pieces)) == list(arrivals.between(0.0, 30.0, seed))


@given(shapes, spacings, seeds, times_s, times_s)
def test_arrivals_come_in_order_in_the_span_that_was_asked_for(rate, spacing, seed, one_s, other_s):
    from_s, until_s = sorted((one_s, other_s))

    due_s = [arrival.due_s for arrival in arrivals_of(rate, spacing).between(from_s, until_s, seed)]

    assert due_s == sorted(due_s)
    assert all(from_s - 1e-3 <= each_s < until_s + 1e-3 for each_s in due_s)


@given(shapes, times_s, times_s)
def test_uniform_arrivals_in_any_window_are_its_area_within_one(rate, one_s, other_s):
    from_s, until_s = sorted((one_s, other_s))

    count = len(list(arrivals_of(rate).between(from_s, until_s, 1)))

    assert abs(count - (rate.area_until(until_s) - rate.area_until(from_s))) <= 1


@given(shapes, spacings, seeds, times_s)
def test_the_count_until_a_time_is_that_of_the_arrivals_until_then(rate, spacing, seed, until_s):
    arrivals = arrivals_of(rate, spacing)

    assert arrivals.count_until(until_s, seed) == len(list(arrivals.between(0.0, until_s, seed)))


@pytest.mark.parametrize(
    ("rate", "until_s", "count"),
    [
        (constant_rate(50), 4.0, 200),
        (constant_rate(0.1), 10.0, 1),
        (constant_rate(1 / 3), 3_000.0, 1_000),
        (constant_rate(1_000), 0.3, 300),
        (constant_rate(100), 0.07, 7),
        (parse_rate_stages("100/s@30s,400/s@2m,0/s@10s"), 160.0, 33_500),
        (parse_rate_stages("0/s@10s,7/s@0s,7/s@1s"), 11.0, 7),
    ],
)
def test_a_plan_has_exactly_its_arrivals(rate, until_s, count):
    """In floats 0.07 s at 100/s are a hair more than 7."""
    assert arrivals_of(rate).count_until(until_s, 1) == count


def test_arrivals_at_a_constant_rate_are_equally_far_apart_from_the_first_moment_on():
    due_s = [arrival.due_s for arrival in arrivals_of(constant_rate(200)).between(0.0, 1.0, 1)]

    assert due_s == pytest.approx([number / 200 for number in range(200)])


def test_the_first_arrival_of_a_rate_that_begins_at_next_to_nothing_is_told_in_time():
    """A hair of a millionth of an arrival was 0.7 s there, which looked like a late start."""
    arrivals = arrivals_of(parse_rate_stages("60/h@1h"))

    assert len(list(arrivals.between(0.0, 0.01, 1))) == 1


def counts(arrivals, seed, width_s):
    per_window = Counter(int(arrival.due_s / width_s) for arrival in arrivals.between(0.0, 2_000.0, seed))
    return [per_window[number] for number in range(int(2_000 / width_s))]


def test_poisson_arrivals_have_the_mean_and_the_variance_of_poisson():
    """Of 2,000 windows with 20 expected in each: mean and variance are 20, give or take five standard errors."""
    seen = counts(arrivals_of(constant_rate(20), POISSON), 7, 1.0)

    assert statistics.mean(seen) == pytest.approx(20, abs=5 * math.sqrt(20 / 2_000))
    assert statistics.variance(seen) == pytest.approx(20, abs=5 * 20 * math.sqrt(2 / 2_000))


def test_the_gaps_of_poisson_arrivals_are_exponential_also_across_blocks():
    due_s = [arrival.due_s for arrival in arrivals_of(constant_rate(20), POISSON).between(0.0, 2_000.0, 7)]
    gaps = sorted(after - before for before, after in itertools.pairwise(due_s))

    # Kolmogorov and Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand seeds.
    distances = [abs(number / len(gaps) - (1 - math.exp(-20 * gap))) for number, gap in enumerate(gaps)]
    assert max(distances) < 1.95 / math.sqrt(len(gaps))


def test_the_same_seed_gives_the_same_poisson_arrivals_and_another_one_others():
    arrivals = arrivals_of(constant_rate(20), POISSON)

    first, again, other = (list(arrivals.between(0.0, 10.0, seed)) for seed in (1, 1, 2))

    assert first == again
    assert not {arrival.due_s for arrival in first} & {arrival.due_s for arrival in other}


@given(spacings, st.integers(0, 10**7))
def test_draws_are_between_0_and_1(spacing, from_s):
    for arrival in arrivals_of(constant_rate(20), spacing).between(float(from_s), from_s + 1.0, 1):
        assert 0 <= arrival.class_draw < 1
        assert 0 <= arrival.worker_draw < 1


@pytest.mark.parametrize(("classes", "workers"), [(1, 2), (2, 2), (3, 2), (4, 4), (5, 3), (8, 8)])
def test_each_worker_gets_its_part_of_each_class_within_a_few(classes, workers):
    """A cycle of classes beside a cycle of workers would put a whole class on one worker where the two are equal."""
    for count in (100, 1_000, 10_000):
        drawn = arrivals_of(constant_rate(count)).between(0.0, 1.0, 1)

        seen = Counter((int(each.class_draw * classes), int(each.worker_draw * workers)) for each in drawn)

        parts = [seen[each] for each in itertools.product(range(classes), range(workers))]
        assert max(abs(part - count / classes / workers) for part in parts) < 8


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"spacing": "random"}, "arrivals are uniform or poisson, not 'random'"),
        ({"max_users": 0}, "arrivals need 1 to 1000000 users to take them, not 0"),
        ({"max_users": 10**6 + 1}, "not 1000001"),
        ({"max_lag_s": 0.0}, "may wait for up to 3600 s, not 0 s"),
        ({"max_lag_s": MOST_LAG_S + 1}, "not 3601 s"),
        ({"max_lag_s": math.nan}, "not nan s"),
    ],
)
def test_arrivals_that_cannot_be_meant_are_refused(fields, sentence):
    good = {"rate": constant_rate(1), "spacing": UNIFORM, "max_users": 1, "max_lag_s": 5.0}

    with pytest.raises(ShapeError, match=sentence):
        Arrivals(**{**good, **fields})


def test_arrivals_that_are_counted_chunk_by_chunk_are_those_that_come():
    arrivals = Arrivals(constant_rate(1_000.0), POISSON, 10, 1.0)

    for until_s in (0.0, 3.9, 4.096, 4.2, 12.288, 13.0):
        assert arrivals.count_until(until_s, 7) == sum(1 for _ in arrivals.between(0.0, until_s, 7))
