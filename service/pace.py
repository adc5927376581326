"""Pace: how long a store takes for what it does, beyond what it really takes.

A real store reads a disk or asks another machine; these are dicts and lists in memory, done in a microsecond. The
waits here stand in the middle of a store's work, inside its lock if it has one: there a wait shows what a lock costs,
and what it costs to have none. Knows nothing of stores.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """read_s, write_s: how long each read and each add waits in its middle."""

    read_s: float
    write_s: float

    def read(self) -> None:
        """Wait as a read does."""
        # sleep(0) is not free: it gives up the processor, and there are races that only this brings about.
        if self.read_s:
            time.sleep(self.read_s)

    def write(self) -> None:
        """Wait as an add does, between what it has read and what it writes."""
        if self.write_s:
            time.sleep(self.write_s)


AT_ONCE = Pace(0.0, 0.0)
