"""A request as bytes: its head, built once for the same headers, and its body in whichever way it can be sent.

Which headers are added is what urllib3 adds, so that both engines send the same. Pure: nothing here touches a socket.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOBase
from typing import Any, NamedTuple

from greenload.http.engine import CHUNK_BYTES
from greenload.http.headers import Headers
from greenload.http.request import Request

# Methods of which nobody expects a body: without one they need not say that it is empty.
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "CONNECT"})
MOST_TAILS = 100  # hosts that one set of headers is kept encoded for


class _Tail(NamedTuple):
    """The part of a head after its first line that depends on headers and host only."""

    text: bytes
    has_length: bool
    is_chunked: bool
    asks_first: bool  # Expect: 100-continue
    is_last: bool  # Connection: close


@dataclass(slots=True)  # of which an attribute is read in a sixth of the time that a NamedTuple's takes
class Outgoing:
    """A request as it goes out: `first` at once (small bodies included), then what `rest` yields.

    asks_first  wait for 100 Continue between the two
    is_last     the client has said that it will close
    """

    first: bytes
    rest: Iterator[bytes] | None
    asks_first: bool
    is_last: bool


def outgoing(request: Request) -> Outgoing:
    """Return `request` as bytes."""
    method, url, body = request.method, request.url, request.body
    tail = _tail_of(request.headers, url.origin.netloc)
    head = f"{method} {url.target} HTTP/1.1\r\n".encode("latin-1") + tail.text
    if body is None:
        end = b"\r\n" if method in _BODILESS or tail.has_length or tail.is_chunked else b"Content-Length: 0\r\n\r\n"
        return Outgoing(head + end + (b"0\r\n\r\n" if tail.is_chunked else b""), None, False, tail.is_last)
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)) and not tail.is_chunked:
        end = b"\r\n" if tail.has_length else b"Content-Length: %d\r\n\r\n" % len(body)
        if tail.asks_first:
            return Outgoing(head + end, iter((bytes(body),)), True, tail.is_last)
        return Outgoing(b"".join((head, end, body)), None, False, tail.is_last)
    pieces = _pieces_of(body)
    if tail.has_length:
        return Outgoing(head + b"\r\n", pieces, tail.asks_first, tail.is_last)
    end = b"\r\n" if tail.is_chunked else b"Transfer-Encoding: chunked\r\n\r\n"
    return Outgoing(head + end, _chunked(pieces), tail.asks_first, tail.is_last)


def _tail_of(headers: Mapping[str, str], netloc: str) -> _Tail:
    if not isinstance(headers, Headers):
        return _encoded(headers, netloc)
    tails: dict[str, _Tail] = headers.encoded
    tail = tails.get(netloc)
    if tail is None:
        if len(tails) >= MOST_TAILS:
            tails.clear()
        tail = tails[netloc] = _encoded(headers, netloc)
    return tail


def _encoded(headers: Mapping[str, str], netloc: str) -> _Tail:
    lowered = {name.lower(): value.lower() for name, value in headers.items()}
    host = b"" if "host" in lowered else b"Host: %s\r\n" % netloc.encode("ascii")
    return _Tail(
        host + b"".join([_line(name, value) for name, value in headers.items()]),
        "content-length" in lowered and "transfer-encoding" not in lowered,
        "chunked" in lowered.get("transfer-encoding", ""),
        "100-continue" in lowered.get("expect", ""),
        "close" in lowered.get("connection", ""),
    )


@lru_cache(maxsize=1_000)
def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode("latin-1")


def _pieces_of(body: Any) -> Iterator[bytes]:
    """Yield the pieces of a body that is not bytes, or that is and shall go in chunks all the same."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        yield bytes(body)
    elif hasattr(body, "read"):
        is_text = isinstance(body, TextIOBase)
        while piece := body.read(CHUNK_BYTES):
            yield piece.encode() if is_text else piece
    else:
        for piece in body:
            if piece:
                yield piece.encode() if isinstance(piece, str) else bytes(piece)


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
