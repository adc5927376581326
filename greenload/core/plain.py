"""Messages in plain form: lists, text and numbers that any wire can carry, and back again with everything checked.

Each message has one form, each field of it one codec; what was counted has its forms in plain_stats.py.
Knows nothing of bytes or sockets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.codec import (
    BYTES,
    COUNT,
    LONGEST_NAME,
    NAME,
    NUMBER,
    POSITIVE,
    TEXT,
    TRUTH,
    WHOLE,
    Codec,
    Malformed,
    at,
    listed,
    many,
    need,
    number_to,
    one_of,
    optional,
    record,
    shown,
    whole_from,
)
from greenload.core.log_line import LOG_LEVELS, MOST_LINE_CHARACTERS, MOST_LINES_AT_ONCE, LogLine
from greenload.core.messages import (
    MOST_CPU_PERCENT,
    MOST_ROWS_AT_ONCE,
    Ack,
    Beat,
    Bye,
    Changes,
    Claim,
    Farewell,
    Fetch,
    Grant,
    Hello,
    Log,
    Message,
    Piece,
    Plan,
    Refused,
    Report,
    Resolved,
    Start,
    Stop,
)
from greenload.core.options import Option, OptionValue, is_fit
from greenload.core.placement import Share
from greenload.core.plain_stats import SECONDS, STATS, check_reported
from greenload.core.roster import EDIT, JOIN, LOSE, RATE, Change, Edit, Entry, RateEdit
from greenload.core.shape import MOST_SECONDS, MOST_USERS, Shape, Stage


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


RATE_EDITS = many(record(RateEdit, at_s=SECONDS, kind=one_of(RATE), per_s=number_to(MOST_USERS)))
# Sort by sort: whoever hears them puts each where it belongs.
SORTS: list[tuple[type, Codec]] = [(Change, CHANGES), (Edit, EDITS), (RateEdit, RATE_EDITS)]


def _dump_entries(entries: Sequence[Entry]) -> list[Any]:
    return [codec.dump([entry for entry in entries if isinstance(entry, sort)]) for sort, codec in SORTS]


def _load_entries(plain: Any) -> tuple[Entry, ...]:
    sorts = zip(SORTS, listed(plain, len(SORTS)), strict=True)
    return tuple(entry for (_, codec), each in sorts for entry in codec.load(each))


ENTRIES = Codec(_dump_entries, _load_entries)
SHAPE = record(Shape, stages=many(record(Stage, level=number_to(MOST_USERS), duration_s=SECONDS)))
ARRIVALS = record(
    Arrivals,
    rate=SHAPE,
    spacing=one_of(UNIFORM, POISSON),
    max_users=whole_from(1, MOST_USERS),
    max_lag_s=SECONDS,
)
SHARE = record(Share, name=TEXT, weight=NUMBER, fixed_count=USERS)


def _load_option_value(plain: Any) -> OptionValue:
    need(isinstance(plain, (str, int, float)) and is_fit(plain), "a text, a number or a truth", plain)
    value: OptionValue = plain
    return value


OPTION = record(Option, name=TEXT, value=Codec(lambda value: value, _load_option_value))
PLAN = record(
    Plan,
    shape=SHAPE,
    duration_s=optional(SECONDS),
    shares=many(SHARE),
    host=optional(TEXT),
    stop_timeout_s=SECONDS,
    seed=WHOLE,
    resolved=many(record(Resolved, host=TEXT, address=TEXT)),
    arrivals=optional(ARRIVALS),
    has_phases=TRUTH,
    options=many(OPTION),
)


_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(\+00:00|Z)", re.ASCII)


def _load_at(plain: Any) -> str:
    need(isinstance(plain, str) and _AT.fullmatch(plain) is not None, "a time of day in UTC, ISO 8601", plain)
    return str(plain)


def _load_line(plain: Any) -> str:
    is_one = isinstance(plain, str) and len(plain) <= MOST_LINE_CHARACTERS
    need(is_one, f"text of at most {MOST_LINE_CHARACTERS} characters", plain)
    return str(plain)


LINES = many(record(LogLine, at=Codec(str, _load_at), level=one_of(*LOG_LEVELS), text=Codec(str, _load_line)))


def _load_lines(plain: Any) -> tuple[LogLine, ...]:
    need(len(listed(plain)) <= MOST_LINES_AT_ONCE, f"at most {MOST_LINES_AT_ONCE} lines", plain)
    lines: tuple[LogLine, ...] = LINES.load(plain)
    return lines


def _report(**fields: Any) -> Report:
    report = Report(**fields)
    need(report.from_s <= report.until_s, "an end that is not before the beginning", [report.from_s, report.until_s])
    check_reported(report.stats)
    return report


_MESSAGES: dict[str, tuple[type, Codec]] = {
    "hello": (Hello, record(Hello, worker=NAME, epoch=COUNT, version=TEXT, scenario_sha256=TEXT)),
    "fetch": (Fetch, record(Fetch, worker=NAME, epoch=COUNT, version=TEXT, offset=COUNT)),
    "beat": (Beat, record(Beat, worker=NAME, epoch=COUNT, known=COUNT, unacknowledged=COUNT)),
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
            clock_step_s=NUMBER,
            unacknowledged=COUNT,
        ),
    ),
    "claim": (
        Claim,
        record(Claim, worker=NAME, epoch=COUNT, number=COUNT, rows=TEXT, count=whole_from(1, MOST_ROWS_AT_ONCE)),
    ),
    "log": (Log, record(Log, worker=NAME, epoch=COUNT, lines=Codec(LINES.dump, _load_lines), dropped=COUNT)),
    "bye": (Bye, record(Bye, worker=NAME, epoch=COUNT, error=optional(TEXT))),
    "start": (Start, record(Start, plan=PLAN, entries=ENTRIES, elapsed_s=SECONDS)),
    "changes": (Changes, record(Changes, first=COUNT, entries=ENTRIES)),
    "ack": (Ack, record(Ack, seq=COUNT, entries=COUNT)),
    "farewell": (Farewell, record(Farewell, more_runs=TRUTH)),
    "grant": (Grant, record(Grant, number=COUNT, first=COUNT)),
    "stop": (Stop, record(Stop, at_once=TRUTH)),
    "piece": (Piece, record(Piece, sha256=TEXT, size=COUNT, offset=COUNT, data=BYTES)),
    "refused": (Refused, record(Refused, reason=TEXT)),
}
_TAGS: dict[type, str] = {kind: tag for tag, (kind, _) in _MESSAGES.items()}
