"""Histograms: exact counts, percentiles that never understate, merging by addition, and bytes that nobody vouched for.

A docstring that begins with "hdrhistogram" names a fault of hdrhistogram 0.10 that must not come through.
"""

import itertools
import math
import struct
import tracemalloc
import zlib
from fractions import Fraction

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.core.histogram import (
    BUCKETS,
    HIGHEST_US,
    LOWEST_US,
    MOST_BYTES,
    Histogram,
    bucket_of,
    fewest_for,
    highest_us_in,
)

SUMMARY_BYTES = 40
POWERS = [1 << bit for bit in range(32)]
EDGES = sorted({edge for power in POWERS for edge in (power - 1, power, power + 1) if 1 <= edge <= HIGHEST_US})

durations_us = st.integers(LOWEST_US, 5_000) | st.sampled_from(EDGES) | st.integers(LOWEST_US, HIGHEST_US)
anything_us = durations_us | st.integers(-(1 << 70), 1 << 70)
percents = st.integers(1, 100_000_000).map(lambda millionths: millionths / 1_000_000)


def histogram_of(values_us):
    histogram = Histogram()
    for value_us in values_us:
        histogram.record(value_us)
    return histogram


def sum_of(*parts):
    total = Histogram()
    for part in parts:
        total.add(part)
    return total


def plain(histogram):
    return {slot: getattr(histogram, slot) for slot in Histogram.__slots__}


def nearest_rank_us(values_us, percent):
    """Return the textbook's percentile, from the raw values and in exact arithmetic."""
    rank = math.ceil(Fraction(round(percent * 1_000_000), 100_000_000) * len(values_us))
    return sorted(values_us)[rank - 1]


# Buckets


@pytest.fixture(scope="module")
def hdr():
    return HdrHistogram(LOWEST_US, HIGHEST_US, 3)


@given(durations_us)
@example(LOWEST_US)
@example(HIGHEST_US)
def test_a_value_is_counted_in_the_bucket_that_hdrhistogram_would_choose(hdr, value_us):
    expected = hdr.get_counts_array_index(value_us)

    histogram = histogram_of([value_us])

    assert bucket_of(value_us) == expected
    assert histogram.counts == {expected: 1}


@pytest.mark.parametrize("value_us", EDGES)
def test_on_either_side_of_each_power_of_two_the_bucket_is_hdrhistograms(hdr, value_us):
    expected = hdr.get_counts_array_index(value_us)

    histogram = histogram_of([value_us])

    assert bucket_of(value_us) == expected
    assert histogram.counts == {expected: 1}


@given(durations_us)
@example(LOWEST_US)
@example(HIGHEST_US)
def test_the_highest_value_of_a_bucket_is_the_one_that_hdrhistogram_reports(hdr, value_us):
    assert highest_us_in(bucket_of(value_us)) == hdr.get_highest_equivalent_value(value_us)


def test_there_are_as_many_buckets_as_hdrhistogram_has(hdr):
    assert hdr.counts_len == BUCKETS


# Recording


@given(st.lists(durations_us, min_size=1))
def test_count_sum_minimum_maximum_and_mean_are_exact(values_us):
    histogram = histogram_of(values_us)

    assert histogram.count == len(values_us) == sum(histogram.counts.values())
    assert histogram.sum_us == sum(values_us)
    assert histogram.min_us == min(values_us)
    assert histogram.max_us == max(values_us)
    assert histogram.mean_us() == sum(values_us) / len(values_us)
    assert histogram.clamped == 0


def test_an_empty_histogram_has_counted_nothing():
    histogram = Histogram()

    assert plain(histogram) == {"counts": {}, "count": 0, "clamped": 0, "sum_us": 0, "min_us": 0, "max_us": 0}


@pytest.mark.parametrize(
    ("value_us", "recorded_us"),
    [
        (0, LOWEST_US),
        (-1, LOWEST_US),
        (-(1 << 70), LOWEST_US),
        (HIGHEST_US + 1, HIGHEST_US),
        (1 << 70, HIGHEST_US),
    ],
)
def test_a_value_out_of_range_is_recorded_at_the_nearer_end_and_counted_as_clamped(value_us, recorded_us):
    """hdrhistogram loses what lies above its range, and says so only in a return value."""
    histogram = histogram_of([1_000, value_us])

    assert histogram.clamped == 1
    assert plain(histogram) == plain(histogram_of([1_000, recorded_us])) | {"clamped": 1}


