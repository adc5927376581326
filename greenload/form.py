"""A form as somebody filled it in, made what is Asked of a run; and back, for what it shows at first.

Each field is written as on the command line. Errors are told by field, all of them at once. Knows nothing of HTTP.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from greenload.asked import NO_LOAD, Asked
from greenload.core.arrivals import POISSON, UNIFORM
from greenload.core.codec import MOST_TEXT
from greenload.core.errors import GreenloadError
from greenload.core.label import Label, parse_note, parse_tag
from greenload.core.load import Load
from greenload.core.options import OptionValue, options_with
from greenload.core.shape import MOST_USERS, parse_duration_s, parse_rate, parse_rate_stages, parse_stages
from greenload.core.thresholds import Threshold, parse_threshold
from greenload.http.request import parse_url

CLOSED, OPEN, OWN = "users", "rate", "scenario"  # which load: so many users, a rate, or what the scenario says itself
MOST_ITEMS = 100
FIELDS_OF = {
    CLOSED: ("users", "spawn_rate", "stages", "run_time"),
    OPEN: ("rate", "rate_stages", "arrivals", "max_users", "max_lag", "run_time"),
    OWN: ("run_time",),
}

PARTS = {"warmup": "warmup_s"}  # of Asked, where they are not called as the field is
LOAD_FIELDS = {"model", *itertools.chain(*FIELDS_OF.values())}

Form = Mapping[str, Any]


class FieldError(GreenloadError):
    """A field that cannot be used, in words."""


class Unfit(GreenloadError):
    """Some fields of a form cannot be used;  fields: what is wrong with each, by name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {wrong}" for name, wrong in fields.items()))
        self.fields = dict(fields)


@dataclass
class _Reading:
    """A form that is being read, and what is wrong with it so far, by field."""

    form: Form
    wrong: dict[str, str] = field(default_factory=dict)

    def tried(self, name: str, make: Callable[[], Any], otherwise: Any) -> Any:
        """Return what `make` makes of the field `name`; `otherwise` when that is wrong, which is noted."""
        try:
            return make()
        except GreenloadError as error:
            self.wrong.setdefault(name, str(error))
            return otherwise

    def read(self, name: str, parse: Callable[[str], Any], default: Any = None) -> Any:
        """Return what the field `name` says, `default` when it says nothing or nothing that can be used."""

        def made() -> Any:
            text = _text(self.form.get(name))
            return parse(text) if text else default

        return self.tried(name, made, default)

    def needed(self, name: str, parse: Callable[[str], Any], words: str) -> Any:
        """Return what the field `name` says, which must say something: `words` say what."""
        value = self.read(name, parse)
        if value is None:
            self.wrong.setdefault(name, words)
        return value

    def items(self, name: str, parse: Callable[[str], Any]) -> tuple[Any, ...]:
        """Return what the items of the field `name` say."""
        items: tuple[Any, ...] = self.tried(
            name, lambda: tuple(parse(text) for text in map(_text, self._items(name)) if text), ()
        )
        return items

    def pairs(self, name: str) -> dict[str, str]:
        """Return what the field `name` says of each of some names."""
        pairs: dict[str, str] = self.tried(
            name, lambda: {str(key): _text(value) for key, value in self._pairs(name).items()}, {}
        )
        return pairs

    def _items(self, name: str) -> Sequence[Any]:
        said = self.form.get(name) or ()
        if not isinstance(said, (list, tuple)) or len(said) > MOST_ITEMS:
            raise FieldError(f"a list of at most {MOST_ITEMS} texts, please")
        return said

    def _pairs(self, name: str) -> Mapping[Any, Any]:
        said = self.form.get(name) or {}
        if not isinstance(said, Mapping) or len(said) > MOST_ITEMS:
            raise FieldError(f"at most {MOST_ITEMS} names with a text each, please")
        return said

    def check(self) -> None:
        """Raise Unfit when anything was wrong."""
        if self.wrong:
            raise Unfit(self.wrong)


def asked_by(form: Form, base: Asked, offered: Mapping[str, OptionValue]) -> Asked:
    """Return what `form` asks for, and `base` where the form has no such field.

    offered: the scenario's own options, with their defaults.
    Raises Unfit.
    """
    reading = _Reading(form)
    options = reading.pairs("options")
    for name, text in options.items():
        reading.tried(f"options.{name}", partial(options_with, offered, {name: text}), ())
    said = {
        "host": reading.read("host", _url),
        "classes": reading.items("classes", str),
        "fail_if": reading.items("fail_if", parse_threshold),
        "abort_if": reading.items("abort_if", parse_threshold),
        "warmup": reading.read("warmup", parse_duration_s, 0.0),
    }
    meant = {PARTS.get(name, name): value for name, value in said.items() if name in form}
    load = _load(reading) if form.keys() & LOAD_FIELDS else base.load
    reading.check()
    return replace(base, load=load, options={**base.options, **options}, **meant)


def label_by(form: Form, base: Label) -> Label:
    """Return what `form` says of the run, and `base` where it has no such field.  Raises Unfit."""
    reading = _Reading(form)
    written = [f"{key}={value}" for key, value in reading.pairs("tags").items()]
    said = {
        "tags": dict(reading.tried("tags", lambda: tuple(map(parse_tag, written)), ())),
        "note": reading.read("note", parse_note),
    }
    reading.check()
    return replace(base, **{name: value for name, value in said.items() if name in form})


