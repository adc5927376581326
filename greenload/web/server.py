"""Serves the page: listens, lets connections in, ends.

On the master's own hub, in green threads: it reads what the master has without a lock, and a browser that is slow takes
the time of its own green thread only.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent
from gevent import socket, ssl
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from greenload.core.errors import GreenloadError
from greenload.green import GreenThreads
from greenload.web.access import Access, is_loopback_name
from greenload.web.app import PAGE, make_app
from greenload.web.connection import FIRST_S, SEND_BUFFER_BYTES, Connection
from greenload.web.control import Control
from greenload.web.extension import Extension
from greenload.web.live import Live

MOST_CONNECTIONS = 500
SHORTEST_TOKEN = 8
LOOK_EVERY_S = 1.0
LOOK_AT_STATE_EVERY_S = 0.2

log = logging.getLogger("greenload")


class WebError(GreenloadError):
    """The page cannot be served like that."""


class WebServer:
    """The page of `control`.

    port        0 takes a free one
    token       that a browser needs; on a host that other machines can reach one is made where none is said
    cert, key   files for TLS;  extensions: what the scenario adds;  page: the folder of the page
    readers     origins of other pages that may read
    """

    def __init__(
        self,
        control: Control,
        host: str,
        port: int,
        token: str | None = None,
        cert: Path | None = None,
        key: Path | None = None,
        extensions: Sequence[Extension] = (),
        page: Path = PAGE,
        readers: Collection[str] = (),
    ) -> None:
        if token is not None and len(token) < SHORTEST_TOKEN:
            raise WebError(f"a token of {len(token)} characters is soon guessed; take at least {SHORTEST_TOKEN}")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise WebError("a token is letters, digits and signs of ASCII, without a space: it has to go into a URL")
        if (cert is None) != (key is None):
            raise WebError("TLS needs both a certificate and its key")
        self._host, self._port = host, port
        self._is_loopback = is_loopback_name(host)
        self.token = token if token is not None or self._is_loopback else secrets.token_urlsafe(24)
        self._files = cert, key
        self.live = Live(control)
        access = Access(self.token, self._is_loopback, readers=readers)
        self._app = make_app(control, self.live, access, extensions, page)
        self._server: _Listening | None = None
        self._threads = GreenThreads()
        self._looking: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Listen from now on.  Raises WebError."""
        tls = _tls_context(*self._files)
        ssl_args: dict[str, Any] = {} if tls is None else {"ssl_context": tls}
        listener = _listener(self._host, self._port)
        # The name is not looked up: that might wait for a name server.
        environ = {"SERVER_NAME": self._host, "wsgi.multithread": True}
        server = _Listening(
            listener, self._app, spawn=Pool(MOST_CONNECTIONS), log=None, error_log=None, handler_class=Connection,
            environ=environ, **ssl_args,
        )  # fmt: skip
        server.start()
        self._server, self._port = server, int(server.address[1])
        self._looking = self._threads.start(self._look)

    def stop(self) -> None:
        """End all streams and connections, and listen no more."""
        self.live.close()
        if self._looking is not None:
            self._looking.kill()  # switch
        if self._server is not None:
            self._server.stop(timeout=1.0)  # switch
        self._server = self._looking = None

    def __enter__(self) -> WebServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the page is, without the token."""
        scheme = "http" if self._files == (None, None) else "https"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"{scheme}://{_at(host, self._port)}"

    @property
    def link(self) -> str:
        """What to open: with the token, if one is needed."""
        return self.url + ("/" if self.token is None else f"/?token={self.token}")

    def _look(self) -> None:
        due_s = time.monotonic()
        while True:
            try:
                if time.monotonic() >= due_s:
                    due_s = max(due_s, time.monotonic() - LOOK_EVERY_S) + LOOK_EVERY_S
                    self.live.look()  # switch
                else:
                    self.live.look_at_state()  # switch
            except Exception:  # the run must go on, and the page with the next second
                log.exception("the page could not look at the run")
            gevent.sleep(LOOK_AT_STATE_EVERY_S)  # switch


class _Listening(WSGIServer):  # type: ignore[misc,unused-ignore]
    """pywsgi's server, which bounds what the system keeps for a connection, and how long TLS may take to begin."""

    def do_read(self) -> Any:
        accepted = super().do_read()
        if accepted is not None:
            client, _ = accepted
            client.settimeout(FIRST_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return accepted

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> Any:
        try:
            return super().wrap_socket_and_handle(client_socket, address)
        except OSError:  # no TLS, or one that ended there: it is theirs to see
            client_socket.close()
            return None


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise WebError(f"cannot serve the page at {_at(host, port)}: {said}") from error
    return listener


def _tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        said = (
            error.strerror if isinstance(error, OSError) and error.strerror else "these are no certificate and its key"
        )
        raise WebError(f"cannot use {cert} and {key} for TLS: {said}") from error
    return context


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
