"""A histogram of durations: exact counts in HdrHistogram's buckets.

Microseconds from 1 us to 1 h are sorted into buckets at most 0.1 % wide (three significant digits), the same for every
histogram of every run. So merging is addition: adding histograms in any order and any grouping gives the histogram of
all their values, and a percentile of the sum is the percentile of everything.

The counts are kept sparse, in a dict from bucket index to count. One second of one request name touches some hundreds
of the 23,552 buckets: taking, adding and scanning cost what was used, not what exists, and recording costs the same as
into hdrhistogram's dense array (0.15 us against 0.14 us; its own record_value takes 1.3 us). Its format carries the
counts into files and to other tools.

Knows nothing of clocks, names or requests.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from itertools import accumulate, chain
from operator import mul

from hdrh.histogram import HdrHistogram

from greenload.core.hdr_counts import decode, encode, most_bytes

LOWEST_US = 1
HIGHEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3

# HdrHistogram's layout for three digits: 2,048 buckets of 1 us each, then 1,024 for each further power of two.
_LINEAR_BUCKETS = 2_048
_HALF_BITS = 10
_HALF = 1 << _HALF_BITS
BUCKETS = 23_552

# The ends of every bucket, to check a histogram that came from elsewhere at the speed of C.
_LOWEST_US = [*range(_LINEAR_BUCKETS), *chain(*(range(_HALF << b, 2 * _HALF << b, 1 << b) for b in range(1, 22)))]

_SUMMARY = struct.Struct(">QQQQQ")  # count, clamped, sum_us, min_us, max_us
_SPAN = (SIGNIFICANT_DIGITS, LOWEST_US, HIGHEST_US)
_HDR_DEFLATED_HEAD = struct.Struct(">II")  # cookie, length of what follows
_HDR_DEFLATED_COOKIE = 0x1C849314
MOST_BYTES = _SUMMARY.size + most_bytes(BUCKETS)


def bucket_of(value_us: int) -> int:
    """Return the index of the bucket that counts `value_us`.

    The shift b is 0 below 2,048 us and grows by one with each doubling; the top 11 bits choose the bucket within it.
    """
    b = (value_us | _LINEAR_BUCKETS - 1).bit_length() - _HALF_BITS - 1
    return (b << _HALF_BITS) + (value_us >> b)


def highest_us_in(bucket: int) -> int:
    """Return the largest duration, in microseconds, that falls into `bucket`."""
    if bucket < _LINEAR_BUCKETS:
        return bucket
    b = (bucket >> _HALF_BITS) - 1
    return ((bucket - (b << _HALF_BITS) + 1) << b) - 1


def fewest_for(percent: float) -> int:
    """Return how many values there must be for `percent` of them to be less than all: 20 for 95, 1,000 for 99.9.

    Of fewer the percentile is nothing but the maximum under another name.
    """
    beyond = 100_000_000 - round(percent * 1_000_000)  # in integers, for the reason that _rank has
    return -(-100_000_000 // beyond) if beyond > 0 else 1


class Histogram:
    """Durations in integer microseconds.

    count, sum_us, min_us and max_us are exact; `clamped` counts the values that lay outside 1 us to 1 h and were
    recorded at the nearer end. An empty histogram has min_us = max_us = 0.
    """

    __slots__ = ("clamped", "count", "counts", "max_us", "min_us", "sum_us")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.clamped = 0
        self.sum_us = 0
        self.min_us = 0
        self.max_us = 0

    def record(self, value_us: int) -> None:
        """Count one duration of `value_us` microseconds. This is the hot path: every request comes through here."""
        if not LOWEST_US <= value_us <= HIGHEST_US:
            # hdrhistogram drops what is out of range without a word; a lost value would make every percentile a lie.
            value_us = LOWEST_US if value_us < LOWEST_US else HIGHEST_US
            self.clamped += 1
        counts = self.counts
        # bucket_of, written out: a call would cost as much as all the rest of the line.
        b = (value_us | 2047).bit_length() - 11
        bucket = (b << 10) + (value_us >> b)
        counts[bucket] = counts.get(bucket, 0) + 1
        self.sum_us += value_us
        if value_us > self.max_us:
            self.max_us = value_us
        if value_us < self.min_us or not self.count:
            self.min_us = value_us
        self.count += 1

    def add(self, other: Histogram) -> None:
        """Add all that `other` counted; `other` is left as it is."""
        if not other.count:
            # The empty histogram has no minimum; taking its 0 for one is a fault of hdrhistogram's own add.
            return
        if self.count:
            counts = self.counts
            for bucket, count in other.counts.items():
                counts[bucket] = counts.get(bucket, 0) + count
        else:
            self.counts = other.counts.copy()
        self.min_us = min(self.min_us, other.min_us) if self.count else other.min_us
        self.max_us = max(self.max_us, other.max_us)
        self.sum_us += other.sum_us
        self.clamped += other.clamped
        self.count += other.count

    def percentile(self, percent: float) -> int:
        """Return the smallest recorded value that `percent` of all values do not exceed.

        percent: 0 < percent <= 100, read to six decimals.  Returns microseconds, at most 0.1 % above the true value;
        percentile(100) is the exact maximum.
        Raises ValueError when nothing was recorded: "no data" must not read as 0 ms.
        Source: nearest rank, highest equivalent value (HdrHistogram).
        """
        return self.percentiles([percent])[0]

    def percentiles(self, percents: list[float]) -> list[int]:
        """Return `percentile` of each of `percents`, which must ascend, in one walk over the used buckets."""
        if not self.count:
            raise ValueError("no percentile: nothing was recorded")
        if percents != sorted(percents):
            raise ValueError(f"percents must ascend: {percents}")
        buckets = sorted(self.counts)
        seen = list(accumulate(map(self.counts.__getitem__, buckets)))
        # The true value lies in this bucket, and nothing recorded lies above the exact maximum.
        return [
            min(highest_us_in(buckets[bisect_left(seen, self._rank(percent))]), self.max_us) for percent in percents
        ]

    def _rank(self, percent: float) -> int:
        if not 0 < percent <= 100:
            raise ValueError(f"percent must be above 0 and at most 100, not {percent}")
        # ceil(percent / 100 * count) in integers: in floats 99.9 % of 20,000 comes out above 19,980 and is rounded up
        # to the wrong rank; hdrhistogram rounds to the nearest and falls one short for small counts.
        millionths = round(percent * 1_000_000)
        return max(1, -(-millionths * self.count // 100_000_000))

    def mean_us(self) -> float:
        """Return the exact mean in microseconds.  Raises ValueError when nothing was recorded."""
        if not self.count:
            raise ValueError("no mean: nothing was recorded")
        return self.sum_us / self.count

    def to_bytes(self) -> bytes:
        """Return the histogram as five big-endian 64-bit numbers (count, clamped, sum, min, max) and its HDR V2 counts.

        Source of the second part: HdrHistogram's compressed V2 encoding, without base64 and the head before it.
        """
        summary = _SUMMARY.pack(self.count, self.clamped, self.sum_us, self.min_us, self.max_us)
        return summary + encode(self.counts, _SPAN)

    def to_hdr(self) -> bytes:
        """Return the counts alone, as other tools read them: HdrHistogram's compressed V2 encoding, by hdrhistogram."""
        dense = HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS, b64_wrap=False)
        for bucket, count in self.counts.items():
            dense.counts[bucket] = count
        # The encoder believes these two, and they are not set by writing into the counts.
        dense.total_count = self.count
        dense.max_value = self.max_us
        deflated = bytes(dense.encode())
        return _HDR_DEFLATED_HEAD.pack(_HDR_DEFLATED_COOKIE, len(deflated)) + deflated

    @classmethod
    def from_bytes(cls, data: bytes) -> Histogram:
        """Return the histogram that `to_bytes` wrote.

        The bytes may come from anybody: every size is checked before memory is taken for it, and the counts must agree
        with the summary.  Raises ValueError, with what is wrong, for anything `to_bytes` would not have written.
        """
        if not _SUMMARY.size < len(data) <= MOST_BYTES:
            raise ValueError(
                f"a histogram of {len(data)} bytes: expected more than {_SUMMARY.size}, at most {MOST_BYTES}"
            )
        histogram = cls()
        summary = _SUMMARY.unpack_from(data)
        histogram.count, histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us = summary
        histogram.counts = decode(data[_SUMMARY.size :], BUCKETS, _SPAN)
        histogram.check()
        return histogram

    def check(self) -> None:
        """Raise ValueError unless the summary is one that these counts can have."""
        buckets, counts = self.counts.keys(), self.counts.values()
        if sum(counts) != self.count:
            raise ValueError(f"the buckets hold {sum(counts)} values, the summary says {self.count}")
        ends = (bucket_of(self.min_us), bucket_of(self.max_us)) if self.count else (self.min_us, self.max_us)
        used = (min(buckets), max(buckets)) if self.count else (0, 0)
        if ends != used:
            raise ValueError(f"minimum {self.min_us} us and maximum {self.max_us} us do not match the buckets {used}")
        if self.count and not LOWEST_US <= self.min_us <= self.max_us <= HIGHEST_US:
            raise ValueError(f"minimum {self.min_us} us and maximum {self.max_us} us lie outside the range")
        # No bucket is wider than a 1,024th of its lowest value.
        least_us = sum(map(mul, map(_LOWEST_US.__getitem__, buckets), counts))
        if not least_us <= self.sum_us <= least_us + (least_us >> _HALF_BITS) or self.clamped > self.count:
            raise ValueError(f"the sum {self.sum_us} us or {self.clamped} clamped cannot belong to these counts")
