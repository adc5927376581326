"""A resample is a sum of whole blocks, and every second is as likely to be in it as every other."""

from collections import Counter
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from greenload.core.histogram import Histogram
from greenload.core.resample import MOST_EDGES, Track, Units, block_length_s, draws

PERCENTS = (50.0, 95.0, 99.0)
times = st.lists(st.integers(1, 5_000_000), max_size=30)


def histogram_of(values):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def track_of(histograms, units):
    whole = Histogram()
    for histogram in histograms:
        whole.add(histogram)
    return Track(whole.counts, [[histogram.counts for histogram in histograms]], [units], PERCENTS)


@given(st.lists(times, min_size=1, max_size=12), st.integers(0, 1000))
def test_the_percentiles_of_a_resample_are_those_of_the_sum_of_its_seconds(seconds, seed):
    assume(any(seconds))
    units = Units(len(seconds))
    histograms = [histogram_of(values) for values in seconds]
    [draw] = draws([units], 1, Random(seed))
    expected = Histogram()
    for start in draw[0][1]:
        for offset in range(units.block):
            expected.add(histograms[(start + offset) % len(seconds)])
    expected.max_us = 2**40  # a resample knows the buckets, not the exact maximum

    percentiles = track_of(histograms, units).percentiles_us(draw)

    assert percentiles == (expected.percentiles(list(PERCENTS)) if expected.count else None)


@given(st.integers(1, 2000))
def test_a_resample_is_as_long_as_the_run(seconds):
    units = Units(seconds)

    assert seconds <= units.blocks * units.block < seconds + units.block


def test_blocks_grow_with_the_run():
    assert [block_length_s(seconds) for seconds in (20, 60, 300, 3600)] == [7, 10, 17, 38]


def test_each_second_is_drawn_equally_often():
    units = Units(10)
    drawn = Counter()
    for draw in draws([units], 4000, Random(1)):
        for start in draw[0][1]:
            drawn.update((start + offset) % 10 for offset in range(units.block))

    assert max(drawn.values()) < 1.1 * min(drawn.values())


def test_where_units_are_several_seconds_a_block_is_as_many_of_them_as_make_up_its_length():
    units = Units(900, 4)

    assert (units.block, units.block_s, units.blocks) == (10, 40, 90)


def test_of_more_buckets_than_edges_a_percentile_is_off_by_little():
    histograms = [histogram_of(range(10_000 + second, 400_000, 60)) for second in range(20)]
    units = Units(20)
    total = Histogram()
    for histogram in histograms:
        total.add(histogram)
    assert len(total.counts) > MOST_EDGES

    percentiles = track_of(histograms, units).percentiles_us([(0, [0] * units.blocks)])

    for exact, approximate in zip(total.percentiles(list(PERCENTS)), percentiles, strict=True):
        assert abs(approximate / exact - 1) < 0.01


def test_of_several_runs_one_fewer_is_drawn_than_there_are():
    """Drawing all of so few would leave a part of what they differ by out."""
    units = Units(20)

    made = draws([units] * 4, 200, Random(1))

    assert {len(draw) for draw in made} == {3}
    assert {run for draw in made for run, _ in draw} == {0, 1, 2, 3}
