"""An alarm clock for one green thread, good to some hundredths of a millisecond.

The event loop's own timers are good to a millisecond, because that is the unit in which it asks the operating system to
wait; a service that answers in 0.3 ms would look four times as slow to who measures from such a wake-up. Linux has
clocks that can be waited for like a socket (timerfd), and those are good to what the processor allows. Elsewhere the
alarm goes to sleep a little less long and spends the rest taking turns with everybody else.
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
from collections.abc import Callable

import gevent

READ = 1  # gevent's name for what an io watcher can watch for
CLOCK_MONOTONIC = 1
EARLY_S = 0.0015  # by how much a timer of the event loop may be late, and a bit
SHORTEST_S = 1e-6
_EXPIRATIONS_BYTES = 8
_NS = 1_000_000_000
_ITIMERSPEC = struct.Struct("@llll")  # interval: s, ns; first: s, ns


class Alarm:
    """Wakes the green thread that waits for it. `now` returns seconds on a monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._fd = -1
        if self._libc is not None:
            self._fd = int(self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        self._io = gevent.get_hub().loop.io(self._fd, READ) if self._fd >= 0 else None

    def wait_until(self, due_s: float) -> None:
        """Wait until `now` says `due_s`, never less; not at all when it does so already."""
        if self._io is None and (long_s := due_s - EARLY_S - self._now()) > 0:
            gevent.sleep(long_s)  # switch
        while (left_s := due_s - self._now()) > 0:
            if self._io is None:
                gevent.sleep(0)  # switch
            else:
                self._set(max(SHORTEST_S, left_s))
                gevent.get_hub().wait(self._io)  # switch
                os.read(self._fd, _EXPIRATIONS_BYTES)

    def close(self) -> None:
        if self._io is not None:
            self._io.close()
            self._io = None
            os.close(self._fd)

    def _set(self, after_s: float) -> None:
        setting = _ITIMERSPEC.pack(0, 0, *divmod(math.ceil(after_s * _NS), _NS))
        if self._libc is None or self._libc.timerfd_settime(self._fd, 0, setting, None) != 0:
            raise OSError(ctypes.get_errno(), "the alarm could not be set")
