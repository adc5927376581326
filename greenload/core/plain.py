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
    MOST_COUNT,
    MOST_TEXT,
    NUMBER,
    POSITIVE,
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
    one_of,
    optional,
    record,
    refuse,
    shown,
    text,
    unless_empty,
)
from greenload.core.histogram import BUCKETS, Histogram
from greenload.core.messages import (
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
from greenload.core.shape import Shape, Stage
from greenload.core.stats import MOST_KINDS, Kinds, Occurrences, Stats, Tally, Timings


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
    histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us = map(COUNT.load, summary)
    used, held = _whole_numbers(buckets, 0, BUCKETS - 1), _whole_numbers(counts, 1, MOST_COUNT)
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

OCCURRENCES = record(Occurrences, count=COUNT, first_s=COUNT, last_s=COUNT)


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


TALLY = filled(Tally, succeeded=TIMINGS, failed=TIMINGS, failures=KINDS, received_bytes=COUNT, unfinished=HISTOGRAM)


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
STATS = filled(Stats, tallies=TALLIES, sent=COUNT, exceptions=KINDS, users_died=COUNT, lag=HISTOGRAM)


def _load_changes(plain: Any) -> tuple[Change, ...]:
    # At the start a thousand workers are each told of a thousand changes: column by column, a fifth of the time.
    times, kinds, workers = map(listed, listed(plain, 3))
    need(len(times) == len(kinds) == len(workers), "a time, a kind and a worker for each change", plain)
    need(set(map(type, times)) <= {int, float} and all(map(math.isfinite, times)), "times", times)
    need(set(map(type, kinds)) <= {str} and set(kinds) <= {JOIN, LOSE}, f"{JOIN} or {LOSE}", kinds)
    need(set(map(type, workers)) <= {str} and len(max(workers, key=len, default="")) <= MOST_TEXT, "names", workers)
    return tuple(map(Change, map(float, times), kinds, workers))


CHANGES = Codec(lambda changes: [[change[column] for change in changes] for column in range(3)], _load_changes)
EDITS = many(record(Edit, at_s=NUMBER, kind=one_of(EDIT), users=COUNT, spawn_rate=POSITIVE))


def _dump_entries(entries: Sequence[Entry]) -> list[Any]:
    edits = [entry for entry in entries if isinstance(entry, Edit)]
    return [CHANGES.dump([entry for entry in entries if isinstance(entry, Change)]), EDITS.dump(edits)]


def _load_entries(plain: Any) -> tuple[Entry, ...]:
    # Changes first: whoever hears them puts each where it belongs.
    changes, edits = listed(plain, 2)
    return (*CHANGES.load(changes), *EDITS.load(edits))


ENTRIES = Codec(_dump_entries, _load_entries)
SHAPE = record(Shape, stages=many(record(Stage, level=NUMBER, duration_s=NUMBER)))
SHARE = record(Share, name=TEXT, weight=NUMBER, fixed_count=COUNT)
PLAN = record(
    Plan,
    shape=SHAPE,
    duration_s=optional(NUMBER),
    shares=many(SHARE),
    host=optional(TEXT),
    stop_timeout_s=NUMBER,
    seed=WHOLE,
    resolved=many(record(Resolved, host=TEXT, address=TEXT)),
)

_MESSAGES: dict[str, tuple[type, Codec]] = {
    "hello": (Hello, record(Hello, worker=TEXT, epoch=COUNT, version=TEXT, scenario_sha256=TEXT)),
    "fetch": (Fetch, record(Fetch, worker=TEXT, epoch=COUNT, version=TEXT, offset=COUNT)),
    "beat": (Beat, record(Beat, worker=TEXT, epoch=COUNT, known=COUNT)),
    "report": (
        Report,
        record(
            Report,
            worker=TEXT,
            epoch=COUNT,
            seq=COUNT,
            from_s=NUMBER,
            until_s=NUMBER,
            stats=STATS,
            users=COUNT,
            cpu_percent=NUMBER,
            counted=COUNT,
            known=COUNT,
        ),
    ),
    "claim": (Claim, record(Claim, worker=TEXT, epoch=COUNT, number=COUNT, rows=TEXT, count=COUNT)),
    "bye": (Bye, record(Bye, worker=TEXT, epoch=COUNT, error=optional(TEXT))),
    "start": (Start, record(Start, plan=PLAN, entries=ENTRIES, elapsed_s=NUMBER)),
    "changes": (Changes, record(Changes, first=COUNT, entries=ENTRIES)),
    "ack": (Ack, record(Ack, seq=COUNT)),
    "grant": (Grant, record(Grant, number=COUNT, first=COUNT)),
    "stop": (Stop, record(Stop, at_once=TRUTH)),
    "piece": (Piece, record(Piece, sha256=TEXT, size=COUNT, offset=COUNT, data=BYTES)),
    "refused": (Refused, record(Refused, reason=TEXT)),
}
_TAGS: dict[type, str] = {kind: tag for tag, (kind, _) in _MESSAGES.items()}
