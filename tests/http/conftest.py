"""A real HTTP server that does as it is told, and sessions whose every request is counted.

A server is a talk: a function that is given each connection as a Peer, and says what is to happen on it, down to the
byte. Most tests give routes instead. It keeps what it received, so a test can count on the server's side. When a test
is over its sessions are closed, and each connection must then come to its end: nothing may be left open.
"""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

from greenload.http.engine import Engine
from greenload.http.pooled import PooledEngine
from greenload.http.session import HttpSession
from greenload.http.wire import WireEngine
from greenload.user.recorder import Recorder

PATIENCE_S = 5.0


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Message
    body: bytes
    head: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.closed = threading.Event()  # by the client
        self._rest = b""
        self._is_head = False

    def receive(self) -> Received | None:
        """Return the next request, or None when the client has closed the connection."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return None
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, _, lines = head.decode("latin-1").partition("\r\n")
        method, target, _ = first.split(" ")
        headers = Parser().parsestr(lines, headersonly=True)
        received = Received(method, target, headers, b"", head)
        self.server.requests.append(received)
        self._is_head = method == "HEAD"
        if headers.get("Transfer-Encoding") == "chunked":
            while size := int(self._line(), 16):
                received.body += self._exactly(size)
                self._exactly(2)
            self._exactly(2)
        else:
            received.body = self._exactly(int(headers.get("Content-Length", "0")))
        return received

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, body: bytes = b"ok", status: str = "200 OK", headers: Any = ()) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if self._is_head else body))

    def send_chunked(self, chunks: list[bytes], headers: str = "") -> None:
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + headers.encode() + b"\r\n")
        for chunk in [*chunks, b""]:
            self.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def send_until_closed(self, data: bytes) -> int:
        """Send `data` over and over until the client will not have it; return how many bytes went out."""
        sent = 0
        end_s = time.monotonic() + PATIENCE_S
        try:
            while time.monotonic() < end_s:
                self.sock.sendall(data)
                sent += len(data)
        except ConnectionError:
            pass
        return sent

    def serve(self, routes: dict[str, Any]) -> None:
        """Answer requests by path, as browsers' servers do: one after the other on one connection."""
        while (received := self.receive()) is not None:
            route = routes.get(received.target.partition("?")[0], {})
            if callable(route):
                route(self, received)
            else:
                self.answer(**route)

    def hang_up(self) -> None:
        """End this side of the connection, in the regular way; the client has to end the other."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection the hard way: the client's next move is met with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def drain(self) -> None:
        """Read until the client closes."""
        try:
            while self.sock.recv(65536):
                pass
        except TimeoutError:
            return
        except OSError:
            pass
        self.closed.set()

    def _more(self) -> bool:
        received = self.sock.recv(65536)
        self._rest += received
        return bool(received)

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            assert self._more()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            assert self._more(), "the client sent less than it said"
        content, self._rest = self._rest[:size], self._rest[size:]
        return content


class Server:
    """A server on a free port, one thread a connection."""

    def __init__(
        self, talk: Callable[[Peer], None], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.requests: list[Received] = []
        self.peers: list[Peer] = []
        self.faults: list[BaseException] = []
        self._talk = talk
        self._tls = tls
        self._threads: list[threading.Thread] = []
        self._is_over = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._start(self._accept)

    @property
    def connections(self) -> int:
        return len(self.peers)

    @property
    def targets(self) -> list[str]:
        return [received.target for received in self.requests]

    @property
    def last(self) -> Received:
        return self.requests[-1]

    def refuse(self) -> None:
        """Stop listening: from here on a connection is refused. Those that stand go on."""
        if not self._is_over:
            self._is_over = True
            socket.create_connection(self._listener.getsockname()[:2]).close()
            self._threads[0].join(PATIENCE_S)
            self._listener.close()

    def end(self) -> None:
        """Wait until the client has closed every connection; fail when it has not."""
        self.refuse()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for peer in self.peers:
            peer.sock.close()
        assert self.faults == []
        assert not any(thread.is_alive() for thread in self._threads), "a talk did not come to its end"
        assert all(peer.closed.is_set() for peer in self.peers), "the client left a connection open"

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._is_over:
                sock.close()
                return
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock.settimeout(PATIENCE_S)
                sock = self._tls.wrap_socket(sock, server_side=True)
        except OSError:  # the client does not trust this server and has gone
            sock.close()
            return
        peer = Peer(self, sock)
        self.peers.append(peer)
        try:
            self._talk(peer)
        except (ConnectionError, ssl.SSLError):
            pass  # what a hostile talk brings about
        except Exception as fault:
            self.faults.append(fault)
        peer.drain()

    def _start(self, function: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start servers with routes ({path: arguments of Peer.answer, or a function of (peer, received)}) or a talk."""
    started: list[Server] = []

    def start(talk: Any = None, **keywords: Any) -> Server:
        if talk is None or isinstance(talk, dict):
            routes = talk or {}
            started.append(Server(lambda peer: peer.serve(routes), **keywords))
        else:
            started.append(Server(talk, **keywords))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    """A server that says 200 and "ok" to everything."""
    return start_server()


class Book:
    """What the sessions of a test had counted."""

    def __init__(self) -> None:
        self.recorder = Recorder(time.monotonic)

    def begin(self, method: str, name: str) -> Any:
        return self.recorder.begin(method, name, None)

    def take(self) -> tuple[int, int, list[str], int]:
        """Return (sent, succeeded, failures by kind, unfinished) since the last take."""
        stats = self.recorder.take()
        failures = [kind for kind, occurrences in stats.total().failures for _ in range(occurrences.count)]
        return stats.sent, stats.succeeded, failures, stats.unfinished

    def names(self) -> list[tuple[str, str]]:
        return list(self.recorder.take().tallies)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(params=[PooledEngine, WireEngine], ids=["pooled", "wire"])
def make_engine(request: pytest.FixtureRequest) -> Callable[[], Engine]:
    """Each engine in turn: what is true of a session is true over both."""
    return request.param


@pytest.fixture
def open_session(
    start_server: Callable[..., Server], book: Book, make_engine: Callable[[], Engine]
) -> Iterator[Callable[..., HttpSession]]:
    """Open sessions on a server or a URL; they are closed before the servers end."""
    opened: list[HttpSession] = []

    def open_one(
        at: Server | str, connect_timeout_s: float = PATIENCE_S, read_timeout_s: float = PATIENCE_S, **keywords: Any
    ) -> HttpSession:
        url = at.url if isinstance(at, Server) else at
        most_bytes = keywords.pop("most_bytes", 1_000_000)
        patience = (connect_timeout_s, read_timeout_s)
        opened.append(HttpSession(url, book.begin, *patience, most_bytes, make_engine(), **keywords))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


@pytest.fixture
def session(open_session: Callable[..., HttpSession], server: Server) -> HttpSession:
    """A session on `server`."""
    return open_session(server)


@dataclass
class Certificate:
    """A certificate for 127.0.0.1 that is its own authority."""

    path: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return Certificate(folder / "certificate.pem", context)
