"""The document of a comparison: what --json writes, and what the table and the page are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenload.core.compare import Judged, NothingToCompare, judge
from greenload.core.locust_rounding import beyond_ms
from greenload.core.sheet import LOCUST, PERCENT_OF, TIMES, Sheet
from greenload.core.strip import TOTAL, Name
from greenload.report.summary import Document

SCHEMA = "greenload.comparison/1"
AGREES = "agrees within Locust's rounding"
NO_SECONDS = "a file has no seconds in it: a difference, not a judgement"


def compare(sheets: Sequence[Sheet], clock: str) -> Document:
    """Return how each of `sheets` but the first differs from the first.  Raises NothingToCompare."""
    first, *others = sheets
    return {
        "schema": SCHEMA,
        "clock": clock,
        "sides": [
            {"label": sheet.label, "kind": sheet.kind, "runs": 1 if sheet.side is None else sheet.side.runs}
            for sheet in sheets
        ],
        "comparisons": [_comparison(first, other) for other in others],
        "spectra": [
            {"label": sheet.label, "method": name[0], "name": name[1], "points": row.spectrum}
            for sheet in sheets
            for name, row in sorted(sheet.rows.items())
        ],
    }


def _comparison(one: Sheet, other: Sheet) -> Document:
    common = sorted(name for name in one.rows.keys() & other.rows.keys() if name != TOTAL)
    has_names = all(sheet.rows.keys() - {TOTAL} for sheet in (one, other))
    if has_names and not common:
        raise NothingToCompare(f"{one.label} and {other.label} have no request name in common")
    return {
        "one": one.label,
        "other": other.label,
        "names": [_name(one, other, name) for name in [*common, *({TOTAL} & one.rows.keys() & other.rows.keys())]],
        "only_in_one": _only(one, other),
        "only_in_other": _only(other, one),
    }


def _only(one: Sheet, other: Sheet) -> list[Document]:
    missing = sorted(one.rows.keys() - other.rows.keys() - {TOTAL})
    # A file of totals only lacks all names, which says nothing about the runs.
    return [{"method": method, "name": name} for method, name in missing] if other.rows.keys() - {TOTAL} else []


def _name(one: Sheet, other: Sheet, name: Name) -> Document:
    rows = one.rows[name], other.rows[name]
    judged = _judgements(one, other, name)
    return {
        "method": name[0],
        "name": name[1],
        "requests": [row.requests for row in rows],
        "share_percent": [_share(sheet, name) for sheet in (one, other)],
        "failures": [row.failures for row in rows],
        "requests_per_s": [round(row.requests_per_s, 3) for row in rows],
        "times": {time: _time(rows[0].times_ms[time], rows[1].times_ms[time], judged.get(time)) for time in TIMES},
    }


def _share(sheet: Sheet, name: Name) -> float | None:
    """Return what part of all requests this name has, in percent: the mix."""
    total = sheet.rows[TOTAL].requests if TOTAL in sheet.rows else 0
    return round(100 * sheet.rows[name].requests / total, 3) if total else None


def _time(one_ms: float | None, other_ms: float | None, judged: Judged | None) -> Document:
    are_known = one_ms is not None and other_ms is not None
    spread = None if judged is None else judged.spread
    return {
        "ms": [None if ms is None else round(ms, 3) for ms in (one_ms, other_ms)],
        "difference_ms": round(other_ms - one_ms, 3) if one_ms is not None and other_ms is not None else None,
        "difference_percent": round(100 * (other_ms / one_ms - 1), 2) if one_ms and other_ms is not None else None,
        "interval_ms": None if spread is None else [round(spread.low_ms, 3), round(spread.high_ms, 3)],
        "interval_percent": None if spread is None else [round(spread.low_percent, 2), round(spread.high_percent, 2)],
        "beyond_rounding_ms": None if judged is None else judged.beyond_ms,
        "judgement": None if judged is None else judged.word,
        "reason": (judged.reason or None) if judged is not None and are_known else None,
    }


def _judgements(one: Sheet, other: Sheet, name: Name) -> dict[str, Judged]:
    """Return what is to be said of each percentile; of a maximum nothing is, as one request makes it."""
    if one.side is not None and other.side is not None:
        return dict(zip(PERCENT_OF, judge(one.side, other.side, name).values(), strict=True))
    if (one.kind == LOCUST) == (other.kind == LOCUST):
        return dict.fromkeys(PERCENT_OF, Judged(None, None, NO_SECONDS))
    return {
        time: _beside_locust(one, other, name, time)
        for time in PERCENT_OF
        if one.rows[name].times_ms[time] is not None and other.rows[name].times_ms[time] is not None
    }


def _beside_locust(one: Sheet, other: Sheet, name: Name, time: str) -> Judged:
    locust, ours = (one, other) if one.kind == LOCUST else (other, one)
    written_ms: Any = locust.rows[name].times_ms[time]
    beyond = beyond_ms(ours.between_ranks_ms(name, time), written_ms)
    if not beyond:
        return Judged(AGREES, None, beyond_ms=0.0)
    direction = "above" if beyond > 0 else "below"
    return Judged(f"{abs(beyond):.3g} ms {direction} what Locust's rounding allows", None, beyond_ms=round(beyond, 3))
