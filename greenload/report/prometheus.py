"""A run as Prometheus text: what its counters and histograms stand at, or stood at when it ended.

For Prometheus to fetch, or for a push gateway or a file that node_exporter picks up. The buckets of the histograms are
the usual ones; their counts come from HDR buckets that are 0.1 % wide, so a count is off at most by the requests within
0.1 % of a bucket's end.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from greenload.core.histogram import Histogram, highest_us_in
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.stats import Tally

# Prometheus' own defaults, and below and above them what a service in memory and a timeout take.
BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5,
    10.0, 25.0, 60.0, 300.0, 3600.0,
)  # fmt: skip

Named = list[tuple[str, Tally]]


def prometheus(run: RunInfo, results: Results) -> Iterator[str]:
    """Yield the lines, for the run after its warm-up."""
    names = [
        (_labels(run=run.id, method=method, name=name), tally)
        for (method, name), tally in sorted(results.measured.tallies.items())
    ]
    yield from _counter("requests", "Requests that ended.", [(labels, tally.requests) for labels, tally in names])
    yield from _counter(
        "unfinished", "Requests that were cut off.", [(labels, tally.unfinished.count) for labels, tally in names]
    )
    yield from _counter(
        "received_bytes", "Bytes of bodies.", [(labels, tally.received_bytes) for labels, tally in names]
    )
    failures = (
        (f"{labels},{_labels(error=kind)}", seen.count) for labels, tally in names for kind, seen in tally.failures
    )
    yield from _counter("failures", "Requests that failed, by kind.", failures)
    for clock, meaning in (("response", "intended"), ("service", "real")):
        yield f"# HELP greenload_{clock}_time_seconds Time from a request's {meaning} start to its end.\n"
        yield f"# TYPE greenload_{clock}_time_seconds histogram\n"
        for labels, tally in names:
            yield from _histogram(f"greenload_{clock}_time_seconds", labels, getattr(tally.ended(), clock))


def _counter(what: str, meaning: str, counted: Iterable[tuple[str, int]]) -> Iterator[str]:
    yield f"# HELP greenload_{what}_total {meaning}\n# TYPE greenload_{what}_total counter\n"
    for labels, count in counted:
        yield f"greenload_{what}_total{{{labels}}} {count}\n"


def _histogram(name: str, labels: str, histogram: Histogram) -> Iterator[str]:
    used = iter(sorted(histogram.counts.items()))
    bucket, count = next(used, (None, 0))
    seen = 0
    for end_s in BUCKETS_S:
        while bucket is not None and highest_us_in(bucket) <= end_s * 1e6:
            seen += count
            bucket, count = next(used, (None, 0))
        yield f'{name}_bucket{{{labels},le="{end_s:g}"}} {seen}\n'
    yield f'{name}_bucket{{{labels},le="+Inf"}} {histogram.count}\n'
    yield f"{name}_sum{{{labels}}} {histogram.sum_us / 1e6!r}\n"
    yield f"{name}_count{{{labels}}} {histogram.count}\n"


def _labels(**values: str) -> str:
    return ",".join(f'{label}="{_escaped(value)}"' for label, value in values.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
