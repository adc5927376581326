"""Documents that are made once for all who ask within a while: twenty browsers cost what one costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable
from typing import Any

from gevent.lock import BoundedSemaphore

from greenload.core.pause import Pause
from greenload.web.breath import Breath

FRESH_S = 1.0
MOST_FRESH_S = 10.0
FRESH_TIMES = 20  # as long as it took to make: so making takes no more than a twentieth of all time
MOST_HELD = 16
TOKENS_AT_ONCE = 50

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Prepared:
    """rest: how long others are to run, in times of what is worked here."""

    def __init__(self, rest: Callable[[], float]) -> None:
        self._rest = rest
        self._held: dict[Hashable, tuple[float, bytes]] = {}  # until when each is fresh
        self._making = BoundedSemaphore(1)  # one after the other: two at once would leave the others half the time

    def get(self, key: Hashable, make: Callable[[Pause], bytes]) -> bytes:
        """Return what `make` makes, or has made a short while ago for the same `key`."""
        found = self._fresh(key)
        if found is not None:
            return found
        with self._making:  # switch
            found = self._fresh(key)
            if found is not None:
                return found
            breath = Breath(self._rest())
            made = make(breath)  # switch
            fresh_s = min(max(FRESH_S, FRESH_TIMES * breath.worked_s), MOST_FRESH_S)
            self._held.pop(key, None)
            self._held[key] = (time.monotonic() + fresh_s, made)
            if len(self._held) > MOST_HELD:
                del self._held[next(iter(self._held))]
            return made

    def _fresh(self, key: Hashable) -> bytes | None:
        until_s, made = self._held.get(key, (0.0, b""))
        return made if time.monotonic() < until_s else None


def encoded(document: Any, pause: Pause) -> bytes:
    """Return `document` as JSON. Python's encoder in C would do all of it at once, and some documents take it 20 ms."""
    parts = []
    for number, part in enumerate(_JSON.iterencode(document)):
        parts.append(part)
        if number % TOKENS_AT_ONCE == 0:
            pause()
    return "".join(parts).encode()
