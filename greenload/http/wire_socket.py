"""The wire engine's sockets: non-blocking, waiting in gevent's hub, with deadlines that cost next to nothing.

One io watcher and at most one timer belong to a connection for as long as it lives. The watcher stays started, so that
waiting asks nothing of the operating system. The timer is not set anew for each wait: it goes off at the earliest time
anybody was waiting for when it was set, looks when the present wait ends, and sleeps for the rest. A request that is
answered in time thus costs one look at the clock, and one that is not is given up at the right time all the same.

Written first, then waited, then read: to try to read what cannot have come yet is a system call for nothing.
Of HTTP it knows how an answer begins that is none yet, and nothing else.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import monkey
from greenlet import getcurrent

from greenload.green import switch_to
from greenload.http.engine import CHUNK_BYTES
from greenload.http.failures import TOO_SLOW, RequestFailed

READ, WRITE = 1, 2  # gevent's names for what an io watcher can watch for

# The socket of the operating system. gevent's own waits by itself, and for that makes what is not needed here.
_Socket: Any = monkey.get_original("socket", "socket")
# Its poll, too: asked not to wait it needs no round through the hub, and unlike a MSG_PEEK it says "nothing" without
# an exception (1 us for 2.2).
_poll: Any = monkey.get_original("select", "poll")
_now = time.monotonic
_ABORTED = OSError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
_ANNOUNCEMENT = b"HTTP/1.1 1"


def announces(data: bytes) -> bool:
    """Return whether `data` begins with what is no answer yet: 100 Continue, 103 Early Hints."""
    return data.startswith(_ANNOUNCEMENT)


class Wire:
    """One connection without TLS: `put` and `take` bytes, each within `patience_s` of the last sign of life.

    All of it until `last_s` of the monotonic clock: a server that drips never lets the patience run out. Who waits for
    longer gets RequestFailed.
    """

    __slots__ = (
        "_deadline_s",
        "_due_s",
        "_fd",
        "_hub",
        "_io",
        "_look",
        "_sock",
        "_timer",
        "_waiting",
        "last_s",
        "patience_s",
    )

    def __init__(self, address: tuple[Any, ...], patience_s: float) -> None:
        """Connect to `address`, one of getaddrinfo's.  Raises OSError, TimeoutError among them."""
        family, kind, protocol, _, where = address
        self.patience_s = patience_s
        self.last_s = math.inf
        self._hub: Any = gevent.get_hub()
        self._waiting: Any = None  # the green thread that does
        self._deadline_s = self._due_s = 0.0
        self._timer: Any = None
        self._io: Any = None
        self._sock = _Socket(family, kind, protocol)
        self._fd: int = self._sock.fileno()
        poll = _poll()
        poll.register(self._fd, select.POLLIN)
        self._look = poll.poll
        try:
            self._connect(where)  # switch
            self._io = self._hub.loop.io(self._fd, READ)
        finally:
            if self._io is None:
                self.close()

    def _connect(self, where: Any) -> None:
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._sock.connect_ex(where)  # does not wait
        if code == errno.EINPROGRESS:
            self._wait(WRITE)  # switch
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def put(self, data: bytes) -> bool:
        """Send `data`. Return whether all of it went out: False when the server answered before it had it all.

        Raises OSError, TimeoutError among them.
        """
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        return sent == len(data) or self._put_rest(self._has_no_answer, memoryview(data)[sent:])  # switch

    def put_while(self, is_wanted: Callable[[], bool], data: bytes) -> bool:
        """Send `data`, and when something arrives meanwhile ask whether the rest is wanted.

        Returns whether all of it went out.
        Raises OSError, TimeoutError among them.
        """
        return self._put_rest(is_wanted, memoryview(data)[self._try_to_send(data) :])  # switch

    def _put_rest(self, is_wanted: Callable[[], bool], view: Any) -> bool:
        while view:
            if not self.is_quiet() and not is_wanted():  # switch
                return False
            # What has arrived and was left there would end each wait for more of it.
            self._wait(READ | WRITE if self.is_quiet() else WRITE)  # switch
            view = view[self._try_to_send(view) :]
        return True

    def take(self) -> bytes:
        """Return what has arrived, as soon as something has; b"" is the end.

        Raises OSError, TimeoutError among them.
        """
        if self._io is None:
            raise _ABORTED
        if not self._io.active:
            self._io.start(self._wake)
        while True:
            self._pause()  # switch
            try:
                data: bytes = self._sock.recv(CHUNK_BYTES)
            except BlockingIOError:
                continue
            return data

    def is_quiet(self) -> bool:
        """Return whether nothing has arrived on an idle connection: neither bytes nor its end."""
        return not self._look(0)

    def close(self) -> None:
        """Close it; whoever waits for it is told that it was aborted."""
        self._stop_timer()
        if self._io is not None:
            self._io.stop()
            self._io.close()
            self._io = None
        self._fd = -1
        self._sock.close()
        if self._waiting is not None:
            self._hub.loop.run_callback(self._wake)

    def _has_no_answer(self) -> bool:
        """Return whether what has arrived, and stays there, is no answer yet."""
        try:
            return announces(self._sock.recv(len(_ANNOUNCEMENT), socket.MSG_PEEK))
        except OSError:
            return False

    def _try_to_send(self, data: Any) -> int:
        try:
            return int(self._sock.send(data))
        except BlockingIOError:
            return 0

    def _wait(self, events: int) -> None:
        """Wait for `events`: for what happens now and then, with a watcher made for the purpose."""
        if self._fd < 0:
            raise _ABORTED
        watcher = self._hub.loop.io(self._fd, events)
        watcher.start(self._wake)
        try:
            self._pause()  # switch
        finally:
            watcher.stop()
            watcher.close()

    def _pause(self) -> None:
        """Give way to others until `_wake`.  Raises TimeoutError after `patience_s`, RequestFailed at `last_s`."""
        now_s = _now()
        deadline_s = now_s + self.patience_s
        if deadline_s > self.last_s:
            deadline_s = self.last_s
        self._deadline_s = deadline_s
        if self._timer is None or deadline_s < self._due_s:
            self._start_timer(max(0.0, deadline_s - now_s))
        self._waiting = getcurrent()
        try:
            is_in_time = switch_to(self._hub)  # switch
        finally:
            self._waiting = None
        if not is_in_time:
            if deadline_s >= self.last_s:
                raise RequestFailed(TOO_SLOW)
            raise TimeoutError
        if self._fd < 0:
            raise _ABORTED

    def _wake(self) -> None:
        """Called by the hub: something has arrived, or can be sent."""
        if self._waiting is not None:
            self._waiting.switch(True)
        elif self._io is not None:
            # Nobody waits, so nobody reads: left started, it would call for as long as it is there.
            self._io.stop()

    def _start_timer(self, after_s: float) -> None:
        self._stop_timer()
        self._due_s = _now() + after_s
        self._timer = self._hub.loop.timer(after_s, ref=False)
        self._timer.start(self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _expire(self) -> None:
        """Called by the hub when the timer goes off."""
        self._stop_timer()
        if self._waiting is None:
            return
        left_s = self._deadline_s - _now()
        if left_s > 0:
            self._start_timer(left_s)
        else:
            self._waiting.switch(False)
