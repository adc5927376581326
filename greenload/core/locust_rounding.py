"""What a time that Locust wrote can stand for.

Locust rounds each response time before it counts it: below 100 ms to 1 ms, below 1 s to 10 ms, below 10 s to 100 ms,
above to 1 s. And its percentile has another rank: of n values the floor(n * p) + 1st, where greenload takes the
ceil(n * p)th; the two differ where n * p is whole, by one place. So a time of greenload's agrees with one of Locust's
when some value between the two ranks could have been rounded to what Locust wrote.

Source: bucket_response_time and calculate_response_time_percentile in locust/stats.py, Locust 2.47.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from greenload.core.histogram import Histogram

_STEPS = ((100, 1), (1_000, 10), (10_000, 100))
_LARGEST_STEP = 1_000


def band_ms(written_ms: float) -> tuple[float, float]:
    """Return the smallest and the largest time that Locust writes as `written_ms`, which must be above 0."""
    below = next((step for end, step in _STEPS if written_ms <= end), _LARGEST_STEP)
    above = next((step for end, step in _STEPS if written_ms < end), _LARGEST_STEP)
    # An exact half goes to the even neighbour, so that either end may belong to it.
    return max(0.0, written_ms - below / 2), written_ms + above / 2


def beyond_ms(range_ms: tuple[float, float], written_ms: float) -> float:
    """Return how far a time in `range_ms` lies beyond all that Locust writes as `written_ms`; 0 where they agree."""
    low_ms, high_ms = band_ms(written_ms)
    if range_ms[0] > high_ms:
        return range_ms[0] - high_ms
    return min(0.0, range_ms[1] - low_ms)


def between_ranks_ms(histogram: Histogram, percent: float) -> tuple[float, float]:
    """Return the values at greenload's rank and at Locust's."""
    low_us = histogram.percentile(percent)
    rank = min(histogram.count, round(percent * 1_000_000) * histogram.count // 100_000_000 + 1)
    return low_us / 1000, max(low_us, histogram.percentile(math.floor(100e6 * rank / histogram.count) / 1e6)) / 1000


def percentile_ms(response_times: Mapping[int, int], percent: float) -> int:
    """Return the percentile of rounded times as Locust does."""
    count = sum(response_times.values())
    rank = min(count, math.floor(round(percent * 1_000_000) * count / 100_000_000) + 1)
    seen = 0
    for time_ms, times in sorted(response_times.items()):
        seen += times
        if seen >= rank:
            return time_ms
    raise ValueError("no percentile: nothing was recorded")
