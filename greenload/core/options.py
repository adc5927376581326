"""A scenario's own options: what of it can be set anew for each run, by name.

The scenario gives each a default, and with it a type; what somebody sets is written as text and must be of that type.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from greenload.core.codec import LONGEST_NAME, MOST_TEXT, is_name
from greenload.core.errors import GreenloadError

MOST_NUMBER = 2**53  # up to there whole numbers and floats are the same
OptionValue = str | int | float | bool

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_WORDS = {bool: "true or false", int: "a whole number", float: "a number"}


class OptionError(GreenloadError):
    """An option that there is not, or a value that it cannot have."""


class Option(NamedTuple):
    """An option, and its value in a run."""

    name: str
    value: OptionValue


def check_options(written: Any) -> Mapping[str, OptionValue]:
    """Return the options that a scenario offers, by name with their defaults.  Raises OptionError."""
    if not isinstance(written, dict):
        raise OptionError('options are a dict of names and defaults, for example options = {"page_size": 20}')
    for name, default in written.items():
        if not isinstance(name, str) or not is_name(name) or "=" in name:
            raise OptionError(f"{name!r} is no name of an option: 1 to {LONGEST_NAME} characters, and no = in it")
        if type(default) not in (str, int, float, bool):
            raise OptionError(f"the default of {name} is a text, a number or a truth, not {default!r}")
        if not is_fit(default):
            raise OptionError(f"{name}: a text has at most {MOST_TEXT} characters, and a number is finite")
    return dict(written)


def options_with(offered: Mapping[str, OptionValue], written: Mapping[str, str]) -> tuple[Option, ...]:
    """Return all options that are `offered`, with the values that were `written` for some.  Raises OptionError."""
    for name in written:
        if name not in offered:
            near = difflib.get_close_matches(name, offered, n=1)
            there = f"did you mean {near[0]}?" if near else f"there are {', '.join(offered) or 'none'}"
            raise OptionError(f"the scenario has no option {name}; {there}")
    return tuple(
        Option(name, parse_option(name, written[name], default) if name in written else default)
        for name, default in offered.items()
    )


def parse_option(name: str, text: str, default: OptionValue) -> OptionValue:
    """Return what `text` means as a value of the option whose default is `default`.  Raises OptionError."""
    value: OptionValue
    try:
        value = _TRUTH[text.strip().lower()] if isinstance(default, bool) else type(default)(text)
    except (KeyError, ValueError):
        value = math.nan
    if not is_fit(value):
        words = _WORDS.get(type(default), f"at most {MOST_TEXT} characters")
        raise OptionError(f"{name} is {words}, as its default {default!r} is, and not {text[:LONGEST_NAME]!r}")
    return value


def is_fit(value: OptionValue) -> bool:
    """Return whether every worker can be told this value."""
    return len(value) <= MOST_TEXT if isinstance(value, str) else abs(value) < MOST_NUMBER


def parse_setting(text: str) -> tuple[str, str]:
    """Return the name of an option and what it is set to, of NAME=VALUE.  Raises OptionError."""
    name, is_one, said = text.partition("=")
    if not is_one or not name:
        raise OptionError(f"{text!r} is not NAME=VALUE; write for example page_size=50")
    return name, said