def users_by(form: Form, spawn_rate: float) -> tuple[int, float]:
    """Return the users, and how many of them a second, that `form` wants from now on.  Raises Unfit."""
    reading = _Reading(form)
    users = reading.needed("users", _whole(0), "how many users there shall be")
    spawn_rate = reading.read("spawn_rate", _above_zero, spawn_rate)
    reading.check()
    return users, spawn_rate


def rate_by(form: Form) -> float:
    """Return the arrivals a second that `form` wants from now on.  Raises Unfit."""
    reading = _Reading(form)
    rate = reading.needed("rate", parse_rate, "how many arrivals a second there shall be, for example 200/s")
    reading.check()
    return float(rate)


def values_of(asked: Asked, label: Label, own: Load = NO_LOAD) -> dict[str, Any]:
    """Return the form that asks for `asked`, for the fields it has.  own: what the scenario asks for itself."""
    load = asked.load
    is_open = load.rate is not None or load.rate_stages is not None
    is_said = replace(load, run_time=None) != NO_LOAD
    values: dict[str, Any] = {
        "model": OPEN if is_open else CLOSED if is_said or own == NO_LOAD else OWN,
        "host": asked.host or "",
        "users": 1 if load.users is None and load.stages is None else load.users,
        "spawn_rate": load.spawn_rate,
        "rate": None if load.rate is None else rate_text(load.rate),
        "arrivals": load.arrivals,
        "max_users": load.max_users,
        "max_lag": _seconds(load.max_lag),
        "run_time": _seconds(load.run_time),
        "stages": None if load.stages is None else _stages(load.stages.stages, ""),
        "rate_stages": None if load.rate_stages is None else _stages(load.rate_stages.stages, "/s"),
        "warmup": _seconds(asked.warmup_s or None),
        "classes": list(asked.classes),
        "options": dict(asked.options),
        "fail_if": _texts(asked.fail_if),
        "abort_if": _texts(asked.abort_if),
        "tags": dict(label.tags),
        "note": label.note or "",
    }
    return {name: value for name, value in values.items() if value is not None}


def rate_text(per_s: float) -> str:
    """Return a rate as it is written."""
    return f"{per_s:.10g}/s"


def _load(reading: _Reading) -> Load:
    model = reading.read("model", _one_of(CLOSED, OPEN, OWN), _model_of(reading.form))
    said = {
        "users": reading.read("users", _whole(1)),
        "spawn_rate": reading.read("spawn_rate", _above_zero),
        "stages": reading.read("stages", parse_stages),
        "rate": reading.read("rate", parse_rate),
        "rate_stages": reading.read("rate_stages", parse_rate_stages),
        "arrivals": reading.read("arrivals", _one_of(UNIFORM, POISSON)),
        "max_users": reading.read("max_users", _whole(1)),
        "max_lag": reading.read("max_lag", parse_duration_s),
        "run_time": reading.read("run_time", _some_time),
    }
    # What was typed for another model stays in its fields, and means nothing now.
    unmeant = set(said) - set(FIELDS_OF[model])
    for name in unmeant:
        reading.wrong.pop(name, None)
    load = Load(**{name: value for name, value in said.items() if name not in unmeant})
    if load.stages is not None:  # they say it all
        load = replace(load, users=None, spawn_rate=None)
    if load.rate_stages is not None:
        load = replace(load, rate=None)
    if model == OPEN and load.rate_stages is None:
        reading.needed("rate", parse_rate, "how many arrivals a second there shall be, for example 200/s")
    if reading.form.get("model") == CLOSED and load.stages is None:
        reading.needed("users", _whole(1), "how many users there shall be")
    if not reading.wrong:
        reading.tried({CLOSED: "users", OPEN: "rate", OWN: "run_time"}[model], load.planned, None)
    return load


def _model_of(form: Form) -> str:
    """Return which model is meant where nobody says it: that of the fields that are there."""
    if form.get("rate") or form.get("rate_stages"):
        return OPEN
    return CLOSED if form.get("users") or form.get("stages") else OWN


def _text(said: Any) -> str:
    if said is None:
        return ""
    if not isinstance(said, (str, int, float)):
        raise FieldError(f"a text or a number, not {type(said).__name__}")
    text = str(said).lower() if isinstance(said, bool) else str(said).strip()
    if len(text) > MOST_TEXT:
        raise FieldError(f"at most {MOST_TEXT} characters")
    return text


def _url(text: str) -> str:
    parse_url(text)
    return text


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text[:20]) <= MOST_USERS:
            raise FieldError(f"a whole number of {least} to {MOST_USERS}, not {text[:20]!r}")
        return int(text)

    return parse


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= MOST_USERS:
        raise FieldError(f"a number above 0, at most {MOST_USERS}, not {text[:20]!r}")
    return number


def _some_time(text: str) -> float:
    seconds = parse_duration_s(text)
    if not seconds > 0:
        raise FieldError("more than 0, for example 30s; leave it empty for a run that goes on until it is stopped")
    return seconds


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise FieldError(f"{' or '.join(words)}, not {text[:20]!r}")
        return text

    return parse


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.10g}s"


def _stages(stages: tuple[Any, ...], unit: str) -> str:
    return ",".join(f"{stage.level:.10g}{unit}@{stage.duration_s:.10g}s" for stage in stages)


def _texts(thresholds: tuple[Threshold, ...]) -> list[str]:
    return [str(threshold) for threshold in thresholds]
