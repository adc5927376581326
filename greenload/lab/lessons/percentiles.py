"""Lesson: three ways to get a percentile out of the same times, two of them wrong."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from random import Random

from greenload.core.histogram import Histogram
from greenload.core.locust_rounding import percentile_ms
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson

SAMPLES = 100_000
WORKERS = 4
PERCENTS = (50.0, 95.0, 99.0, 99.9)
SEED = 1


def draw(count: int) -> list[list[float]]:
    """Return the milliseconds that each of four workers measured; the last one had the slow network."""
    random = Random(SEED)
    return [
        [random.lognormvariate(math.log(0.4 if worker < WORKERS - 1 else 40.0), 0.6) for _ in range(count // WORKERS)]
        for worker in range(WORKERS)
    ]


def exact(times_ms: Sequence[float], percent: float) -> float:
    """The nearest rank in the sorted times."""
    return sorted(times_ms)[math.ceil(len(times_ms) * percent / 100) - 1]


def average_of_workers(workers: Sequence[Sequence[float]], percent: float) -> float:
    """Each worker its own percentile, and the mean of those: what a dashboard does that has nothing else."""
    return statistics.mean(exact(times_ms, percent) for times_ms in workers)


def as_locust_rounds(time_ms: float) -> int:
    """Two digits that mean something, and no part of a millisecond."""
    if time_ms < 100:
        return round(time_ms)
    return int(round(time_ms, -1 if time_ms < 1_000 else -2 if time_ms < 10_000 else -3))


def from_counts(workers: Sequence[Sequence[float]], percent: float) -> float:
    """What greenload does: each worker counts, the counts are added, and one percentile is read from the sum."""
    merged = Histogram()
    for times_ms in workers:
        counted = Histogram()
        for time_ms in times_ms:
            counted.record(round(1000 * time_ms))
        merged.add(counted)
    return merged.percentile(percent) / 1000


def measure(effort: Effort) -> Findings:
    """Work out each percentile in each way."""
    workers = draw(max(4_000, effort.of(SAMPLES)))
    together = [time_ms for times_ms in workers for time_ms in times_ms]
    rounded = Counter(map(as_locust_rounds, together))
    ways = {
        percent: (
            exact(together, percent),
            from_counts(workers, percent),
            float(percentile_ms(rounded, percent)),
            average_of_workers(workers, percent),
        )
        for percent in PERCENTS
    }

    def error(way: int) -> float:
        return max(abs(values[way] / values[0] - 1) for values in ways.values())

    rows = [[f"p{percent:g}", *(f"{value:.3f}" for value in values)] for percent, values in ways.items()]
    return Findings(
        tables=[Table(f"{len(together):,} times of {WORKERS} workers, ms",
                      ["", "exact", "greenload: added counts", "Locust: rounded", "mean of the workers'"], rows)],
        claims=[
            Claim("Counts that are added up give the percentile to 0.1 %", error(1) <= 0.0015,
                  f"off by {error(1):.2%} at most", needs_quiet=False),
            Claim("Rounding to a millisecond is off by more than a tenth where answers take less than a few",
                  error(2) > 0.1, f"off by {error(2):.0%} at most", needs_quiet=False),
            Claim("The mean of the workers' percentiles is no percentile of anything", error(3) > 0.25,
                  f"off by {error(3):.0%} at most", needs_quiet=False),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="percentiles",
    question="is a percentile of workers the mean of their percentiles?",
    code=[exact, from_counts, as_locust_rounds, average_of_workers],
    measure=measure,
    reading=(
        "A percentile is a rank among all values. Who has only four p99s cannot know the p99 of all: a worker with "
        "the slow tenth of the requests counts as much as each of the others. Who has counts can add them. The "
        "times here are drawn, not measured, with the same seed each time, so this lesson says the same on every "
        "machine."
    ),
    following="pool",
)
