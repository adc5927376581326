"""What both engines hold an answer to: how much of it may come, how it begins, when its connection stays open. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_ANNOUNCEMENTS = 250
MOST_HEADERS = 100
MOST_LINE_BYTES = 65_536

# The begin of an answer; what follows is the reason, for people to read (RFC 9112, section 4).
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?=[ \r\n]|\Z)")

_CONNECTION = ("connection", "proxy-connection")  # the second one was never in a standard; llhttp obeys it


def keeps_alive(version: int, headers: Iterable[tuple[str, str]]) -> bool:
    """Return whether a connection stays open after an answer with `headers` (RFC 9112, section 9.3).

    version  10 is HTTP/1.0, 11 is HTTP/1.1
    """
    values = [value for name, value in headers if name.lower() in _CONNECTION]
    options = {option.strip(" \t").lower() for value in values for option in value.split(",")}
    return "close" not in options and (version > 10 or "keep-alive" in options)