@pytest.mark.parametrize("value_us", [LOWEST_US, HIGHEST_US])
def test_the_ends_of_the_range_belong_to_it(value_us):
    histogram = histogram_of([value_us])

    assert histogram.clamped == 0
    assert histogram.percentile(50) == value_us


@given(st.lists(anything_us))
def test_no_value_is_lost(values_us):
    histogram = histogram_of(values_us)

    assert histogram.count == len(values_us) == sum(histogram.counts.values())
    assert histogram.clamped == sum(not LOWEST_US <= value_us <= HIGHEST_US for value_us in values_us)


# Adding


@given(st.lists(anything_us), st.lists(anything_us))
def test_adding_is_commutative(some_us, others_us):
    a, b = histogram_of(some_us), histogram_of(others_us)

    assert plain(sum_of(a, b)) == plain(sum_of(b, a))


@given(st.lists(anything_us), st.lists(anything_us), st.lists(anything_us))
def test_adding_is_associative(some_us, others_us, more_us):
    a, b, c = histogram_of(some_us), histogram_of(others_us), histogram_of(more_us)

    assert plain(sum_of(sum_of(a, b), c)) == plain(sum_of(a, sum_of(b, c)))


@given(st.lists(st.lists(anything_us)))
def test_adding_the_parts_is_recording_the_whole(parts_us):
    parts = [histogram_of(part_us) for part_us in parts_us]

    assert plain(sum_of(*parts)) == plain(histogram_of(itertools.chain(*parts_us)))


@given(st.lists(anything_us), st.lists(anything_us))
def test_what_is_added_is_left_as_it_was(some_us, others_us):
    other = histogram_of(others_us)
    total = histogram_of(some_us)

    total.add(other)
    total.record(7)

    assert plain(other) == plain(histogram_of(others_us))


def test_adding_an_empty_histogram_leaves_the_minimum_alone():
    """hdrhistogram has 0 for its minimum for ever after it added an empty one."""
    histogram = histogram_of([500, 700])

    histogram.add(Histogram())

    assert plain(histogram) == plain(histogram_of([500, 700]))


def test_adding_to_an_empty_histogram_takes_the_minimum_of_the_other():
    """hdrhistogram and its minimum of 0, the other way round."""
    histogram = Histogram()

    histogram.add(histogram_of([500, 700]))

    assert plain(histogram) == plain(histogram_of([500, 700]))


def test_seventy_thousand_values_in_one_bucket_stay_seventy_thousand():
    """hdrhistogram's counters of 16 and 32 bits wrap without a word."""
    histogram = histogram_of([1_000] * 70_000)

    read = Histogram.from_bytes(histogram.to_bytes())

    assert read.counts == histogram.counts == {1_000: 70_000}


# Percentiles


@given(st.lists(durations_us, min_size=1), percents)
def test_a_percentile_is_never_below_the_true_one_and_at_most_a_thousandth_above(values_us, percent):
    histogram = histogram_of(values_us)

    true_us, found_us = nearest_rank_us(values_us, percent), histogram.percentile(percent)

    assert true_us <= found_us <= true_us * Fraction(1_001, 1_000)
    assert found_us <= max(values_us)


@given(st.lists(st.integers(LOWEST_US, 2_047), min_size=1), percents)
def test_below_two_milliseconds_a_percentile_is_the_true_one(values_us, percent):
    assert histogram_of(values_us).percentile(percent) == nearest_rank_us(values_us, percent)


@given(st.lists(anything_us, min_size=1))
def test_the_hundredth_percentile_is_the_exact_maximum(values_us):
    histogram = histogram_of(values_us)

    assert histogram.percentile(100) == histogram.max_us


@pytest.mark.parametrize(
    ("percent", "value_us"),
    [(0.000001, 100), (10, 100), (10.1, 200), (50, 500), (50.1, 600), (90, 900), (94, 1000), (99, 1000), (100, 1000)],
)
def test_a_rank_between_two_values_is_the_upper_one(percent, value_us):
    """hdrhistogram rounds to the nearest rank: its p94 of these ten is 900 and its p50.1 is 500."""
    histogram = histogram_of(range(100, 1_001, 100))

    assert histogram.percentile(percent) == value_us


@pytest.mark.parametrize(("low", "value_us"), [(19_980, 1_000), (19_979, 2_000)])
def test_99_9_percent_of_twenty_thousand_values_is_the_19980th(low, value_us):
    """In floats 99.9 / 100 * 20,000 is above 19,980, and its ceiling the 19,981st."""
    histogram = histogram_of([1_000] * low + [2_000] * (20_000 - low))

    assert histogram.percentile(99.9) == value_us


