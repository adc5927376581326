"""Whatever the length of its units, a strip holds each request of the run once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core import strip as strip_module
from greenload.core.histogram import Histogram
from greenload.core.stats import Sample, Stats
from greenload.core.strip import MOST_UNITS, RESPONSE, SERVICE, TOTAL, strip_of

NAMES = [("GET", "/a"), ("GET", "/b")]
# Of each second: by name, how long its requests took, in us.
runs = st.lists(st.lists(st.lists(st.integers(1, 5_000_000), max_size=4), min_size=2, max_size=2), max_size=20)


def seconds_of(run):
    for second, by_name in enumerate(run):
        stats = Stats()
        for name, times_us in zip(NAMES, by_name, strict=True):
            for number, took_us in enumerate(times_us):
                error = "E" if number % 3 == 2 else None
                stats.record(Sample(*name, second - 1.0, float(second), second + took_us / 1e6, error, 1))
        yield second, stats


def counts_of(run, at=None):
    """Count the service times of one name, or of all, by bucket."""
    histogram = Histogram()
    for by_name in run:
        for times_us in by_name if at is None else [by_name[at]]:
            for took_us in times_us:
                histogram.record(took_us)
    return histogram


def added(units):
    total = {}
    for counts in units:
        for bucket, count in counts.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


@given(runs, st.sampled_from([2, 3, 10, 600]), st.sampled_from([5, 4_000_000]))
def test_what_is_in_the_units_is_what_was_measured(run, most_units, most_buckets):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strip_module, "MOST_UNITS", most_units)
        patch.setattr(strip_module, "MOST_BUCKETS", most_buckets)

        strip = strip_of(SERVICE, float(len(run)), seconds_of(run))

    for at, name in ((0, NAMES[0]), (1, NAMES[1]), (None, TOTAL)):
        expected = counts_of(run, at)
        assert added(strip.by_unit(name)) == expected.counts
        if expected.count:
            durations = strip.durations[name]
            assert (durations.counts, durations.max_us, durations.sum_us) == (
                expected.counts, expected.max_us, expected.sum_us,
            )  # fmt: skip
    assert strip.units == len(list(strip.by_unit(TOTAL))) <= most_units
    assert strip.failures[TOTAL] == sum(len(times_us) >= 3 for by_name in run for times_us in by_name)


def test_an_hour_is_held_in_units_of_equal_length_each_with_its_own_seconds():
    run = [[[1000 + second], []] for second in range(3600)]

    strip = strip_of(SERVICE, 3600.0, seconds_of(run))

    assert (strip.width_s, strip.units, strip.seconds) == (8, 450, 3600)
    assert list(strip.by_unit(NAMES[0])) == [counts_of(run[at : at + 8]).counts for at in range(0, 3600, 8)]


def test_a_run_of_some_minutes_is_held_second_by_second():
    strip = strip_of(SERVICE, float(MOST_UNITS), seconds_of([[[1000], []]] * MOST_UNITS))

    assert (strip.width_s, strip.units) == (1, MOST_UNITS)


def test_a_strip_is_by_one_clock():
    run = [[[1000], []]]

    assert strip_of(SERVICE, 1.0, seconds_of(run)).durations[TOTAL].max_us == 1000
    assert strip_of(RESPONSE, 1.0, seconds_of(run)).durations[TOTAL].max_us == 1_001_000
