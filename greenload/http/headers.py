"""Headers: a session's, which people change, and a request's, which have been checked and stay as they are.

Nearly all requests of a run have the same headers. So equal ones are one object for all users of a process; an engine
keeps with it what it made of it, and a session hands it out again until one of its headers changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from urllib3 import HTTPHeaderDict

from greenload.core.errors import GreenloadError
from greenload.http.decoding import ACCEPT_ENCODING
from greenload.version import VERSION

OWN_HEADERS = {"User-Agent": f"greenload/{VERSION}", "Accept": "*/*", "Accept-Encoding": ACCEPT_ENCODING}

# RFC 9110, sections 5.6.2 and 5.5; what is beyond ASCII goes as Latin-1.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class InvalidHeader(GreenloadError, ValueError):
    """A method, header or cookie that would not arrive as what it is."""


class Headers(dict[str, str]):
    """Headers that have been checked, and are not changed any more.

    encoded  what an engine keeps with them, so that nothing is built twice for headers that stay the same
    """

    __slots__ = ("encoded",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(headers)
        self.encoded: dict[str, Any] = {}

    def _refuse(self, *arguments: Any, **keywords: Any) -> NoReturn:
        """Many requests share one of these; what somebody put in would go out with all of them."""
        raise TypeError("the headers of a request do not change any more; give it others")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


class SessionHeaders(HTTPHeaderDict):
    """The headers of a session: a mapping that does not care about case, and remembers that it was checked."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._checked: Headers | None = None
        super().__init__(headers)

    def checked(self) -> Headers:
        """Return these headers as they may go onto the wire.  Raises InvalidHeader when they may not."""
        if self._checked is None:
            self._checked = checked_headers(self)
        return self._checked

    # Whatever changes an HTTPHeaderDict comes down to one of these three.

    def __setitem__(self, name: str, value: str) -> None:
        self._checked = None
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self._checked = None
        super().__delitem__(name)

    def add(self, name: str, value: str, *, combine: bool = False) -> None:
        self._checked = None
        super().add(name, value, combine=combine)


def merged_headers(
    own: Mapping[str, str], content_type: str | None, authorization: str | None, headers: Mapping[str, str | None]
) -> Headers:
    """Return the headers of a request: a session's `own`, and before them `headers`, of which None takes one away.

    Raises InvalidHeader as `checked_headers` does.
    """
    merged = HTTPHeaderDict(own)
    if content_type is not None:
        merged["Content-Type"] = content_type
    if authorization is not None:
        merged["Authorization"] = authorization
    for name, value in headers.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = value
    return checked_headers(merged)


def checked_headers(headers: Mapping[str, str]) -> Headers:
    """Return `headers` as they may go onto the wire.

    Raises InvalidHeader for what would end its line, and with it smuggle in another header, or cannot be written.
    """
    for name, value in headers.items():
        if not isinstance(value, str):
            raise InvalidHeader(f"{name}: {value!r} is not text; write str({value!r}) if that is what you mean")
    return _checked(tuple((name, headers[name]) for name in headers))


@lru_cache(maxsize=1_000)
def _checked(headers: tuple[tuple[str, str], ...]) -> Headers:
    for name, value in headers:
        if not TOKEN.fullmatch(name):
            raise InvalidHeader(f"{name!r} cannot be the name of a header; write letters, digits and -")
        if not HEADER_VALUE.fullmatch(value):
            raise InvalidHeader(f"{name}: {value!r} is not one line of Latin-1 text; quote what is not")
    return Headers(dict(headers))


CHECKED_OWN_HEADERS = checked_headers(OWN_HEADERS)
