"""How a wire comes about: the addresses of a host, the connection, and TLS on top of it, within one deadline.

TLS runs in memory (ssl.MemoryBIO): its bytes come and go through a Wire, which alone knows how to wait.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

from greenload.http.engine import CHUNK_BYTES
from greenload.http.failures import CONNECT_TIMED_OUT, HOST_NOT_FOUND, RequestFailed
from greenload.http.marks import Marks
from greenload.http.names import process_names
from greenload.http.request import Origin
from greenload.http.tls import Verify, tls_context
from greenload.http.wire_socket import Wire, announces


class TlsWire:
    """One connection with TLS; what `Wire` can, it can."""

    __slots__ = ("_early", "_incoming", "_outgoing", "_tls", "_wire")

    def __init__(self, wire: Wire, context: ssl.SSLContext, host: str) -> None:
        """Make the handshake over `wire`.  Raises OSError, of which ssl.SSLError and TimeoutError are."""
        self._wire = wire
        self._early = b""  # what arrived while something was being sent, and nobody has taken yet
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()  # switch
                self._fill()  # switch
                continue
            except ssl.SSLError:
                self._say_why()
                raise
            self._flush()  # switch
            return

    @property
    def patience_s(self) -> float:
        return self._wire.patience_s

    @patience_s.setter
    def patience_s(self, seconds: float) -> None:
        self._wire.patience_s = seconds

    @property
    def last_s(self) -> float:
        return self._wire.last_s

    @last_s.setter
    def last_s(self, last_s: float) -> None:
        self._wire.last_s = last_s

    def put(self, data: bytes) -> bool:
        """Send `data`. Return whether all of it went out: False when the server answered before it had it all.

        Then it may have half a record, and can be sent nothing more.
        """
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view[:CHUNK_BYTES]) :]
            if not self._wire.put_while(self._has_no_answer, self._outgoing.read()):  # switch
                return False
        return True

    def take(self) -> bytes:
        """Return what has arrived, as soon as something has; b"" is the end."""
        if self._early:
            early, self._early = self._early, b""
            return early
        while True:
            try:
                return self._tls.read(CHUNK_BYTES)
            except ssl.SSLWantReadError:
                self._fill()  # switch
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                return b""  # no close_notify: common, and HTTP has ends of its own by which a cut is told

    def is_quiet(self) -> bool:
        """Return whether nothing has arrived for HTTP; what TLS says to itself (session tickets) is taken in."""
        if self._early:
            return False
        try:
            while not self._wire.is_quiet():
                self._fill()  # switch  # though not for long: something is there
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        self._wire.close()

    def _has_no_answer(self) -> bool:
        """Take in what has arrived while something is sent. Return whether it is no answer yet, or TLS' own affair."""
        if len(self._early) > CHUNK_BYTES:
            return True  # announcements without end: they stay where they are until the body is out
        self._fill()  # switch  # though not for long: something is there
        try:
            while piece := self._tls.read(CHUNK_BYTES):
                self._early += piece
        except ssl.SSLWantReadError:
            return not self._early or announces(self._early)
        except ssl.SSLError:
            pass  # whoever takes next is told
        return False

    def _flush(self) -> None:
        """Send what TLS has to say."""
        if data := self._outgoing.read():
            self._wire.put_while(lambda: True, data)  # switch

    def _fill(self) -> None:
        data = self._wire.take()  # switch
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _say_why(self) -> None:
        """Send the alert that says what was wrong with the handshake; if it does not get there, so be it."""
        try:
            self._flush()  # switch
        except OSError:
            pass


def connect(origin: Origin, verify: Verify, patience_s: float, marks: Marks | None) -> Wire | TlsWire:
    """Return a connection to `origin`, TLS included, that was made within `patience_s`; tell `marks`.

    Raises RequestFailed when its host has no address or the time is over, OSError for what else can go wrong.
    """
    deadline_s = time.monotonic() + patience_s
    wire = _connect_to_one_of(_addresses(origin), deadline_s)  # switch
    if marks is not None:
        marks.connected()
    if origin.scheme == "http":
        return wire
    # Not by its patience: a server that drips its part of the handshake never lets that run out.
    wire.patience_s, wire.last_s = patience_s, deadline_s
    tls = None
    try:
        tls = TlsWire(wire, tls_context(verify), origin.host)  # switch
    except (TimeoutError, RequestFailed) as error:
        raise RequestFailed(CONNECT_TIMED_OUT) from error
    finally:
        if tls is None:
            wire.close()
    if marks is not None:
        marks.secured()
    return tls


def _connect_to_one_of(addresses: list[Any], deadline_s: float) -> Wire:
    faults: list[OSError] = []
    for number, address in enumerate(addresses):
        # Each address gets its share of what is left, or one that swallows everything would leave the others nothing.
        left_s = (deadline_s - time.monotonic()) / (len(addresses) - number)
        try:
            return Wire(address, max(0.001, left_s))  # switch
        except TimeoutError as error:
            faults.append(error)
            if number == len(addresses) - 1:
                raise RequestFailed(CONNECT_TIMED_OUT) from error
        except OSError as error:
            faults.append(error)
    raise faults[-1]


def _addresses(origin: Origin) -> list[Any]:
    """Return where to connect to, as getaddrinfo would say it: first the address whose turn it is."""
    try:
        addresses = process_names().addresses(origin.host)  # switch
    except socket.gaierror as error:
        raise RequestFailed(HOST_NOT_FOUND) from error
    families = (socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses)
    return [
        (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, origin.port))
        for family, address in zip(families, addresses, strict=True)
    ]
