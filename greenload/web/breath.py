"""How the page computes without anybody noticing: a little at a time, and no more than a part of all time.

What it computes, the process computes that may also make the load. A green thread that went on for 50 ms would make
each request of those 50 ms late.
"""

from __future__ import annotations

import time

import gevent

SLICE_S = 0.001
REST = 3  # times as long the others get, while a run goes on


class Breath:
    """A Pause for one piece of work.  rest: how many times as long as it worked the others get to run.

    worked_s  what has been worked so far
    """

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._since_s = time.perf_counter()
        self.worked_s = 0.0

    def __call__(self) -> None:
        took_s = time.perf_counter() - self._since_s
        if took_s < SLICE_S:
            return
        self.worked_s += took_s
        gevent.sleep(self._rest * took_s)  # switch
        self._since_s = time.perf_counter()
