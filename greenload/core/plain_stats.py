"""What was counted in plain form: Stats as lists, text and numbers, and back again with everything checked.

A histogram is its used buckets and their counts: for one second of one name they need neither packing nor unpacking.
Knows nothing of messages.
"""

from __future__ import annotations

from typing import Any

from greenload.core.codec import (
    MOST_COUNT,
    MOST_WHOLE,
    SUM,
    Codec,
    Malformed,
    at,
    filled,
    listed,
    need,
    number_to,
    optional,
    record,
    refuse,
    text,
    unless_empty,
    whole_from,
)
from greenload.core.histogram import BUCKETS, Histogram
from greenload.core.kinds import MOST_KINDS, Kinds, Occurrences
from greenload.core.phases import PHASES, Phases
from greenload.core.shape import MOST_SECONDS
from greenload.core.stall import Stall
from greenload.core.stats import COUNTERS, Stats, Tally, Timings
from greenload.core.task_counts import MOST_TASKS, TaskCounts

# Of bytes, or of microseconds: of 10,000 users in 31 hours. What is kept is added up first, for one name and second all
# that a transaction brings, and stands in 63 bits: room for 8,000 reports full of this, and a master reads a tenth of
# them between two. All else is added up in Python, where no sum overflows. So only a report has these bounds: what was
# kept is the sum of many, and must be read again.
MOST_REPORTED = 2**50


def _whole_numbers(plain: Any, least: int, most: int) -> list[int]:
    # At the speed of C: these are nearly all that there is in a report.
    numbers = listed(plain)
    if set(map(type, numbers)) != {int} or min(numbers) < least or max(numbers) > most:
        refuse(f"whole numbers of {least} to {most}", plain)
    return numbers


def _dump_histogram(histogram: Histogram) -> list[Any]:
    summary = [histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us]
    return [*summary, list(histogram.counts), list(histogram.counts.values())]


def _load_histogram(plain: Any) -> Histogram:
    *summary, buckets, counts = listed(plain, 6)
    histogram = Histogram()
    histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us = map(SUM.load, summary)
    used, held = _whole_numbers(buckets, 0, BUCKETS - 1), _whole_numbers(counts, 1, MOST_WHOLE)
    need(len(set(used)) == len(used) == len(held), "distinct buckets and a count for each", plain)
    histogram.counts = dict(zip(used, held, strict=True))
    histogram.count = sum(counts)
    try:
        histogram.check()
    except ValueError as error:
        raise Malformed(str(error)) from error
    return histogram


HISTOGRAM = unless_empty(Histogram, lambda histogram: not histogram.count, Codec(_dump_histogram, _load_histogram))


def _dump_timings(timings: Timings) -> list[Any]:
    return [_dump_histogram(timings.service), None if timings.are_alike else _dump_histogram(timings.response)]


def _load_timings(plain: Any) -> Timings:
    service, response = listed(plain, 2)
    timings = Timings()
    timings.service = timings.response = at("service", _load_histogram, service)
    if response is not None:
        timings.response = at("response", _load_histogram, response)
    need(timings.service.count == timings.response.count, "as many times by one clock as by the other", plain)
    return timings


TIMINGS = unless_empty(Timings, lambda timings: not timings.service.count, Codec(_dump_timings, _load_timings))

SECONDS = number_to(MOST_SECONDS)
SECOND = whole_from(0, int(MOST_SECONDS))
OCCURRENCES = record(Occurrences, count=SUM, first_s=SECOND, last_s=SECOND)


def _dump_kinds(kinds: Kinds) -> list[Any]:
    kept = [[kind, OCCURRENCES.dump(seen)] for kind, seen in kinds.kept.items()]
    return [kept, optional(OCCURRENCES).dump(kinds.others)]


def _load_kinds(plain: Any) -> Kinds:
    kept, others = listed(plain, 2)
    kinds = Kinds()
    for pair in listed(kept):
        kind, seen = listed(pair, 2)
        kinds.kept[text(kind)] = OCCURRENCES.load(seen)
    need(len(kinds.kept) == len(kept) <= MOST_KINDS, f"at most {MOST_KINDS} kinds, each once", kept)
    kinds.others = optional(OCCURRENCES).load(others)
    return kinds