@given(st.lists(durations_us, min_size=1), st.lists(percents))
def test_several_percentiles_at_once_are_what_each_is_alone(values_us, some_percents):
    histogram, ascending = histogram_of(values_us), sorted(some_percents)

    assert histogram.percentiles(ascending) == [histogram.percentile(percent) for percent in ascending]


@pytest.mark.parametrize("values_us", [[1_000], range(100, 1_001, 100)])
def test_percentiles_that_do_not_ascend_are_refused(values_us):
    histogram = histogram_of(values_us)

    with pytest.raises(ValueError, match="ascend"):
        histogram.percentiles([99, 50])


@pytest.mark.parametrize("percent", [0, -1, 100.1, math.nan, math.inf])
def test_a_percent_outside_0_to_100_is_refused(percent):
    histogram = histogram_of([1_000])

    with pytest.raises(ValueError, match="percent must be"):
        histogram.percentile(percent)


def test_without_values_there_is_no_percentile():
    with pytest.raises(ValueError, match="nothing was recorded"):
        Histogram().percentile(50)


def test_without_values_there_is_no_mean():
    with pytest.raises(ValueError, match="nothing was recorded"):
        Histogram().mean_us()


# Bytes


@given(st.lists(anything_us))
@example([])
@example([HIGHEST_US + 1])
def test_what_was_written_is_read_back(values_us):
    histogram = histogram_of(values_us)

    assert plain(Histogram.from_bytes(histogram.to_bytes())) == plain(histogram)


@given(st.lists(anything_us))
def test_writing_leaves_the_histogram_as_it_was(values_us):
    histogram = histogram_of(values_us)

    histogram.to_bytes()

    assert plain(histogram) == plain(histogram_of(values_us))


@given(st.lists(anything_us))
def test_what_was_read_writes_the_same_bytes_again(values_us):
    """hdrhistogram writes base64 again after it decoded plain bytes."""
    written = histogram_of(values_us).to_bytes()

    assert Histogram.from_bytes(written).to_bytes() == written


@given(st.lists(anything_us))
@example([1_000, HIGHEST_US])
def test_hdrhistogram_reads_the_counts_that_were_written(values_us):
    """hdrhistogram's encoder believes total_count and max_value, whatever is in the counts."""
    histogram = histogram_of(values_us)

    read = HdrHistogram.decode(histogram.to_bytes()[SUMMARY_BYTES:], b64_wrap=False)

    assert {bucket: count for bucket, count in enumerate(read.counts) if count} == histogram.counts
    assert read.get_total_count() == histogram.count
    assert read.counts_len == BUCKETS


@given(st.lists(anything_us))
@example([1_000, HIGHEST_US])
def test_counts_that_hdrhistogram_wrote_are_read(values_us):
    histogram = histogram_of(values_us)
    dense = HdrHistogram(LOWEST_US, HIGHEST_US, 3, b64_wrap=False)
    for bucket, count in histogram.counts.items():
        dense.counts[bucket] = count
    dense.total_count, dense.max_value = histogram.count, histogram.max_us

    read = Histogram.from_bytes(histogram.to_bytes()[:SUMMARY_BYTES] + bytes(dense.encode()))

    assert plain(read) == plain(histogram)


# Bytes from anybody


def number(value):
    """Return one number as HDR V2 writes it: zigzag, then seven bits a byte, the last of nine bytes whole."""
    rest, written = ((value << 1) ^ (value >> 63)) & (1 << 64) - 1, bytearray()
    while rest >> 7 and len(written) < 8:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def counts_of(counts):
    """Return the counts by bucket as HDR V2 writes them: a negative number is that many empty buckets."""
    written, at = b"", 0
    for bucket, count in sorted(counts.items()):
        written += (number(at - bucket) if bucket > at else b"") + number(count)
        at = bucket + 1
    return written


def hdr_head(length, cookie=0x1C849313, offset=0, digits=3, lowest=LOWEST_US, highest=HIGHEST_US):
    return struct.pack(">IIIIQQd", cookie, length, offset, digits, lowest, highest, 1.0)


def summary_of(count=2, clamped=0, sum_us=12, min_us=5, max_us=7):
    return struct.pack(">QQQQQ", count, clamped, sum_us, min_us, max_us)


