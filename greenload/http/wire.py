"""The wire engine: HTTP/1.1 over sockets and a parser of our own, each request sent once.

It does for `FastHttpUser` what `pooled` does for `HttpUser`, for a ninth of the processor time. An idle connection is
looked at before it is used: one that the server closed meanwhile, or on which something arrived that nobody
asked for, is replaced before anything is sent. Knows nothing of names, cookies, redirects or counting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeAlias

from urllib3 import HTTPHeaderDict

from greenload.http.decoding import decoded, whole
from greenload.http.failures import RESET, TOO_LARGE, RequestFailed, failure_kind
from greenload.http.marks import Marks
from greenload.http.request import BodyGone, Origin, Request
from greenload.http.tls import Verify
from greenload.http.wire_connect import TlsWire, connect
from greenload.http.wire_parser import AnswerParser
from greenload.http.wire_request import Outgoing, outgoing
from greenload.http.wire_socket import Wire

CONTINUE_S = 1.0  # how long a body waits for 100 Continue before it goes out all the same

_Key: TypeAlias = "tuple[Origin, Verify]"


class WireAnswer:
    """An answer on its connection, which it gives back when its body is whole."""

    __slots__ = ("_connection", "_engine", "_found", "_headers", "_most_bytes", "_parser", "_reason", "status")

    def __init__(self, engine: WireEngine, connection: _Connection, most_bytes: int) -> None:
        parser = connection.parser
        self.status: int = parser.status
        self._headers: list[tuple[bytes, bytes]] | HTTPHeaderDict = parser.headers
        self._reason = parser.reason_bytes
        self._found = parser.found
        self._parser = parser  # which goes on to other answers once this one is whole
        self._engine = engine
        self._connection: _Connection | None = connection
        self._most_bytes = most_bytes

    @property
    def reason(self) -> str:
        return self._reason.decode("latin-1")

    @property
    def headers(self) -> HTTPHeaderDict:
        """The headers; made when somebody asks, which most scenarios do not."""
        if isinstance(self._headers, list):
            headers = HTTPHeaderDict()
            for name, value in self._headers:
                headers.add(name.decode("latin-1"), value.decode("latin-1"))
            self._headers = headers
        return self._headers

    @property
    def set_cookies(self) -> list[str]:
        return self.headers.getlist("Set-Cookie") if b"set-cookie" in self._found else []

    def read(self) -> bytes:
        connection, parser = self._connection, self._parser
        if connection is not None and b"content-encoding" not in self._found:
            if parser.is_whole:  # it came in one piece with its head, as most answers do
                parts = parser.parts
                content = parts[0] if len(parts) == 1 else b"".join(parts)
                parts.clear()
                if len(content) > self._most_bytes:
                    self.close()
                    raise RequestFailed(TOO_LARGE)
                self._connection = None
                self._engine.take_back(connection)
                return content
            if (parser.length or 0) > self._most_bytes:
                self.close()
                raise RequestFailed(TOO_LARGE)
        try:
            return whole(self.pieces(), self._most_bytes)  # switch
        finally:
            self.close()  # of what is too much the rest is not wanted

    def pieces(self) -> Iterator[bytes]:
        if self._connection is None:
            raise BodyGone("this body was streamed to its end, or closed; keep the pieces, or ask for content instead")
        coding = self._found.get(b"content-encoding")
        pieces = self._raw_pieces(self._connection)
        try:
            if coding is None:
                yield from pieces  # switch
            else:
                yield from decoded(pieces, coding.decode("latin-1"))  # switch
            if self._connection is not None:
                self._give_back()
        finally:
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.is_used_up = True
            self._give_back()

    def _raw_pieces(self, connection: _Connection) -> Iterator[bytes]:
        parser = self._parser
        while True:
            parts = parser.parts[:]
            parser.parts.clear()
            yield from parts
            if parser.is_whole:
                return
            try:
                connection.read_on()  # switch
            except OSError as error:
                raise RequestFailed(failure_kind(error)) from error

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._engine.take_back(connection)


class _Connection:
    """A wire and the parser of what comes over it."""

    __slots__ = ("answer", "is_used_up", "key", "marks", "parser", "wire")

    def __init__(self, key: _Key, wire: Wire | TlsWire) -> None:
        self.answer: WireAnswer | None = None
        self.is_used_up = False
        self.key = key
        self.marks: Marks | None = None  # of the request under way
        self.wire = wire
        self.parser = AnswerParser()

    def exchange(self, request: Request) -> None:
        """Send `request` and read until the head of its answer is there.  Raises RequestFailed, OSError."""
        wire, parser = self.wire, self.parser
        self.marks = request.marks
        wire.patience_s = request.read_timeout_s
        wire.last_s = time.monotonic() + request.answer_timeout_s
        parser.expect(request.method)
        out: Outgoing | None = request.encoded
        if out is None:
            out = outgoing(request)
            if request.body is None:
                request.encoded = out
        fault: OSError | None = None
        is_sent = False
        try:
            is_sent = wire.put(out.first) and (out.rest is None or self._send_rest(out))  # switch
        except TimeoutError:
            raise
        except OSError as error:
            # The server hung up on the body. It may have said why (413), and that is the answer.
            fault = error
        try:
            while not parser.has_head:
                self.read_on()  # switch
        except RequestFailed as failure:
            if fault is not None:
                raise RequestFailed(RESET) from failure
            raise
        if out.is_last or not is_sent:
            self.is_used_up = True

    def _send_rest(self, out: Outgoing) -> bool:
        """Send the body. Return whether it was wanted to its end."""
        if out.asks_first and not self._may_go_on():  # switch
            return False
        return all(self.wire.put(piece) for piece in out.rest or ())  # switch

    def _may_go_on(self) -> bool:
        """Wait for 100 Continue. Return False when the answer came instead."""
        wire, parser = self.wire, self.parser
        patience_s, wire.patience_s = wire.patience_s, min(CONTINUE_S, wire.patience_s)
        try:
            while not parser.has_head and not parser.has_announced:
                self.read_on()  # switch
        except TimeoutError:
            pass
        finally:
            wire.patience_s = patience_s
        return not parser.has_head

    def read_on(self) -> None:
        """Read what comes next.  Raises RequestFailed, OSError."""
        data = self.wire.take()  # switch
        if self.marks is not None and not self.parser.has_begun:
            self.marks.arrived()
        if data:
            self.parser.feed(data)
        else:
            self.parser.end()

    def close(self) -> None:
        self.wire.close()
        self.parser.close()


class WireEngine:
    """The connections of one user, each lent to one request at a time."""

    # Lists: most users have one connection to one host, and there may be thousands of users.
    __slots__ = ("_idle", "_lent")

    def __init__(self) -> None:
        self._idle: list[_Connection] = []
        self._lent: list[_Connection] = []

    def send(self, request: Request) -> WireAnswer:
        """Send `request` once and return its answer as soon as its headers are there.

        Raises RequestFailed, whose text is the kind of failure, when no answer came.
        """
        key = (request.url.origin, request.verify)
        answer = connection = None
        try:
            connection = self._idle_connection(key)  # switch
            if connection is None:
                connection = _Connection(key, connect(*key, request.connect_timeout_s, request.marks))  # switch
            self._lent.append(connection)
            connection.exchange(request)  # switch
            connection.answer = answer = WireAnswer(self, connection, request.most_bytes)
        except OSError as error:
            raise RequestFailed(failure_kind(error)) from error
        finally:
            if answer is None and connection is not None:
                connection.is_used_up = True
                self.take_back(connection)
        return answer

    def take_back(self, connection: _Connection) -> None:
        """Keep `connection` for the next request, or close it where it cannot serve one."""
        connection.answer = None
        is_lent = connection in self._lent
        if is_lent:
            self._lent.remove(connection)
        if is_lent and connection.parser.is_reusable and not connection.is_used_up:
            connection.parser.let_go()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close all connections, those in use included."""
        for lent in self._lent[:]:
            if lent.answer is not None:
                lent.answer.close()
        for connection in [*self._lent, *self._idle]:
            connection.close()
        self._lent.clear()
        self._idle.clear()

    def _idle_connection(self, key: _Key) -> _Connection | None:
        idle = self._idle
        for place in range(len(idle) - 1, -1, -1):
            if idle[place].key == key:
                connection = idle.pop(place)
                if connection.wire.is_quiet():  # switch
                    return connection
                # The server closed it, or sent what nobody asked for. Found out before sending, so nothing goes twice.
                connection.close()
                return self._idle_connection(key)  # switch
        return None
