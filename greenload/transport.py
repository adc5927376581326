"""The wire between master and workers: ZeroMQ, or memory within one process. The only file that knows zmq.

The master has a Hub, each worker a Line to it. ZeroMQ's green sockets want to be handled with care: one green thread
reads and one writes, since a second one in the same direction is an error; they may miss an edge, so their own guard of
11.6 s is shortened; and what cannot be sent soon is dropped here and sent again by whoever needs it acknowledged.

Knows nothing of what messages mean.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgpack
import zmq.green as zmq
from gevent.queue import Queue

from greenload.core.errors import GreenloadError
from greenload.core.messages import FromMaster, FromWorker, Message
from greenload.core.plain import Malformed, from_plain, to_plain

MOST_FRAME_BYTES = 4 * 1024 * 1024
MOST_QUEUED = 100
MISSED_EDGE_S = 0.5
HEARTBEAT_MS = 1_000
SILENT_MS = 5_000
RECONNECT_MS = 100
LONGEST_RECONNECT_MS = 2_000
LINGER_MS = 1_000
MEMORY_ROUTE = b"memory"


class TransportError(GreenloadError):
    """An address that cannot be used."""


class Hub(Protocol):
    """The master's end."""

    def receive(self) -> tuple[bytes, FromWorker]:
        """Wait for a message; return it with the route it came by.  Raises Malformed for what is none."""

    def send(self, route: bytes, message: FromMaster) -> None:
        """Send to whoever is at `route`, or to nobody when nobody is there any more."""

    def close(self) -> None:
        """Send what is queued, as far as that is quick, and close."""


class Line(Protocol):
    """A worker's end."""

    def receive(self) -> FromMaster:
        """Wait for a message.  Raises Malformed for what is none."""

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

    def send(self, route: bytes, message: FromMaster) -> None:
        self._orders.put(message)

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
    """A ROUTER that is bound to `address`, for example "tcp://127.0.0.1:5557"; port 0 takes a free one."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = _socket(self._context, zmq.ROUTER)
        # A route that is gone is an error, not silence; a worker that comes back gets its route back.
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        try:
            self._socket.bind(address.replace(":0", ":*") if address.endswith(":0") else address)
        except zmq.ZMQError as error:
            self.close()
            raise TransportError(f"cannot listen on {address}: {zmq.strerror(error.errno or 0)}") from error
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def receive(self) -> tuple[bytes, FromWorker]:
        route, *frames = self._socket.recv_multipart()  # switch
        message = _unpacked(frames)
        if not isinstance(message, FromWorker):
            raise Malformed(f"a worker does not say {type(message).__name__}")
        return route, message

    def send(self, route: bytes, message: FromMaster) -> None:
        try:
            self._socket.send_multipart([route, _packed(message)], zmq.NOBLOCK)
        except zmq.ZMQError:
            # Nobody is there, or takes anything. Whatever matters is said again when that one says something.
            return

    def close(self) -> None:
        self._socket.close(LINGER_MS)
        self._context.term()


class ZmqLine:
    """A DEALER that is connected to the master's `address`, and connects again when the connection is lost."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = _socket(self._context, zmq.DEALER)
        self._socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, LONGEST_RECONNECT_MS)
        try:
            self._socket.connect(address)
        except zmq.ZMQError as error:
            self.close()
            raise TransportError(f"{address} is not an address: {zmq.strerror(error.errno or 0)}") from error

    def receive(self) -> FromMaster:
        message = _unpacked(self._socket.recv_multipart())  # switch
        if not isinstance(message, FromMaster):
            raise Malformed(f"a master does not say {type(message).__name__}")
        return message

    def send(self, message: FromWorker) -> None:
        try:
            self._socket.send(_packed(message), zmq.NOBLOCK)
        except zmq.Again:
            # The queue is full: the master has been away for long. Reports are kept and sent again.
            return

    def close(self) -> None:
        self._socket.close(LINGER_MS)
        self._context.term()


def _socket(context: Any, kind: int) -> Any:
    socket = context.socket(kind)
    socket._gevent_bug_timeout = MISSED_EDGE_S
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.SNDHWM, MOST_QUEUED)
    socket.setsockopt(zmq.RCVHWM, MOST_QUEUED)
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
