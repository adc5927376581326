"""The wire engine: HTTP/1.1 over sockets and a parser of our own, each request sent once.

It does for `FastHttpUser` what `pooled` does for `HttpUser`, for a twelfth of the processor time. An idle connection is
looked at before it is used: one that the server closed meanwhile, or on which something arrived that nobody
asked for, is replaced before anything is sent. Knows nothing of names, cookies, redirects or counting.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TypeAlias

from urllib3 import HTTPHeaderDict

from greenload.http.decoding import decoded, whole
from greenload.http.failures import RESET, TOO_LARGE, RequestFailed, failure_kind
from greenload.http.marks import Marks
from greenload.http.request import BodyGone, Origin, Request
from greenload.http.tls import Verify
from greenload.http.wire_connect import TlsWire, connect
from greenload.http.wire_head import Head
from greenload.http.wire_parser import AnswerParser
from greenload.http.wire_request import Outgoing, outgoing
from greenload.http.wire_socket import Wire

CONTINUE_S = 1.0  # how long a body waits for 100 Continue before it goes out all the same

_Key: TypeAlias = "tuple[Origin, Verify]"


class WireAnswer:
    """An answer on its connection, which it gives back when its body is whole."""

    __slots__ = ("_connection", "_engine", "_head", "_headers", "_most_bytes", "set_cookies", "status")

    def arrive(self, engine: WireEngine, connection: _Connection, head: Head, most_bytes: int) -> None:
        """Be the answer with `head`, whose body comes over `connection`.

        In place of an __init__, which Python calls by way of C: for the three objects of a request that took 0.2 us.
        """
        self._engine = engine
        self._connection: _Connection | None = connection  # which goes on to others once this answer is whole
        self._head = head
        self._headers: HTTPHeaderDict | None = None
        self._most_bytes = most_bytes
        self.status = head.status
        self.set_cookies = head.set_cookies

    @property
    def reason(self) -> str:
        return self._head.reason.decode("latin-1")

    @property
    def headers(self) -> HTTPHeaderDict:
        """The headers; made when somebody asks, which most scenarios do not."""
        if self._headers is None:
            self._headers = HTTPHeaderDict()
            for name, value in self._head.headers:
                self._headers.add(name.decode("latin-1"), value.decode("latin-1"))
        return self._headers

    def read(self) -> bytes:
        connection = self._connection
        if connection is not None and self._head.coding is None:
            content = connection.parser.content
            if content is not None and len(content) <= self._most_bytes:
                self._connection = None
                self._engine.take_back(connection)
                return content
            if not connection.parser.is_whole and (self._head.length or 0) > self._most_bytes:
                self.close()
                raise RequestFailed(TOO_LARGE)
        try:
            return whole(self.pieces(), self._most_bytes)  # switch
        finally:
            self.close()  # of what is too much the rest is not wanted

    def pieces(self) -> Iterator[bytes]:
        if self._connection is None:
            raise BodyGone("this body was streamed to its end, or closed; keep the pieces, or ask for content instead")
        coding = self._head.coding
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
        parser = connection.parser
        while True:
            yield from parser.take()
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
    """A wire and the parser of what comes over it; `is_idle` while it is not lent to a request."""

    __slots__ = ("answer", "is_idle", "is_used_up", "key", "marks", "parser", "wire")

    def __init__(self, key: _Key, wire: Wire | TlsWire) -> None:
        self.answer: WireAnswer | None = None
        self.is_idle = False
        self.is_used_up = False
        self.key = key
        self.marks: Marks | None = None  # of the request under way
        self.wire = wire
        self.parser = AnswerParser()

    def exchange(self, request: Request) -> Head:
        """Send `request`, read until the head of its answer is there, and return that.

        Raises RequestFailed, OSError.
        """
        wire, parser = self.wire, self.parser
        self.marks = request.marks
        wire.patience_s = request.read_timeout_s
        wire.last_s = monotonic() + request.answer_timeout_s
        parser.is_to_head = request.method == "HEAD"
        out: Outgoing | None = request.encoded
        if out is None:
            out = outgoing(request)
            if request.body is None:
                request.encoded = out
        try:
            is_sent = wire.put(out.first) and (out.rest is None or self._send_rest(out))  # switch
        except TimeoutError:
            raise
        except OSError:
            is_sent = False
            self._read_last_words()  # switch
        while (head := parser.head) is None:
            self.read_on()  # switch
        if out.is_last or not is_sent:
            self.is_used_up = True
        return head

    def _read_last_words(self) -> None:
        """The server hung up on the body. It may have said why (413), and that is the answer."""
        try:
            while self.parser.head is None:
                self.read_on()  # switch
        except RequestFailed as failure:
            raise RequestFailed(RESET) from failure

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
            while parser.head is None and not parser.has_announced:
                self.read_on()  # switch
        except TimeoutError:
            pass
        finally:
            wire.patience_s = patience_s
        return parser.head is None

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

    # A list: most users have one connection to one host, and there may be thousands of users.
    __slots__ = ("_connections",)

    def __init__(self) -> None:
        self._connections: list[_Connection] = []

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
                self._connections.append(connection)
            head = connection.exchange(request)  # switch
            connection.answer = answer = WireAnswer()
            answer.arrive(self, connection, head, request.most_bytes)
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
        if connection.parser.is_reusable and not connection.is_used_up:
            connection.parser.let_go()
            connection.is_idle = True
        else:
            self._drop(connection)

    def close(self) -> None:
        """Close all connections, those in use included."""
        for connection in self._connections[:]:
            connection.is_used_up = True
            if connection.answer is not None:
                connection.answer.close()
            else:
                self._drop(connection)

    def _idle_connection(self, key: _Key) -> _Connection | None:
        """Return a connection that is idle no more, or None when there was none."""
        for connection in self._connections:
            if connection.is_idle and connection.key == key:
                connection.is_idle = False
                if connection.wire.is_quiet():  # switch
                    return connection
                # The server closed it, or sent what nobody asked for. Found out before sending, so nothing goes twice.
                self._drop(connection)
                return self._idle_connection(key)  # switch
        return None

    def _drop(self, connection: _Connection) -> None:
        """Close `connection` and forget it, if that has not happened yet."""
        connection.close()
        if connection in self._connections:
            self._connections.remove(connection)
