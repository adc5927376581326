"""Messages in plain form: lists, text and numbers that any wire can carry, and back again with everything checked.

What comes in comes from whoever reached the port. Nothing is taken on trust: each message has one form, each field of
it one codec, and what does not fit is Malformed, with the place and the reason, before anything is made of it. A
histogram is its used buckets and their counts: for one second of one name they need neither packing nor unpacking.
Knows nothing of bytes or sockets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from greenload.core.histogram import BUCKETS, Histogram
from greenload.core.messages import Ack, Beat, Bye, Changes, Hello, Message, Plan, Refused, Report, Start, Stop
from greenload.core.placement import Share
from greenload.core.roster import JOIN, LOSE, Change
from greenload.core.shape import Shape, ShapeError, Stage
from greenload.core.stats import MOST_KINDS, Kinds, Occurrences, Stats, Tally, Timings

MOST_TEXT = 8_192
MOST_ITEMS = 100_000
MOST_COUNT = 2**63 - 1


class Malformed(Exception):
    """Something that is no message; the text says where it is wrong, and how."""


class Codec(NamedTuple):
    """How one sort of value is made plain and read again; `load` raises Malformed."""

    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


def to_plain(message: Message) -> list[Any]:
    """Return `message` as [tag, fields...]."""
    for tag, (kind, codec) in _MESSAGES.items():
        if type(message) is kind:
            return [tag, *codec.dump(message)]
    raise TypeError(f"{message!r} is not a message")


def from_plain(plain: Any) -> Message:
    """Return the message that `to_plain` made plain.  Raises Malformed for anything else."""
    if not isinstance(plain, list) or not plain or not isinstance(plain[0], str) or plain[0] not in _MESSAGES:
        raise Malformed(f"not a message of this protocol: {str(plain)[:60]}")
    message: Message = _at(plain[0], _MESSAGES[plain[0]][1].load, plain[1:])
    return message


def _at(place: str, load: Callable[[Any], Any], plain: Any) -> Any:
    """Load, and let what is wrong say where."""
    try:
        return load(plain)
    except Malformed as error:
        raise Malformed(f"{place}: {error}") from None


def _need(is_so: bool, expected: str, plain: Any) -> None:
    if not is_so:
        raise Malformed(f"expected {expected}, not {str(plain)[:60]}")


def _text(plain: Any) -> str:
    _need(isinstance(plain, str) and len(plain) <= MOST_TEXT, f"text of at most {MOST_TEXT} characters", plain)
    return str(plain)


def _count(plain: Any) -> int:
    _need(type(plain) is int and 0 <= plain <= MOST_COUNT, "a whole number of 0 or more", plain)
    return int(plain)


def _whole(plain: Any) -> int:
    _need(type(plain) is int and abs(plain) <= MOST_COUNT, "a whole number", plain)
    return int(plain)


def _number(plain: Any) -> float:
    _need(type(plain) in (int, float) and math.isfinite(plain), "a number", plain)
    return float(plain)


def _truth(plain: Any) -> bool:
    _need(isinstance(plain, bool), "true or false", plain)
    return bool(plain)


def _list(plain: Any, length: int | None = None) -> list[Any]:
    expected = f"a list of {length}" if length is not None else f"a list of at most {MOST_ITEMS}"
    is_so = isinstance(plain, list) and (len(plain) == length if length is not None else len(plain) <= MOST_ITEMS)
    _need(is_so, expected, plain)
    return list(plain)


def _as_it_is(value: Any) -> Any:
    return value


TEXT = Codec(_as_it_is, _text)
COUNT = Codec(_as_it_is, _count)
WHOLE = Codec(_as_it_is, _whole)
NUMBER = Codec(_as_it_is, _number)
TRUTH = Codec(_as_it_is, _truth)


def optional(codec: Codec) -> Codec:
    return Codec(
        lambda value: None if value is None else codec.dump(value),
        lambda plain: None if plain is None else codec.load(plain),
    )


def many(codec: Codec) -> Codec:
    """A tuple of any length."""
    return Codec(
        lambda values: [codec.dump(value) for value in values],
        lambda plain: tuple(codec.load(each) for each in _list(plain)),
    )


def record(made: Any, /, **codecs: Codec) -> Codec:
    """A value with named fields: the list of them, in the order given."""

    def load(plain: Any) -> Any:
        values = zip(codecs.items(), _list(plain, len(codecs)), strict=True)
        loaded = {name: _at(name, codec.load, each) for (name, codec), each in values}
        try:
            return made(**loaded)
        except (ValueError, ShapeError) as error:
            raise Malformed(str(error)) from error

    return Codec(lambda value: [codec.dump(getattr(value, name)) for name, codec in codecs.items()], load)


def _dump_histogram(histogram: Histogram) -> list[Any]:
    summary = [histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us]
    return [*summary, list(histogram.counts), list(histogram.counts.values())]


def _load_histogram(plain: Any) -> Histogram:
    *summary, buckets, counts = _list(plain, 6)
    histogram = Histogram()
    histogram.clamped, histogram.sum_us, histogram.min_us, histogram.max_us = map(_count, summary)
    _need(isinstance(buckets, list) and len(set(map(_count, buckets))) == len(buckets), "distinct buckets", buckets)
    _need(not buckets or max(buckets) < BUCKETS, f"buckets below {BUCKETS}", buckets)
    _need(isinstance(counts, list) and len(counts) == len(buckets), "a count for each bucket", counts)
    _need(0 not in map(_count, counts), "counts above 0", counts)
    histogram.counts = dict(zip(buckets, counts, strict=True))
    histogram.count = sum(counts)
    try:
        histogram.check()
    except ValueError as error:
        raise Malformed(str(error)) from error
    return histogram


HISTOGRAM = Codec(_dump_histogram, _load_histogram)


def _dump_timings(timings: Timings) -> list[Any]:
    # Without a schedule the two clocks agree, and half of what there is to say is said.
    alike = timings.response.sum_us == timings.service.sum_us and timings.response.counts == timings.service.counts
    return [_dump_histogram(timings.service), None if alike else _dump_histogram(timings.response)]


def _load_timings(plain: Any) -> Timings:
    service, response = _list(plain, 2)
    timings = Timings()
    timings.service = _at("service", _load_histogram, service)
    timings.response = _at("response", _load_histogram, service if response is None else response)
    _need(timings.service.count == timings.response.count, "as many times by one clock as by the other", plain)
    return timings


TIMINGS = Codec(_dump_timings, _load_timings)

OCCURRENCES = record(Occurrences, count=COUNT, first_s=COUNT, last_s=COUNT)


def _dump_kinds(kinds: Kinds) -> list[Any]:
    kept = [[kind, OCCURRENCES.dump(seen)] for kind, seen in kinds.kept.items()]
    return [kept, optional(OCCURRENCES).dump(kinds.others)]


def _load_kinds(plain: Any) -> Kinds:
    kept, others = _list(plain, 2)
    kinds = Kinds()
    for pair in _list(kept):
        kind, seen = _list(pair, 2)
        kinds.kept[_text(kind)] = OCCURRENCES.load(seen)
    _need(len(kinds.kept) == len(kept) <= MOST_KINDS, f"at most {MOST_KINDS} kinds, each once", kept)
    kinds.others = optional(OCCURRENCES).load(others)
    return kinds


KINDS = Codec(_dump_kinds, _load_kinds)


def _with(new: Callable[[], Any], /, **codecs: Codec) -> Codec:
    """A value that is made empty and filled."""

    def load(plain: Any) -> Any:
        value = new()
        for (name, codec), each in zip(codecs.items(), _list(plain, len(codecs)), strict=True):
            setattr(value, name, _at(name, codec.load, each))
        return value

    return Codec(lambda value: [codec.dump(getattr(value, name)) for name, codec in codecs.items()], load)


TALLY = _with(Tally, succeeded=TIMINGS, failed=TIMINGS, failures=KINDS, received_bytes=COUNT, unfinished=HISTOGRAM)


def _load_tallies(plain: Any) -> dict[tuple[str, str], Tally]:
    tallies = {}
    for each in _list(plain):
        method, name, tally = _list(each, 3)
        tallies[_text(method), _text(name)] = _at(f"{method} {name}", TALLY.load, tally)
    _need(len(tallies) == len(plain), "each name once", plain)
    return tallies


TALLIES = Codec(
    lambda tallies: [[method, name, TALLY.dump(tally)] for (method, name), tally in tallies.items()], _load_tallies
)
STATS = _with(Stats, tallies=TALLIES, sent=COUNT, exceptions=KINDS, users_died=COUNT, lag=HISTOGRAM)


def _kind_of_change(plain: Any) -> str:
    _need(plain in (JOIN, LOSE), f"{JOIN} or {LOSE}", plain)
    return str(plain)


CHANGE = record(Change, at_s=NUMBER, kind=Codec(_as_it_is, _kind_of_change), worker=TEXT)
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
)

_MESSAGES: dict[str, tuple[type, Codec]] = {
    "hello": (Hello, record(Hello, worker=TEXT, epoch=COUNT, version=TEXT, scenario_sha256=TEXT)),
    "beat": (Beat, record(Beat, worker=TEXT, epoch=COUNT)),
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
        ),
    ),
    "bye": (Bye, record(Bye, worker=TEXT, epoch=COUNT, error=optional(TEXT))),
    "start": (Start, record(Start, plan=PLAN, changes=many(CHANGE), elapsed_s=NUMBER)),
    "changes": (Changes, record(Changes, changes=many(CHANGE))),
    "ack": (Ack, record(Ack, seq=COUNT)),
    "stop": (Stop, record(Stop, at_once=TRUTH)),
    "refused": (Refused, record(Refused, reason=TEXT)),
}
