"""The wire between master and workers: ZeroMQ, or memory within one process. Only this file and curve.py know zmq.

The master has a Hub, each worker a Line to it. ZeroMQ's green sockets want to be handled with care: one green thread
reads and one writes, since a second one in the same direction is an error; they may miss an edge, so their own guard of
11.6 s is shortened; and what cannot be sent soon is dropped here and sent again by whoever needs it acknowledged.

With a join key the link is encrypted, and only who has the key gets in (curve.py). What watches over that runs in a
green thread; when it ends, the socket is closed, and who waits for a message is told why.

Knows nothing of what messages mean.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import msgpack
import zmq.green as zmq
from gevent.queue import Queue

from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.messages import FromMaster, FromWorker, Message
from greenload.core.plain import from_plain, to_plain
from greenload.curve import MISSED_EDGE_S, Handshakes, Knocks, Zap, guard, present
from greenload.green import GreenThreads
from greenload.key import JoinKey

MOST_FRAME_BYTES = 4 * 1024 * 1024
MOST_QUEUED = 100
HEARTBEAT_MS = 1_000
SILENT_MS = 3_000
RECONNECT_MS = 100
LONGEST_RECONNECT_MS = 2_000
LINGER_MS = 1_000
MEMORY_ROUTE = b"memory"


class TransportError(GreenloadError):
    """An address that cannot be used."""


class Unwelcome(TransportError):
    """The master does not let this worker in, and will not however often it tries; the message says why."""


class Unreadable(Malformed):
    """What came by `route` is no message."""

    def __init__(self, route: bytes, reason: str) -> None:
        super().__init__(reason)
        self.route = route


class Hub(Protocol):
    """The master's end."""

    def receive(self) -> tuple[bytes, FromWorker]:
        """Wait for a message; return it with the route it came by.  Raises Unreadable for what is none.

        When nobody sees to who gets in any more, raises what broke there.
        """

    def send(self, route: bytes, message: FromMaster) -> bool:
        """Send to whoever is at `route`; return whether there is anybody."""

    def close(self) -> None:
        """Send what is queued, as far as that is quick, and close."""


class Line(Protocol):
    """A worker's end."""

    def receive(self) -> FromMaster:
        """Wait for a message.  Raises Malformed for what is none, Unwelcome when there is never going to be one."""

    def send(self, message: FromWorker) -> None:
        """Send, or drop it when the master has not been taking anything for a while."""

    def close(self) -> None:
        """Send what is queued, as far as that is quick, and close."""


class MemoryHub:
    """Both ends in one process; the worker's is `line`."""

    def __init__(self) -> None:
        self._news: Queue[FromWorker] = Queue()
        self._orders: Queue[FromMaster] = Queue()
        self.line = MemoryLine(self._orders, self._news)

    def receive(self) -> tuple[bytes, FromWorker]:
        return MEMORY_ROUTE, self._news.get()  # switch

    def send(self, route: bytes, message: FromMaster) -> bool:
        self._orders.put(message)
        return True

    def close(self) -> None:
        """There is nothing to close."""


class MemoryLine:
    """The worker's end of a MemoryHub."""

    def __init__(self, orders: Queue[FromMaster], news: Queue[FromWorker]) -> None:
        self._orders = orders
        self._news = news

    def receive(self) -> FromMaster:
        return self._orders.get()  # switch

    def send(self, message: FromWorker) -> None:
        self._news.put(message)

    def close(self) -> None:
        """There is nothing to close."""


class ZmqHub:
    """A ROUTER that is bound to `address`, for example "tcp://127.0.0.1:5557"; port 0 takes a free one.

    With `key` only workers that have it get in; without, everybody who reaches the address.
    """

    def __init__(self, address: str, key: JoinKey | None = None) -> None:
        self._packed: tuple[FromMaster | None, bytes] = (None, b"")  # the last one
        self._context = zmq.Context()
        self._socket = _socket(self._context, zmq.ROUTER, address)
        self._watch = _Watch(self._socket)
        # A route that is gone is an error, not silence; a worker that comes back gets its route back.
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        if key is not None:
            zap = Zap(self._context, key)
            self._watch.start(zap.answer, zap.close)
            knocks = Knocks(self._context, self._socket)
            self._watch.start(knocks.heed, knocks.close)
            guard(self._socket, key)
        try:
            self._socket.bind(address[:-1] + "*" if address.endswith(":0") else address)
        except zmq.ZMQError as error:
            self.close()
            raise TransportError(f"cannot listen on {address}: {zmq.strerror(error.errno or 0)}") from error
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def receive(self) -> tuple[bytes, FromWorker]:
        route, *frames = self._watch.receive()  # switch
        try:
            message = _unpacked(frames)
        except Malformed as error:
            raise Unreadable(route, str(error)) from None
        if not isinstance(message, FromWorker):
            raise Unreadable(route, f"a worker does not say {type(message).__name__}")
        return route, message

    def send(self, route: bytes, message: FromMaster) -> bool:
        # What is not taken is dropped: whatever matters is said again when that one says something.
        if message is not self._packed[0]:  # what everybody is told is packed once
            self._packed = message, _packed(message)
        try:
            self._socket.send_multipart([route, self._packed[1]], zmq.NOBLOCK)
        except zmq.Again:
            return True  # there, and its queue is full
        except zmq.ZMQError:
            return False
        return True

    def close(self) -> None:
        self._socket.close(LINGER_MS)
        self._watch.end()  # switch
        self._context.term()


