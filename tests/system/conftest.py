"""Servers that behave as no server should."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """Accepts connections on a free port and lets `behave` do what it wants with each; counts requests by their end."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.requests = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while self._read_request(connection):
                with self._lock:
                    self.requests += 1
                self._behave(connection)
        except OSError:
            pass
        finally:
            connection.close()

    @staticmethod
    def _read_request(connection: socket.socket) -> bool:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            piece = connection.recv(65_536)
            if not piece:
                return False
            received += piece
        return True


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], RawServer]]:
    """Start a RawServer with a behaviour; it is closed after the test."""
    servers: list[RawServer] = []

    def start(behave: Behaviour) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def silent_server(serve: Callable[[Behaviour], RawServer]) -> RawServer:
    """A server that takes requests and never answers."""
    return serve(lambda connection: None)
