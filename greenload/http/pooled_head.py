"""The head of an answer, as the urllib3 engine reads it: line by line, each as the standard has it or not at all.

http.client gives the headers to the standard library's parser for e-mail, which takes three times as long and mends
what others would read otherwise. Knows nothing of sockets, only of a file of lines.
"""

from __future__ import annotations

import re
from http.client import HTTPMessage
from typing import Any, NamedTuple

from greenload.http.answer_rules import MOST_HEADERS, MOST_LINE_BYTES, STATUS_LINE
from greenload.http.failures import (
    BAD_HEADERS,
    BAD_STATUS_LINE,
    HEADERS_CUT_SHORT,
    LINE_TOO_LONG,
    NO_ANSWER,
    RequestFailed,
)
from greenload.http.headers import HEADER_VALUE, TOKEN

# A folded header begins with a space (RFC 9112, section 5.2); nobody sends one any more, or reads it like the others.
_HEADER = re.compile(rf"({TOKEN.pattern}):({HEADER_VALUE.pattern})\r\n")
_LENGTH = re.compile(r"0*([0-9]{1,20})")
_MOST_LENGTH = 2**64 - 1  # llhttp's; nobody has such a body


class Head(NamedTuple):
    """Version (10 is HTTP/1.0, 11 HTTP/1.1), status, reason and headers."""

    version: int
    status: int
    reason: str
    headers: HTTPMessage


def read_head(file: Any) -> Head:
    """Read one head from `file`, to the end of its empty line.  Raises RequestFailed when it cannot be one."""
    line: bytes = file.readline(MOST_LINE_BYTES + 1)  # switch
    begin = STATUS_LINE.match(line)
    if begin is None:
        raise RequestFailed(BAD_STATUS_LINE if line else NO_ANSWER)
    _check_end(line)
    minor, status = begin.groups()
    reason = str(line[begin.end() :], "latin-1").strip()
    return Head(10 + int(minor), int(status), reason, _read_headers(file))  # switch


def framing(headers: HTTPMessage) -> tuple[bool, int | None]:
    """Return whether a body comes in chunks, and how long it is where `headers` say so.

    Raises RequestFailed unless there is one way to read where it ends (RFC 9112, section 6.3).
    """
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if len(lengths) + len(codings) > 1:
        raise RequestFailed(BAD_HEADERS)
    if codings:
        if codings[0].lower() != "chunked":
            raise RequestFailed(BAD_HEADERS)
        return True, None
    if not lengths:
        return False, None
    length = _LENGTH.fullmatch(lengths[0])
    if length is None or int(length[1]) > _MOST_LENGTH:
        raise RequestFailed(BAD_HEADERS)
    return False, int(length[1])


def _read_headers(file: Any) -> HTTPMessage:
    headers = HTTPMessage()
    while (line := file.readline(MOST_LINE_BYTES + 1)) != b"\r\n":  # switch
        _check_end(line)
        header = _HEADER.fullmatch(str(line, "latin-1"))
        if header is None or len(headers) == MOST_HEADERS:
            raise RequestFailed(BAD_HEADERS)
        name, value = header.groups()
        headers[name] = value.strip(" \t")
    return headers


def _check_end(line: bytes) -> None:
    """Raise RequestFailed unless `line` is a whole one, with no carriage return but at its end."""
    if len(line) > MOST_LINE_BYTES:
        raise RequestFailed(LINE_TOO_LONG)
    if not line.endswith(b"\n"):
        raise RequestFailed(HEADERS_CUT_SHORT)
    if line.find(b"\r") != len(line) - 2:
        raise RequestFailed(BAD_HEADERS)