class ZmqLine:
    """A DEALER that is connected to the master's `address`, and connects again when the connection is lost.

    `key` has to be the master's, or none when the master has none.
    """

    def __init__(self, address: str, key: JoinKey | None = None) -> None:
        self._context = zmq.Context()
        self._socket = _socket(self._context, zmq.DEALER, address)
        self._watch = _Watch(self._socket)
        self._socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, LONGEST_RECONNECT_MS)
        # Else one try goes on for minutes, asking ever more seldom: who was cut off for 40 s would be away for 70.
        self._socket.setsockopt(zmq.CONNECT_TIMEOUT, SILENT_MS)
        if key is not None:
            present(self._socket, key)
        self._handshakes = Handshakes(self._socket, address, key)
        self._watch.start(self._heed_handshakes, self._handshakes.close)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise TransportError(f"{address} is not an address: {zmq.strerror(error.errno or 0)}") from error

    def receive(self) -> FromMaster:
        message = _unpacked(self._watch.receive())  # switch
        if not isinstance(message, FromMaster):
            raise Malformed(f"a master does not say {type(message).__name__}")
        return message

    def send(self, message: FromWorker) -> None:
        try:
            self._socket.send(_packed(message), zmq.NOBLOCK)
        except zmq.ZMQError:
            # The queue is full: the master has been away for long. Reports are kept and sent again. Or the master does
            # not want us, which `receive` says.
            return

    def close(self) -> None:
        self._watch.end()  # switch
        self._socket.close(LINGER_MS)
        self._context.term()

    def _heed_handshakes(self) -> None:
        raise Unwelcome(self._handshakes.wait_for_refusal())  # switch


class _Watch:
    """A socket and a green thread beside it, without which nothing may be received: when that dies, it is closed."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._threads = GreenThreads()
        self._threads.failed.rawlink(lambda _: socket.close(0))
        self._cleanup = ExitStack()

    def start(self, function: Callable[[], object], close: Callable[[], object]) -> None:
        """Run `function` beside the socket; `close` closes what it uses."""
        self._cleanup.callback(close)
        self._cleanup.callback(self._threads.start(function).kill)

    def receive(self) -> list[bytes]:
        """Wait for the frames of one message.  Raises what the green thread died of."""
        try:
            return list(self._socket.recv_multipart())  # switch
        except zmq.ZMQError as error:
            raise self._threads.error or error from None

    def end(self) -> None:
        """End the green thread and close what it used."""
        self._cleanup.close()  # switch


def _socket(context: Any, kind: int, address: str) -> Any:
    socket = context.socket(kind)
    # Not for names: ZeroMQ would take only the IPv6 address of one that has both.
    socket.setsockopt(zmq.IPV6, int("[" in address))
    socket._gevent_bug_timeout = MISSED_EDGE_S
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, MOST_QUEUED)
    # No limit on what has come and is not read yet: at the limit ZeroMQ stops reading, takes the heartbeats that it
    # does not read for missing, and aborts the process (libzmq #3937). Nobody sends much before it is acknowledged.
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, MOST_FRAME_BYTES)
    # Answered by ZeroMQ's own thread, also while Python is busy: what does not answer these is gone, not slow.
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TTL, SILENT_MS)
    return socket


def _packed(message: Message) -> bytes:
    return bytes(msgpack.packb(to_plain(message)))


def _unpacked(frames: list[bytes]) -> Message:
    if len(frames) != 1:
        raise Malformed(f"a message has one frame, not {len(frames)}")
    try:
        plain = msgpack.unpackb(frames[0], strict_map_key=True, max_ext_len=0)
    except Exception as error:  # msgpack raises whatever its decoder stumbles over
        raise Malformed(f"not msgpack: {error}") from error
    return from_plain(plain)