KINDS = unless_empty(Kinds, lambda kinds: not len(kinds), Codec(_dump_kinds, _load_kinds))


def _dump_phases(phases: Phases) -> list[Any]:
    return [None if (held := phases.histograms.get(phase)) is None else _dump_histogram(held) for phase in PHASES]


def _load_phases(plain: Any) -> Phases:
    # By their place: there are these and no others, whatever somebody sends.
    phases = Phases()
    for phase, histogram in zip(PHASES, listed(plain, len(PHASES)), strict=True):
        if histogram is not None:
            phases.histograms[phase] = at(phase, _load_histogram, histogram)
    need(len(phases.histograms) > 0, "at least one phase", plain)
    return phases


TALLY = filled(
    Tally,
    succeeded=TIMINGS,
    failed=TIMINGS,
    failures=KINDS,
    received_bytes=SUM,
    unfinished=HISTOGRAM,
    phases=optional(Codec(_dump_phases, _load_phases)),
)


def _load_tallies(plain: Any) -> dict[tuple[str, str], Tally]:
    tallies = {}
    for each in listed(plain):
        method, name, tally = listed(each, 3)
        tallies[text(method), text(name)] = at(f"{method} {name}", TALLY.load, tally)
    need(len(tallies) == len(plain), "each name once", plain)
    return tallies


TALLIES = Codec(
    lambda tallies: [[method, name, TALLY.dump(tally)] for (method, name), tally in tallies.items()], _load_tallies
)
STALL = optional(record(Stall, length_s=SECONDS, from_s=SECONDS))


def _dump_tasks(tasks: TaskCounts) -> list[Any]:
    return [[[class_name, task, times] for (class_name, task), times in tasks.kept.items()], tasks.others]


def _load_tasks(plain: Any) -> TaskCounts:
    kept, others = listed(plain, 2)
    tasks = TaskCounts()
    for each in listed(kept):
        class_name, task, times = listed(each, 3)
        tasks.kept[text(class_name), text(task)] = SUM.load(times)
    need(len(tasks.kept) == len(kept) <= MOST_TASKS, f"at most {MOST_TASKS} tasks, each once", kept)
    tasks.others = SUM.load(others)
    return tasks


TASKS = unless_empty(TaskCounts, lambda tasks: not len(tasks), Codec(_dump_tasks, _load_tasks))
STATS = filled(
    Stats,
    tallies=TALLIES,
    **dict.fromkeys(COUNTERS, SUM),
    exceptions=KINDS,
    lag=HISTOGRAM,
    longest_stall=STALL,
    tasks=TASKS,
)


def check_reported(stats: Stats) -> None:
    """Raise Malformed when there is more in `stats` than one report can have."""
    counters = (getattr(stats, counter) for counter in COUNTERS)
    _check_counts([*counters, *stats.tasks.kept.values(), stats.tasks.others, stats.lag.count], stats.exceptions)
    _check_sums([stats.lag.sum_us])
    for tally in stats.tallies.values():
        succeeded, failed = tally.succeeded, tally.failed
        _check_counts([tally.requests, tally.unfinished.count], tally.failures)
        timings = (succeeded.service, succeeded.response, failed.service, failed.response, tally.unfinished)
        _check_sums([tally.received_bytes, *(histogram.sum_us for histogram in timings)])
        if tally.phases is not None:
            phases = tally.phases.histograms.values()
            _check_counts([histogram.count for histogram in phases], Kinds())
            _check_sums([histogram.sum_us for histogram in phases])


def _check_counts(counts: list[int], kinds: Kinds) -> None:
    most = max(*counts, *(seen.count for _, seen in kinds)) if len(kinds) else max(counts)
    if most > MOST_COUNT:
        refuse(f"counts of at most {MOST_COUNT}", most)


def _check_sums(sums: list[int]) -> None:
    if max(sums) > MOST_REPORTED:
        refuse(f"sums of at most {MOST_REPORTED}", max(sums))
