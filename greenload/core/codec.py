"""Codecs: how a value becomes lists, text and numbers, and how it is read again with everything checked.

What comes in comes from whoever reached the port, so nothing is taken on trust: what does not fit is Malformed, with
the place and the reason, before anything is made of it. Knows nothing of what the values mean.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from greenload.core.errors import GreenloadError

MOST_TEXT = 8_192
MOST_ITEMS = 100_000
MOST_PIECE_BYTES = 256 * 1024
MOST_COUNT = 2**40
MOST_WHOLE = 2**63 - 1
LONGEST_NAME = 100


class Malformed(Exception):
    """Something that is no message; the text says where it is wrong, and how."""


class Codec(NamedTuple):
    """How one sort of value is made plain and read again; `load` raises Malformed."""

    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


def at(place: str, load: Callable[[Any], Any], plain: Any) -> Any:
    """Load, and let what is wrong say where."""
    try:
        return load(plain)
    except Malformed as error:
        raise Malformed(f"{place}: {error}") from None


def need(is_so: bool, expected: str, plain: Any) -> None:
    if not is_so:
        refuse(expected, plain)


def refuse(expected: str, plain: Any) -> NoReturn:
    raise Malformed(f"expected {expected}, not {shown(plain)}")


def shown(plain: Any) -> str:
    """Return the beginning of `plain` in text."""
    # str() would write out all of it: a list nested 1,000 deep, which one frame can hold, is a RecursionError.
    return reprlib.repr(plain)[:60]


def text(plain: Any) -> str:
    need(isinstance(plain, str) and len(plain) <= MOST_TEXT, f"text of at most {MOST_TEXT} characters", plain)
    return str(plain)


def is_name(plain: str) -> bool:
    """Whether `plain` may be what a worker is called: somebody reads it in a table and in the log."""
    return 1 <= len(plain) <= LONGEST_NAME and plain.isprintable()


def printable(words: str) -> str:
    """Return `words` without what would not be seen but done by a terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in words)


def writable(words: str) -> str:
    """Return `words` without halves of characters, which JSON and file names may have, and no file or wire takes."""
    return words.encode(errors="replace").decode()


def _name(plain: Any) -> str:
    is_one = isinstance(plain, str) and is_name(plain)
    need(is_one, f"a name of 1 to {LONGEST_NAME} characters that can be printed", plain)
    return str(plain)


def _bytes(plain: Any) -> bytes:
    need(isinstance(plain, bytes) and len(plain) <= MOST_PIECE_BYTES, f"at most {MOST_PIECE_BYTES} bytes", plain)
    return bytes(plain)


def _whole(plain: Any) -> int:
    need(type(plain) is int and abs(plain) <= MOST_WHOLE, "a whole number", plain)
    return int(plain)


def _number(plain: Any) -> float:
    need(type(plain) in (int, float) and math.isfinite(plain), "a number", plain)
    return float(plain)


def _positive(plain: Any) -> float:
    need(_number(plain) > 0, "a number above 0", plain)
    return float(plain)


def _truth(plain: Any) -> bool:
    need(isinstance(plain, bool), "true or false", plain)
    return bool(plain)


def listed(plain: Any, length: int | None = None) -> list[Any]:
    # The words are made only for a refusal: this is called for each part of each message.
    if not isinstance(plain, list) or (len(plain) != length if length is not None else len(plain) > MOST_ITEMS):
        refuse(f"a list of {length}" if length is not None else f"a list of at most {MOST_ITEMS}", plain)
    return plain


def _as_it_is(value: Any) -> Any:
    return value


TEXT = Codec(_as_it_is, text)
NAME = Codec(_as_it_is, _name)
WHOLE = Codec(_as_it_is, _whole)
NUMBER = Codec(_as_it_is, _number)
POSITIVE = Codec(_as_it_is, _positive)
TRUTH = Codec(_as_it_is, _truth)
BYTES = Codec(_as_it_is, _bytes)


def whole_from(least: int, most: int) -> Codec:
    """A whole number of `least` to `most`."""
    expected = f"a whole number of {least} to {most}"

    def load(plain: Any) -> int:
        need(type(plain) is int and least <= plain <= most, expected, plain)
        return int(plain)

    return Codec(_as_it_is, load)


def number_to(most: float) -> Codec:
    """A number of 0 to `most`."""
    expected = f"a number of 0 to {most:g}"

    def load(plain: Any) -> float:
        # What is not a number is not between two of them either.
        need(type(plain) in (int, float) and 0 <= plain <= most, expected, plain)
        return float(plain)

    return Codec(_as_it_is, load)


COUNT = whole_from(0, MOST_COUNT)
SUM = whole_from(0, MOST_WHOLE)


def optional(codec: Codec) -> Codec:
    return Codec(
        lambda value: None if value is None else codec.dump(value),
        lambda plain: None if plain is None else codec.load(plain),
    )


def unless_empty(new: Callable[[], Any], is_empty: Callable[[Any], bool], codec: Codec) -> Codec:
    """None for what is empty: most of what one second of one name could hold it does not."""
    return Codec(
        lambda value: None if is_empty(value) else codec.dump(value),
        lambda plain: new() if plain is None else codec.load(plain),
    )


def many(codec: Codec) -> Codec:
    """A tuple of any length."""
    return Codec(
        lambda values: [codec.dump(value) for value in values],
        lambda plain: tuple(codec.load(each) for each in listed(plain)),
    )


def record(made: Any, /, **codecs: Codec) -> Codec:
    """A value with named fields: the list of them, in the order given."""

    def load(plain: Any) -> Any:
        values = zip(codecs.items(), listed(plain, len(codecs)), strict=True)
        loaded = {name: at(name, codec.load, each) for (name, codec), each in values}
        try:
            return made(**loaded)
        except (ValueError, GreenloadError) as error:
            raise Malformed(str(error)) from error

    return Codec(lambda value: [codec.dump(getattr(value, name)) for name, codec in codecs.items()], load)


def filled(new: Callable[[], Any], /, **codecs: Codec) -> Codec:
    """A value that is made empty and filled."""

    def load(plain: Any) -> Any:
        value = new()
        for (name, codec), each in zip(codecs.items(), listed(plain, len(codecs)), strict=True):
            setattr(value, name, at(name, codec.load, each))
        return value

    return Codec(lambda value: [codec.dump(getattr(value, name)) for name, codec in codecs.items()], load)


def one_of(*words: str) -> Codec:
    """One of these words."""

    def load(plain: Any) -> str:
        need(plain in words, " or ".join(words), plain)
        return str(plain)

    return Codec(_as_it_is, load)
