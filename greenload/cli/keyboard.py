"""More or fewer users while a run goes on, by a key on the terminal: the keys Locust has.

Knows nothing of runs: it is given what to do with a number.
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gevent.socket import wait_read

from greenload.green import GreenThreads

MORE_USERS = {b"w": 1, b"W": 10, b"s": -1, b"S": -10}


@contextmanager
def keys(more_users: Callable[[int], object]) -> Iterator[None]:
    """Call `more_users` with 1, 10, -1 or -10 when w, W, s or S is pressed, while the block lasts."""
    if not _is_ours(sys.stdin.fileno() if sys.stdin is not None else -1):
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)  # each key at once; Ctrl-C still is one
    reader = GreenThreads().start(_read, terminal, more_users)
    try:
        yield
    finally:
        reader.kill()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _is_ours(terminal: int) -> bool:
    """Whether it is a terminal, and this process is in the foreground: the shell would stop another that touches it."""
    try:
        return os.isatty(terminal) and os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def _read(terminal: int, more_users: Callable[[int], object]) -> None:
    while True:
        wait_read(terminal)  # switch
        pressed = os.read(terminal, 1)
        if not pressed:
            return
        if pressed in MORE_USERS:
            more_users(MORE_USERS[pressed])