def forged(summary=None, body=None, after=b"", **head):
    """Return bytes that are right, 5 us and 7 us, but for what is given."""
    summary = summary_of() if summary is None else summary
    body = counts_of({5: 1, 7: 1}) if body is None else body
    head = {"length": len(body)} | head
    return summary + zlib.compress(hdr_head(**head) + body) + after


def most_bytes_taken_refusing(data, why):
    """Return how much memory was taken at most while `data` was being refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=why):
            Histogram.from_bytes(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_forged_here_is_right_but_for_what_is_changed():
    assert plain(Histogram.from_bytes(forged())) == plain(histogram_of([5, 7]))


@given(st.lists(anything_us), st.data())
def test_bytes_cut_off_anywhere_are_refused(values_us, data):
    written = histogram_of(values_us).to_bytes()
    length = data.draw(st.integers(0, len(written) - 1))

    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_bytes(written[:length])


@given(st.binary(max_size=300))
def test_garbage_is_refused(garbage):
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_bytes(garbage)


@given(st.binary(min_size=1, max_size=300))
def test_garbage_after_a_summary_is_refused(garbage):
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_bytes(summary_of() + garbage)


numbers = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-BUCKETS - 2, 3) | st.integers(1, 1 << 40)


@given(st.binary(max_size=60) | st.lists(numbers, max_size=8).map(lambda some: b"".join(map(number, some))))
@example(b"\xff" * 30)
@example(number(-BUCKETS) + number(1))
@example(number(-(1 << 63)))
def test_garbage_for_counts_is_refused(body):
    most = (1 << 64) - 1
    summary = summary_of(count=most, sum_us=most, min_us=1, max_us=1)  # more than any one bucket can hold

    with pytest.raises(ValueError, match=r"buckets|decode"):
        Histogram.from_bytes(forged(summary=summary, body=body))


@given(st.lists(anything_us, min_size=1), st.data())
def test_a_damaged_byte_is_refused_or_changes_no_count(values_us, data):
    written = bytearray(histogram_of(values_us).to_bytes())
    at = data.draw(st.integers(SUMMARY_BYTES, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))

    try:
        read = Histogram.from_bytes(bytes(written))
    except ValueError:
        return

    assert plain(read) == plain(histogram_of(values_us))


def test_a_zip_bomb_is_refused_before_it_unfolds():
    """hdrhistogram inflates without a limit: 100 kB become 100 MB."""
    packer = zlib.compressobj(9)
    bomb = summary_of() + packer.compress(hdr_head(length=100_000_000))
    bomb += b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    assert len(bomb) < MOST_BYTES

    taken_bytes = most_bytes_taken_refusing(bomb, "compressed histogram of the wrong length")

    assert taken_bytes < 2_000_000


def test_a_header_that_asks_for_millions_of_buckets_is_refused_before_they_are_taken():
    """hdrhistogram takes the number of buckets from the header it is given."""
    greedy = forged(digits=5, highest=(1 << 63) - 1)

    taken_bytes = most_bytes_taken_refusing(greedy, "another range, precision or version")

    assert taken_bytes < 1_000_000


def test_more_bytes_than_any_histogram_has_are_refused():
    """hdrhistogram's check of the size is a chained comparison that can never be true."""
    with pytest.raises(ValueError, match=f"at most {MOST_BYTES}"):
        Histogram.from_bytes(forged() + bytes(MOST_BYTES))


def test_every_bucket_used_still_fits():
    values_us = [highest_us_in(bucket) for bucket in range(1, bucket_of(HIGHEST_US))]
    histogram = histogram_of(values_us)

    written = histogram.to_bytes()

    assert len(written) <= MOST_BYTES
    assert plain(Histogram.from_bytes(written)) == plain(histogram)


@pytest.mark.parametrize(
    "head",
    [
        {"cookie": 0x1C849303},
        {"cookie": 0x1C849314},
        {"cookie": 0},
        {"offset": 1},
        {"digits": 2},
        {"digits": 4},
        {"lowest": 2},
        {"lowest": 0},
        {"highest": HIGHEST_US + 1},
        {"highest": HIGHEST_US - 1},
    ],
    ids=str,
)
def test_a_header_of_another_range_precision_or_version_is_refused(head):
    with pytest.raises(ValueError, match="another range, precision or version"):
        Histogram.from_bytes(forged(**head))


