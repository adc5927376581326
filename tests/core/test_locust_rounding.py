"""Locust's rounding and rank are known exactly: what Locust does to a time is undone to the range it came from."""

from hypothesis import given
from hypothesis import strategies as st

from greenload.core.histogram import Histogram
from greenload.core.locust_rounding import band_ms, between_ranks_ms, beyond_ms, percentile_ms


def as_locust_rounds(ms):
    """locust/stats.py, bucket_response_time, Locust 2.47."""
    if ms < 100:
        return round(ms)
    if ms < 1000:
        return int(round(ms, -1))
    if ms < 10000:
        return int(round(ms, -2))
    return int(round(ms, -3))


def as_locust_ranks(times, percent):
    """locust/stats.py, calculate_response_time_percentile, Locust 2.47; percent: of 0..1."""
    count = sum(times.values())
    allowed = int(count * percent)
    seen = 0
    for time in sorted(times, reverse=True):
        seen += times[time]
        if count - seen <= allowed:
            return time
    return 0


@given(st.floats(0.5, 100_000))
def test_every_time_lies_in_the_band_of_what_locust_writes_for_it(ms):
    low_ms, high_ms = band_ms(as_locust_rounds(ms))

    assert low_ms <= ms <= high_ms
    assert beyond_ms((ms, ms), as_locust_rounds(ms)) == 0


@given(st.sampled_from([1, 47, 99, 100, 110, 990, 1000, 1100, 9900, 10_000, 11_000]))
def test_no_time_outside_the_band_is_written_like_that(written):
    low_ms, high_ms = band_ms(written)

    assert as_locust_rounds(low_ms + 1e-6) == as_locust_rounds(high_ms - 1e-6) == written
    assert as_locust_rounds(low_ms - 1e-6) < written < as_locust_rounds(high_ms + 1e-6)


def test_how_far_a_time_lies_beyond_the_band_has_a_sign():
    assert beyond_ms((157.0, 157.0), 150) == 2.0
    assert beyond_ms((141.0, 142.0), 150) == -3.0
    assert beyond_ms((150.0, 158.0), 150) == 0


@given(st.dictionaries(st.integers(1, 300), st.integers(1, 50), min_size=1), st.sampled_from([50, 95, 99]))
def test_a_percentile_of_rounded_times_is_locusts(times, percent):
    assert percentile_ms(times, percent) == as_locust_ranks(times, percent / 100) or (
        (sum(times.values()) * percent) % 100 == 0  # there floats decide, in Locust
    )


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=300), st.sampled_from([50.0, 95.0, 99.0]))
def test_between_the_ranks_lie_the_values_that_each_of_the_two_would_take(values_us, percent):
    histogram = Histogram()
    for value_us in values_us:
        histogram.record(value_us)
    ordered = sorted(values_us)
    millionths = round(percent * 1e6) * len(ordered)
    ours = ordered[-(-millionths // 100_000_000) - 1]
    locusts = ordered[min(len(ordered), millionths // 100_000_000 + 1) - 1]

    assert between_ranks_ms(histogram, percent) == (ours / 1000, locusts / 1000)
