"""Messages in plain form: lists, text and numbers that any wire can carry, and back again with everything checked.

Each message has one form, each field of it one codec. A histogram is its used buckets and their counts: for one second
of one name they need neither packing nor unpacking.
Knows nothing of bytes or sockets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from greenload.core.codec import (
    BYTES,
    COUNT,
    LONGEST_NAME,
    MOST_COUNT,
    MOST_WHOLE,
    NAME,
    NUMBER,
    POSITIVE,
    SUM,
    TEXT,
    TRUTH,
    WHOLE,
    Codec,
    Malformed,
    at,
    filled,
    listed,
    many,
    need,
    number_to,
    one_of,
    optional,
    record,
    refuse,
    shown,
    text,
    unless_empty,
    whole_from,
)
from greenload.core.histogram import BUCKETS, Histogram
from greenload.core.messages import (
    MOST_CPU_PERCENT,
    MOST_ROWS_AT_ONCE,
    Ack,
    Beat,
    Bye,
    Changes,
    Claim,
    Fetch,
    Grant,
    Hello,
    Message,
    Piece,
    Plan,
    Refused,
    Report,
    Resolved,
    Start,
    Stop,
)
from greenload.core.placement import Share
from greenload.core.roster import EDIT, JOIN, LOSE, Change, Edit, Entry
from greenload.core.shape import MOST_SECONDS, MOST_USERS, Shape, Stage
from greenload.core.stats import MOST_KINDS, Kinds, Occurrences, Stats, Tally, Timings

# Of bytes, or of microseconds: of 10,000 users in 31 hours. What is kept is added up first, for one name and second all
# that a transaction brings, and stands in 63 bits: room for 8,000 reports full of this, and a master reads a tenth of
# them between two. All else is added up in Python, where no sum overflows. So only a report has these bounds: what was
# kept is the sum of many, and must be read again.
MOST_REPORTED = 2**50


def to_plain(message: Message) -> list[Any]:
    """Return `message` as [tag, fields...]."""
    tag = _TAGS.get(type(message))
    if tag is None:
        raise TypeError(f"{message!r} is not a message")
    return [tag, *_MESSAGES[tag][1].dump(message)]


def from_plain(plain: Any) -> Message:
    """Return the message that `to_plain` made plain.  Raises Malformed for anything else."""
    if not isinstance(plain, list) or not plain or not isinstance(plain[0], str) or plain[0] not in _MESSAGES:
        raise Malformed(f"not a message of this protocol: {shown(plain)}")
    message: Message = at(plain[0], _MESSAGES[plain[0]][1].load, plain[1:])
    return message


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


TALLY = filled(Tally, succeeded=TIMINGS, failed=TIMINGS, failures=KINDS, received_bytes=SUM, unfinished=HISTOGRAM)


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
STATS = filled(Stats, tallies=TALLIES, sent=SUM, exceptions=KINDS, users_died=SUM, lag=HISTOGRAM)


def _load_changes(plain: Any) -> tuple[Change, ...]:
    # At the start a thousand workers are each told of a thousand changes: column by column, a fifth of the time.
    times, kinds, workers = map(listed, listed(plain, 3))
    need(len(times) == len(kinds) == len(workers), "a time, a kind and a worker for each change", plain)
    need(set(map(type, times)) <= {int, float} and all(map(math.isfinite, times)), "times", times)
    need(0 <= min(times, default=0) <= max(times, default=0) <= MOST_SECONDS, f"times to {MOST_SECONDS:g} s", times)
    need(set(map(type, kinds)) <= {str} and set(kinds) <= {JOIN, LOSE}, f"{JOIN} or {LOSE}", kinds)
    need(set(map(type, workers)) <= {str} and all(workers) and all(map(str.isprintable, workers)), "names", workers)
    need(len(max(workers, key=len, default="")) <= LONGEST_NAME, f"names of at most {LONGEST_NAME}", workers)
    return tuple(map(Change, map(float, times), kinds, workers))


CHANGES = Codec(lambda changes: [[change[column] for change in changes] for column in range(3)], _load_changes)
USERS = whole_from(0, MOST_USERS)
EDITS = many(record(Edit, at_s=SECONDS, kind=one_of(EDIT), users=USERS, spawn_rate=POSITIVE))


def _dump_entries(entries: Sequence[Entry]) -> list[Any]:
    edits = [entry for entry in entries if isinstance(entry, Edit)]
    return [CHANGES.dump([entry for entry in entries if isinstance(entry, Change)]), EDITS.dump(edits)]


def _load_entries(plain: Any) -> tuple[Entry, ...]:
    # Changes first: whoever hears them puts each where it belongs.
    changes, edits = listed(plain, 2)
    return (*CHANGES.load(changes), *EDITS.load(edits))


ENTRIES = Codec(_dump_entries, _load_entries)
SHAPE = record(Shape, stages=many(record(Stage, level=number_to(MOST_USERS), duration_s=SECONDS)))
SHARE = record(Share, name=TEXT, weight=NUMBER, fixed_count=USERS)
PLAN = record(
    Plan,
    shape=SHAPE,
    duration_s=optional(SECONDS),
    shares=many(SHARE),
    host=optional(TEXT),
    stop_timeout_s=SECONDS,
    seed=WHOLE,
    resolved=many(record(Resolved, host=TEXT, address=TEXT)),
)


def _report(**fields: Any) -> Report:
    report = Report(**fields)
    need(report.from_s <= report.until_s, "an end that is not before the beginning", [report.from_s, report.until_s])
    stats = report.stats
    _check_counts([stats.sent, stats.users_died, stats.lag.count], stats.exceptions)
    _check_sums([stats.lag.sum_us])
    for tally in stats.tallies.values():
        succeeded, failed = tally.succeeded, tally.failed
        _check_counts([tally.requests, tally.unfinished.count], tally.failures)
        timings = (succeeded.service, succeeded.response, failed.service, failed.response, tally.unfinished)
        _check_sums([tally.received_bytes, *(histogram.sum_us for histogram in timings)])
    return report


def _check_counts(counts: list[int], kinds: Kinds) -> None:
    most = max(*counts, *(seen.count for _, seen in kinds)) if len(kinds) else max(counts)
    if most > MOST_COUNT:
        refuse(f"counts of at most {MOST_COUNT}", most)


def _check_sums(sums: list[int]) -> None:
    if max(sums) > MOST_REPORTED:
        refuse(f"sums of at most {MOST_REPORTED}", max(sums))


_MESSAGES: dict[str, tuple[type, Codec]] = {
    "hello": (Hello, record(Hello, worker=NAME, epoch=COUNT, version=TEXT, scenario_sha256=TEXT)),
    "fetch": (Fetch, record(Fetch, worker=NAME, epoch=COUNT, version=TEXT, offset=COUNT)),
    "beat": (Beat, record(Beat, worker=NAME, epoch=COUNT, known=COUNT)),
    "report": (
        Report,
        record(
            _report,
            worker=NAME,
            epoch=COUNT,
            seq=COUNT,
            from_s=SECONDS,
            until_s=SECONDS,
            stats=STATS,
            users=USERS,
            cpu_percent=number_to(MOST_CPU_PERCENT),
            counted=COUNT,
            known=COUNT,
        ),
    ),
    "claim": (
        Claim,
        record(Claim, worker=NAME, epoch=COUNT, number=COUNT, rows=TEXT, count=whole_from(1, MOST_ROWS_AT_ONCE)),
    ),
    "bye": (Bye, record(Bye, worker=NAME, epoch=COUNT, error=optional(TEXT))),
    "start": (Start, record(Start, plan=PLAN, entries=ENTRIES, elapsed_s=SECONDS)),
    "changes": (Changes, record(Changes, first=COUNT, entries=ENTRIES)),
    "ack": (Ack, record(Ack, seq=COUNT)),
    "grant": (Grant, record(Grant, number=COUNT, first=COUNT)),
    "stop": (Stop, record(Stop, at_once=TRUTH)),
    "piece": (Piece, record(Piece, sha256=TEXT, size=COUNT, offset=COUNT, data=BYTES)),
    "refused": (Refused, record(Refused, reason=TEXT)),
}
_TAGS: dict[type, str] = {kind: tag for tag, (kind, _) in _MESSAGES.items()}