@pytest.mark.parametrize("length", [0, 3, 5, (1 << 32) - 1])
def test_a_header_that_lies_about_the_length_is_refused(length):
    with pytest.raises(ValueError, match="header and length disagree"):
        Histogram.from_bytes(forged(length=length))


def test_bytes_after_the_counts_are_refused():
    with pytest.raises(ValueError, match="wrong length"):
        Histogram.from_bytes(forged(after=b"\0"))


def test_counts_without_a_header_are_refused():
    with pytest.raises(ValueError, match="wrong length"):
        Histogram.from_bytes(summary_of() + zlib.compress(b"short"))


@pytest.mark.parametrize("bucket", [BUCKETS, BUCKETS + 1, 1 << 40])
def test_a_count_past_the_last_bucket_is_refused(bucket):
    with pytest.raises(ValueError, match=r"decode|buckets"):
        Histogram.from_bytes(forged(body=counts_of({5: 1, 7: 1, bucket: 1})))


@pytest.mark.parametrize("count", [0, 1, 3, (1 << 64) - 1])
def test_a_summary_with_another_count_than_the_buckets_is_refused(count):
    with pytest.raises(ValueError, match=f"the buckets hold 2 values, the summary says {count}"):
        Histogram.from_bytes(forged(summary=summary_of(count=count)))


@pytest.mark.parametrize(
    "ends", [{"min_us": 4}, {"min_us": 6}, {"min_us": 0}, {"max_us": 6}, {"max_us": 8}, {"max_us": 1 << 63}], ids=str
)
def test_a_summary_whose_minimum_or_maximum_the_buckets_do_not_hold_is_refused(ends):
    with pytest.raises(ValueError, match=r"minimum \d+ us and maximum \d+ us"):
        Histogram.from_bytes(forged(summary=summary_of(**ends)))


@pytest.mark.parametrize("sum_us", [0, 9, 15, (1 << 64) - 1])
def test_a_sum_below_count_times_minimum_or_above_count_times_maximum_is_refused(sum_us):
    with pytest.raises(ValueError, match=f"sum {sum_us} us"):
        Histogram.from_bytes(forged(summary=summary_of(sum_us=sum_us)))


def test_a_sum_that_the_buckets_cannot_have_is_refused():
    """999 values of 5 us and one of 7 us are 5,002 us and nothing else; at 6,900 us the mean would be a lie."""
    summary = summary_of(count=1_000, sum_us=6_900)

    with pytest.raises(ValueError, match="sum 6900 us"):
        Histogram.from_bytes(forged(summary=summary, body=counts_of({5: 999, 7: 1})))


def test_more_clamped_than_counted_is_refused():
    with pytest.raises(ValueError, match="3 clamped"):
        Histogram.from_bytes(forged(summary=summary_of(clamped=3)))


def test_a_value_below_the_range_is_refused():
    """Recording never counts 0 us: it is clamped to 1 us."""
    summary = summary_of(count=1, sum_us=0, min_us=0, max_us=0)

    with pytest.raises(ValueError, match="0 us"):
        Histogram.from_bytes(forged(summary=summary, body=counts_of({0: 1})))


def test_a_value_above_the_range_is_refused():
    """The last buckets lie above 1 h: hdrhistogram's array is longer than its range."""
    highest_us = highest_us_in(BUCKETS - 1)
    summary = summary_of(count=1, sum_us=highest_us, min_us=highest_us, max_us=highest_us)

    with pytest.raises(ValueError, match=f"{highest_us} us"):
        Histogram.from_bytes(forged(summary=summary, body=counts_of({BUCKETS - 1: 1})))


def test_an_empty_histogram_with_a_sum_is_refused():
    with pytest.raises(ValueError, match="sum 1 us"):
        Histogram.from_bytes(forged(summary=summary_of(count=0, sum_us=1, min_us=0, max_us=0), body=b""))


def test_an_empty_histogram_with_a_minimum_is_refused():
    with pytest.raises(ValueError, match="do not match the buckets"):
        Histogram.from_bytes(forged(summary=summary_of(count=0, sum_us=0, min_us=1, max_us=1), body=b""))


@pytest.mark.parametrize(
    ("percent", "fewest"), [(50, 2), (75, 4), (90, 10), (95, 20), (99, 100), (99.9, 1_000), (99.99, 10_000), (100, 1)]
)
def test_a_percentile_needs_so_many_values_that_one_can_lie_beyond_it(percent, fewest):
    assert fewest_for(percent) == fewest
