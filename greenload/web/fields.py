"""The fields of a form, and what kinds of values each may have. Whether a value makes sense the Control says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from greenload.core.errors import GreenloadError

LONGEST_TEXT = 10_000
MOST_ITEMS = 1_000

Check = Callable[[Any], bool]


class Malformed(GreenloadError):
    """A form with fields that are none, or of values of the wrong kind;  fields: what is wrong with each, by name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {wrong}" for name, wrong in fields.items()))
        self.fields = dict(fields)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_number(value: Any) -> bool:
    # Whole numbers of JSON may have any number of digits.
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and abs(value) < 1e15 and math.isfinite(value)


def _is_either(value: Any) -> bool:
    return _is_text(value) or _is_number(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ITEMS and all(map(_is_text, value))


def _is_scalar(value: Any) -> bool:
    return _is_either(value) or isinstance(value, bool)


def _is_map(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MOST_ITEMS
        and all(_is_text(key) and (each is None or _is_scalar(each)) for key, each in value.items())
    )


def _is_texts(value: Any) -> bool:
    return _is_map(value) and all(map(_is_text, value.values()))


TEXT = (_is_text, "a text")
EITHER = (_is_either, "a number or a text")
LIST = (_is_list, "a list of texts")
MAP = (_is_map, "an object of texts, numbers and truths")
TEXTS = (_is_texts, "an object of texts")

Fields = Mapping[str, tuple[Check, str]]

START_FIELDS: Fields = {
    "host": TEXT,
    "model": TEXT,
    "users": EITHER,
    "spawn_rate": EITHER,
    "stages": TEXT,
    "rate": EITHER,
    "rate_stages": TEXT,
    "arrivals": TEXT,
    "max_users": EITHER,
    "max_lag": EITHER,
    "run_time": EITHER,
    "classes": LIST,
    "options": MAP,
    "fail_if": LIST,
    "abort_if": LIST,
    "warmup": EITHER,
    "tags": TEXTS,
    "note": TEXT,
}
EDIT_FIELDS: Fields = {"users": EITHER, "spawn_rate": EITHER, "rate": EITHER}


def checked_form(body: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return `body`, where null is an emptied field.  Raises Malformed for what is no field, or not of its kind."""
    wrong = {}
    for name, value in body.items():
        if name not in fields:
            wrong[name[:100]] = "there is no such field"
        elif value is not None and not fields[name][0](value):
            wrong[name] = f"not {fields[name][1]}"
    if wrong:
        raise Malformed(wrong)
    return dict(body)
