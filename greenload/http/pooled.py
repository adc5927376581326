"""The urllib3 engine: requests over urllib3's connections, kept alive, each request sent once.

It drives the connection classes directly. urllib3's pools and managers retry, share connections between users, and are
closed by the garbage collector, which under gevent can lock up the whole process (urllib3 issue 3289); a virtual user
is one browser and closes what it opened. Knows nothing of names, cookies, redirects or counting.
"""

from __future__ import annotations

import functools
import http.client
import select
import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gevent import monkey
from urllib3 import HTTPHeaderDict
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse
from urllib3.util import SKIP_HEADER
from urllib3.util.response import assert_header_parsing

from greenload.http.failures import CONNECT_TIMED_OUT, HEADERS_CUT_SHORT, TOO_LARGE, RequestFailed, failure_kind
from greenload.http.names import Names, process_names
from greenload.http.request import BodyGone, Origin, Request

CHUNK_BYTES = 65_536
MOST_HEAD_LINES = 1_000

# What urllib3 and http.client would add of their own where the request has none.
_NOTHING_ADDED = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}

# The poll of the operating system, not gevent's: asked not to wait, it needs no round through the hub (1 us for 60).
_poll = monkey.get_original("select", "poll")

Verify = bool | str


@functools.cache
def tls_context(verify: Verify) -> ssl.SSLContext:
    """Return the process' one TLS context for `verify`: True, False, or the path of a CA file.

    Loading the system's certificates takes 15 ms and some megabytes; a context for each user would be the load test.
    """
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Answer:
    """What came back: status, reason and headers at once, the body by `read` or in pieces by `pieces`."""

    def __init__(self, raw: BaseHTTPResponse, most_bytes: int, release: Callable[[bool], None]) -> None:
        self.status = raw.status
        self.reason = raw.reason or ""
        self.headers: HTTPHeaderDict = raw.headers
        self._raw = raw
        self._most_bytes = most_bytes
        self._release: Callable[[bool], None] | None = release

    def read(self) -> bytes:
        """Return the whole body, decoded.

        Raises RequestFailed when it is too long or does not come whole, BodyGone when it was read or closed before.
        """
        length = self._raw.length_remaining
        if self._release is not None and length is not None and "Content-Encoding" not in self.headers:
            return self._read_plain(length)  # switch
        pieces, size = [], 0
        for piece in self.pieces():  # switch
            pieces.append(piece)
            size += len(piece)
            if size > self._most_bytes:
                self.close()
                raise RequestFailed(TOO_LARGE)
        return b"".join(pieces)

    def _read_plain(self, length: int) -> bytes:
        """Return a body of known length that needs no decoding, in one go."""
        try:
            if length > self._most_bytes:
                raise RequestFailed(TOO_LARGE)
            content = self._raw.read()  # switch
            self._done(reusable=True)
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            self._done(reusable=False)
        return content

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, decoded, in pieces as they arrive; then the connection may serve the next request.

        Raises RequestFailed when it does not come whole, BodyGone when it was read or closed before.
        """
        if self._release is None:
            raise BodyGone("this body was streamed to its end, or closed; keep the pieces, or ask for content instead")
        try:
            # Not read(): that would wait until the piece is full, for minutes where a server sends an event a minute.
            while piece := self._raw.read1(CHUNK_BYTES):  # switch
                yield piece
            self._done(reusable=True)
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            self._done(reusable=False)

    def close(self) -> None:
        """Let go of a body nobody wants; the rest of it would stand before the next answer."""
        self._done(reusable=False)

    def _done(self, reusable: bool) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            # Where the answer says `Connection: close` http.client has handed the socket over to it.
            self._raw.close()
            release(reusable)


class PooledEngine:
    """The connections of one user: idle ones by origin, each lent to one request at a time.

    names  knows the addresses of hosts; the process' own unless said
    """

    def __init__(self, names: Names | None = None) -> None:
        self._names = names or process_names()
        self._idle: dict[tuple[Origin, Verify], list[HTTPConnection]] = {}
        self._lent: dict[HTTPConnection, Answer | None] = {}

    def send(self, request: Request) -> Answer:
        """Send `request` once and return its answer as soon as its headers are there.

        Raises RequestFailed, whose text is the kind of failure, when no answer came.
        """
        key = (request.url.origin, request.verify)
        connection = self._idle_connection(key) or _new_connection(*key)
        self._lent[connection] = answer = None
        try:
            if connection.sock is None:
                addresses = self._names.addresses(request.url.origin.host)  # switch
                _connect(connection, addresses, request.connect_timeout_s)  # switch
            # urllib3 sets the socket's timeout to this one before it sends, and again before it reads.
            connection.timeout = request.read_timeout_s
            _put(connection, request)  # switch
            raw = connection.getresponse()  # switch
            answer = Answer(raw, request.most_bytes, functools.partial(self._take_back, key, connection))
            self._lent[connection] = answer
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            if answer is None:
                self._take_back(key, connection, reusable=False)
        return answer

    def close(self) -> None:
        """Close all connections, those in use included."""
        for answer in list(self._lent.values()):
            if answer is not None:
                answer.close()
        for connection in [*self._lent, *(each for idle in self._idle.values() for each in idle)]:
            connection.close()
        self._lent.clear()
        self._idle.clear()

    def _idle_connection(self, key: tuple[Origin, Verify]) -> HTTPConnection | None:
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if _is_quiet(connection):
                return connection
            # The server closed it, or sent what nobody asked for. Found out before sending, so nothing is sent twice.
            connection.close()
        return None

    def _take_back(self, key: tuple[Origin, Verify], connection: HTTPConnection, reusable: bool) -> None:
        self._lent.pop(connection, None)
        if reusable and connection.sock is not None:
            self._idle.setdefault(key, []).append(connection)
        else:
            connection.close()


def _new_connection(origin: Origin, verify: Verify) -> HTTPConnection:
    connection = HTTPConnection(origin.host, origin.port, blocksize=CHUNK_BYTES)
    if origin.scheme == "https":
        context = tls_context(verify)
        connection = HTTPSConnection(
            origin.host, origin.port, ssl_context=context, server_hostname=origin.host, blocksize=CHUNK_BYTES
        )
    connection.response_class = _Reply
    return connection


def _connect(connection: HTTPConnection, addresses: Sequence[str], timeout_s: float) -> None:
    """Connect to the first of `addresses` that takes the connection; what fails after that is the failure."""
    connection.timeout = timeout_s
    host = connection.host
    try:
        for address in addresses:
            connection.host = address
            try:
                connection.connect()  # switch
                return
            except (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError):
                if address == addresses[-1]:
                    raise
    except TimeoutError as error:  # in the TLS handshake; for one before it urllib3 has an error of its own
        raise RequestFailed(CONNECT_TIMED_OUT) from error
    finally:
        connection.host = host  # which is the Host header


def _put(connection: HTTPConnection, request: Request) -> None:
    """Send `request`."""
    try:
        connection.request(  # switch
            request.method,
            request.url.target,
            body=request.body,
            headers={**_NOTHING_ADDED, **request.headers},
            preload_content=False,
        )
    except BrokenPipeError:
        # The server hung up on the body. It may have said why (413), and that is the answer; if not, reading it fails.
        return


def _is_quiet(connection: HTTPConnection) -> bool:
    """Return whether nothing has arrived on an idle connection: neither bytes nor its end."""
    if isinstance(connection.sock, ssl.SSLSocket) and connection.sock.pending():
        return False
    poll = _poll()
    poll.register(connection.sock.fileno(), select.POLLIN)
    return not poll.poll(0)


class _Reply(http.client.HTTPResponse):
    """Refuses what http.client lets pass: the end of the connection for the end of the headers, and broken headers."""

    fp: Any  # a _Head while the head is read

    def begin(self) -> None:
        """Read status and headers, past those that only announce an answer (RFC 9110, section 15.2)."""
        self.fp = head = _Head(self.fp)
        try:
            super().begin()  # switch
            while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
                self.headers = self.msg = None  # type: ignore[assignment]  # what begin() takes for "not begun"
                super().begin()  # switch
        finally:
            if self.fp is head:
                self.fp = head.file
        if not head.is_whole:
            raise RequestFailed(HEADERS_CUT_SHORT)
        # The first line that is none ends the headers for http.client, and Content-Length may be among the rest.
        assert_header_parsing(self.msg)


class _Head:
    """The head of an answer, as http.client reads it: line by line."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.is_whole = False
        self._lines = 0

    def readline(self, limit: int) -> bytes:
        self._lines += 1
        if self._lines > MOST_HEAD_LINES:
            raise http.client.HTTPException(f"more than {MOST_HEAD_LINES} lines")
        line: bytes = self.file.readline(limit)  # switch
        self.is_whole = line in (b"\r\n", b"\n")
        return line

    def close(self) -> None:
        self.file.close()
