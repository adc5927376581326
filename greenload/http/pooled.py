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
from collections.abc import Callable, Iterator

from gevent import monkey
from urllib3 import HTTPHeaderDict
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from greenload.http.failures import TOO_LARGE, RequestFailed, failure_kind
from greenload.http.request import Origin, Request

CHUNK_BYTES = 65_536

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

    def __init__(self, raw: BaseHTTPResponse, release: Callable[[bool], None]) -> None:
        self.status = raw.status
        self.reason = raw.reason or ""
        self.headers: HTTPHeaderDict = raw.headers
        self._raw = raw
        self._release: Callable[[bool], None] | None = release

    def read(self, most_bytes: int) -> bytes:
        """Return the whole body, decoded.  Raises RequestFailed when it is over `most_bytes` or does not come whole."""
        length = self._raw.length_remaining
        if length is not None and "Content-Encoding" not in self.headers:
            return self._read_plain(length, most_bytes)  # switch
        pieces, size = [], 0
        for piece in self.pieces():  # switch
            pieces.append(piece)
            size += len(piece)
            if size > most_bytes:
                self.close()
                raise RequestFailed(TOO_LARGE)
        return b"".join(pieces)

    def _read_plain(self, length: int, most_bytes: int) -> bytes:
        """Return a body of known length that needs no decoding, in one go."""
        try:
            if length > most_bytes:
                raise RequestFailed(TOO_LARGE)
            content = self._raw.read()  # switch
            self._done(reusable=True)
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            self._done(reusable=False)
        return content

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, decoded, in pieces; then the connection may serve the next request."""
        try:
            while piece := self._raw.read(CHUNK_BYTES):  # switch
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
            release(reusable)


class PooledEngine:
    """The connections of one user: idle ones by origin, each lent to one request at a time."""

    def __init__(self) -> None:
        self._idle: dict[tuple[Origin, Verify], list[HTTPConnection]] = {}
        self._lent: set[HTTPConnection] = set()

    def send(self, request: Request) -> Answer:
        """Send `request` once and return its answer as soon as its headers are there.

        Raises RequestFailed, whose text is the kind of failure, when no answer came.
        """
        key = (request.url.origin, request.verify)
        connection = self._idle_connection(key) or _new_connection(*key)
        self._lent.add(connection)
        answer = None
        try:
            if connection.sock is None:
                connection.timeout = request.connect_timeout_s
                connection.connect()  # switch
            connection.sock.settimeout(request.read_timeout_s)
            connection.request(  # switch
                request.method,
                request.url.target,
                body=request.body,
                headers=request.headers,
                preload_content=False,
            )
            raw = connection.getresponse()  # switch
            answer = Answer(raw, functools.partial(self._take_back, key, connection))
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            if answer is None:
                self._take_back(key, connection, reusable=False)
        return answer

    def close(self) -> None:
        """Close all connections, those in use included."""
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
        self._lent.discard(connection)
        if reusable and connection.sock is not None:
            self._idle.setdefault(key, []).append(connection)
        else:
            connection.close()


def _new_connection(origin: Origin, verify: Verify) -> HTTPConnection:
    if origin.scheme == "https":
        return HTTPSConnection(origin.host, origin.port, ssl_context=tls_context(verify), blocksize=CHUNK_BYTES)
    return HTTPConnection(origin.host, origin.port, blocksize=CHUNK_BYTES)


def _is_quiet(connection: HTTPConnection) -> bool:
    """Return whether nothing has arrived on an idle connection: neither bytes nor its end."""
    # The poll of the operating system, not gevent's: it asks and never waits, so there is no need for a round through
    # the hub (1.3 us against 60).
    poll = monkey.get_original("select", "poll")()
    poll.register(connection.sock.fileno(), select.POLLIN)
    return not poll.poll(0)
