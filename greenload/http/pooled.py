"""The urllib3 engine: requests over urllib3's connections, kept alive, each request sent once.

It drives the connection classes directly. urllib3's pools and managers retry, share connections between users, and are
closed by the garbage collector, which under gevent can lock up the whole process (urllib3 issue 3289); a virtual user
is one browser and closes what it opened. Knows nothing of names, cookies, redirects or counting.
"""

from __future__ import annotations

import functools
import http.client
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

import gevent
from gevent import monkey
from urllib3 import HTTPHeaderDict
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse
from urllib3.util import SKIP_HEADER

from greenload.http.decoding import decoded, whole
from greenload.http.engine import CHUNK_BYTES
from greenload.http.failures import (
    CONNECT_TIMED_OUT,
    TOO_LARGE,
    RequestFailed,
    failure_kind,
)
from greenload.http.marks import Marks
from greenload.http.names import Names, process_names
from greenload.http.pooled_reply import Reply, Watch
from greenload.http.request import BodyGone, Origin, Request
from greenload.http.tls import Verify, tls_context

# What urllib3 and http.client would add of their own where the request has none.
_NOTHING_ADDED = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}

# The poll of the operating system, not gevent's: asked not to wait, it needs no round through the hub (1 us for 60).
_poll = monkey.get_original("select", "poll")


class PooledAnswer:
    """What came back: status, reason and headers at once, the body by `read` or in pieces by `pieces`."""

    def __init__(self, raw: BaseHTTPResponse, most_bytes: int, release: Callable[[bool], None]) -> None:
        self.status = raw.status
        self.reason = raw.reason or ""
        self.headers: HTTPHeaderDict = raw.headers
        self.set_cookies: list[str] = raw.headers.getlist("Set-Cookie")
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
        try:
            return whole(self.pieces(), self._most_bytes)  # switch
        finally:
            self.close()  # of what is too much the rest is not wanted

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
            yield from decoded(self._raw_pieces(), self.headers.get("Content-Encoding", ""))  # switch
            self._done(reusable=True)
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            self._done(reusable=False)

    def _raw_pieces(self) -> Iterator[bytes]:
        # Not read(): that would wait until the piece is full, for minutes where a server sends an event a minute.
        while piece := self._raw.read1(CHUNK_BYTES, decode_content=False):  # switch
            yield piece

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
        self._lent: dict[HTTPConnection, PooledAnswer | None] = {}

    def send(self, request: Request) -> PooledAnswer:
        """Send `request` once and return its answer as soon as its headers are there.

        Raises RequestFailed, whose text is the kind of failure, when no answer came.
        """
        key = (request.url.origin, request.verify)
        connection = self._idle_connection(key) or _new_connection(*key)
        self._lent[connection] = answer = None
        try:
            if connection.sock is None:
                addresses = self._names.addresses(request.url.origin.host)  # switch
                _connect(connection, addresses, request.connect_timeout_s, request.marks)  # switch
            # urllib3 sets the socket's timeout to this one before it sends, and again before it reads.
            connection.timeout = request.read_timeout_s
            watch = Watch(time.monotonic() + request.answer_timeout_s, request.marks)
            connection.response_class = functools.partial(Reply, watch)  # type: ignore[assignment]  # it is only called
            _put(connection, request)  # switch
            raw = connection.getresponse()  # switch
            answer = PooledAnswer(raw, request.most_bytes, functools.partial(self._take_back, key, connection, watch))
            self._lent[connection] = answer
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            if answer is None:
                self._take_back(key, connection, None, reusable=False)
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

    def _take_back(
        self, key: tuple[Origin, Verify], connection: HTTPConnection, watch: Watch | None, reusable: bool
    ) -> None:
        self._lent.pop(connection, None)
        if reusable and connection.sock is not None and watch is not None and not watch.has_surplus:
            self._idle.setdefault(key, []).append(connection)
        else:
            connection.close()


def _new_connection(origin: Origin, verify: Verify) -> HTTPConnection:
    connection = HTTPConnection(origin.host, origin.port, blocksize=CHUNK_BYTES)
    if origin.scheme == "https":
        context = tls_context(verify)
        connection = _Https(
            origin.host, origin.port, ssl_context=context, server_hostname=origin.host, blocksize=CHUNK_BYTES
        )
    return connection


class _Https(HTTPSConnection):
    """Tells its marks, if it has any, when TLS can begin: urllib3's makes the connection and TLS in one."""

    marks: Marks | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()  # switch
        if self.marks is not None:
            self.marks.connected()
        return sock


def _connect(connection: HTTPConnection, addresses: Sequence[str], timeout_s: float, marks: Marks | None) -> None:
    """Connect to the first of `addresses` that takes the connection; what fails after that is the failure."""
    deadline_s = time.monotonic() + timeout_s
    if isinstance(connection, _Https):
        connection.marks = marks
    host = connection.host
    try:
        for number, address in enumerate(addresses):
            connection.host = address
            left_s = max(0.001, deadline_s - time.monotonic())
            # Each address gets its share of what is left, or one that swallows all would leave the others nothing.
            connection.timeout = left_s / (len(addresses) - number)
            try:
                # gevent's TLS is patient anew for each piece, and with a handshake that drips for ever.
                with gevent.Timeout(left_s, TimeoutError()):
                    connection.connect()  # switch
                break
            except (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError):
                if number == len(addresses) - 1:
                    raise
    except TimeoutError as error:  # in the TLS handshake; for one before it urllib3 has an error of its own
        raise RequestFailed(CONNECT_TIMED_OUT) from error
    finally:
        connection.host = host  # which is the Host header
    if marks is not None and isinstance(connection, _Https):
        marks.secured()
    elif marks is not None:
        marks.connected()


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
