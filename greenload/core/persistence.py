"""How much of what is unusual in one second is still there in those that follow, and what that does to an interval.

A mean of n values that hang together is as uncertain as one of n / (1 + 2 * (r1 + r2 + ...)) independent values, r
being their correlations. A resample of blocks keeps only what hangs together within a block of b: of the k-th
correlation a part of 1 - k/b. So where correlations reach further its intervals are too narrow: at a correlation of 0.8
and blocks of 10 s by a fifth. Longer blocks are no way out, for of a minute there would be four of them. Instead the
interval is widened by what the blocks leave out, which is worked out from two numbers: the first correlation, and the
part of it that is left each second. Those are the correlations of a level that wanders and is seen through noise
(ARMA(1, 1)), as a service's is through the few requests of each second.

Source: D. W. K. Andrews and J. C. Monahan, An improved heteroskedasticity and autocorrelation consistent covariance
matrix estimator, Econometrica 60 (1992): a short-range estimate is corrected by what a simple model says is missing.
The correlations of short runs come out too small; they are corrected as by M. G. Kendall, Note on bias in the
estimation of autocorrelation, Biometrika 41 (1954). The automatic block length of Politis and White (2004) was tried:
with it instead, runs of a minute gave more than twice as many false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_DECAY = 0.9  # what comes nearer to 1 cannot be told from a level that has changed for good
FEWEST_ERRORS = 1.0  # standard errors that a first correlation must be; with 2, noise would hide too many


@dataclass(frozen=True)
class Persistence:
    """The k-th correlation is first * decay ** (k - 1); both are 0 where nothing can be told from chance."""

    first: float = 0.0
    decay: float = 0.0

    @property
    def values_for_one(self) -> float:
        """How many values say as much as one that is independent."""
        return 1 + 2 * self.first / (1 - self.decay)

    def beyond(self, block: float) -> float:
        """Return by how much larger the variance of a mean is than one sees from blocks of so many values."""
        lags = range(1, math.ceil(block))
        seen = 1 + 2 * sum((1 - lag / block) * self.first * self.decay ** (lag - 1) for lag in lags)
        return self.values_for_one / seen


def persistence(series: Sequence[Sequence[float]]) -> Persistence:
    """Return how the values of `series` hang together, each of them around its own mean."""
    count = sum(map(len, series))
    products = [[_products(values, lag) for values in series] for lag in (0, 1, 2)]
    spread, once, twice = map(sum, products)
    mean_count = count / len(series)
    if not spread or mean_count <= 2:
        return Persistence()
    first, second = (summed / spread / (1 - lag / mean_count) for lag, summed in ((1, once), (2, twice)))
    # By what taking the mean away takes from the correlations of few values.
    known = max(0.0, first)
    first += (1 + 3 * known) / mean_count
    second += (1 + 2 * known + 5 * known**2) / mean_count
    if first < FEWEST_ERRORS / math.sqrt(count):
        return Persistence()
    return Persistence(min(first, MOST_DECAY), min(MOST_DECAY, max(first, second / first)))


def _products(values: Sequence[float], lag: int) -> float:
    mean = sum(values) / len(values)
    return sum((one - mean) * (other - mean) for one, other in zip(values, values[lag:], strict=False))
