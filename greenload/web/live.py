"""The live stream: each second of a run is pushed once, to whoever listens, as Server-Sent Events.

An event is made once for all. Each listener has a queue of its own, and a bound to it: who does not read is cut off,
and nobody waits for anybody. Events of the last minutes are kept, so that a browser whose connection was lost is told
what it missed; what is older it fetches as a series.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from greenload.core.errors import GreenloadError
from greenload.core.results import Results
from greenload.web.breath import REST, Breath
from greenload.web.control import READY, Control, Shown
from greenload.web.recent import Verdicts, last_of, remaining_s_of, second_of, wanted_of

MOST_LISTENERS = 100
MOST_WAITING_BYTES = 65_536
MOST_AT_ONCE_BYTES = 16_384
KEPT_EVENTS = 300
MOST_BEFORE = 10  # seconds of a run that are pushed when it is seen first
ALIVE_EVERY_S = 15.0
LATE_S = 3  # a second that not all workers have reported by then is pushed as it is

_EVENT_ID = re.compile(r"(.{1,200}):(\d{1,9})")
_ALIVE = b": here\n\n"


class TooManyListeners(GreenloadError):
    """As many streams are open as there may be."""


class Listener:
    """One open stream.  missed: what it is told first."""

    def __init__(self, missed: Iterable[bytes]) -> None:
        self._missed = deque(missed)  # kept by the Live anyway: these cost nothing
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_told = Event()
        self.is_cut = False

    def put(self, event: bytes) -> None:
        self._waiting.append(event)
        self._waiting_bytes += len(event)
        if self._waiting_bytes > MOST_WAITING_BYTES:
            self.cut()
        self._is_told.set()

    def cut(self) -> None:
        """End the stream."""
        self.is_cut = True
        self._missed.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._is_told.set()

    def __iter__(self) -> Iterator[bytes]:
        while not self.is_cut:
            if self._missed or self._waiting:
                yield self._next()  # switch
                continue
            self._is_told.clear()
            if not self._is_told.wait(ALIVE_EVERY_S):  # switch
                yield _ALIVE  # switch

    def _next(self) -> bytes:
        """Return some events that wait, as one."""
        events, size = [], 0
        while (self._missed or self._waiting) and size < MOST_AT_ONCE_BYTES:
            if self._missed:
                event = self._missed.popleft()
            else:
                event = self._waiting.popleft()
                self._waiting_bytes -= len(event)
            events.append(event)
            size += len(event)
        return b"".join(events)


class Live:
    """What goes on, pushed as it happens."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._listeners: set[Listener] = set()
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)  # of the run, by second
        self._run = ""
        self._told = -1  # the last second that was pushed
        self._state_told: tuple[str, str | None] | None = None
        self._verdicts = Verdicts()
        self._looking = BoundedSemaphore(1)  # or a second would be pushed twice

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def told(self, run: str) -> int:
        """Return up to which second `run` was pushed, -1: none of it."""
        return self._told if run == self._run else -1

    def listen(self, last_event_id: str = "") -> Listener:
        """Return a new stream, which goes on after the event of that id if it can.  Raises TooManyListeners."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise TooManyListeners(f"{MOST_LISTENERS} streams are open already; close one")
        found = _EVENT_ID.fullmatch(last_event_id)
        after = int(found[2]) if found is not None and found[1] == self._run else None
        missed = [] if after is None else [event for second, event in self._kept if second > after]
        listener = Listener([b"retry: 1000\n" + self._state_event(), *missed])
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """End all streams."""
        for listener in self._listeners:
            listener.cut()
        self._listeners.clear()

    def look_at_state(self) -> None:
        """Push a state that is new; called more often than `look`."""
        shown = self._control.shown
        if (self._control.state, None if shown is None else shown.info.id) != self._state_told:
            self.look()

    def look(self) -> None:
        """Push what is new; called about once a second."""
        with self._looking:  # switch
            self._look()

    def _look(self) -> None:
        shown, state = self._control.shown, self._control.state
        if shown is not None:
            if shown.info.id != self._run:
                self._begin(shown, state)
            # All that was reported before the end is pushed before it is said that the run is over.
            self._push_seconds(shown, state)
        now = state, None if shown is None else shown.info.id
        if now != self._state_told:
            self._state_told = now
            self._push(self._state_event())

    def _begin(self, shown: Shown, state: str) -> None:
        self._run = shown.info.id
        self._kept.clear()
        # Of a run that was taken up, or is over, nobody waits for what is long gone.
        self._told = max(0, _whole_until(shown, state) - MOST_BEFORE) - 1

    def _push_seconds(self, shown: Shown, state: str) -> None:
        until = _whole_until(shown, state)
        if until <= self._told + 1:
            return
        breath = Breath(REST)
        run, results = self._run, shown.results
        slots = {slot.first_s: slot for slot in results.last(until - self._told + 2 * LATE_S)}
        told = {
            "elapsed_s": round(shown.elapsed_s, 3),
            "remaining_s": remaining_s_of(shown, state),
            "verdict": self._verdicts.of(shown, state, breath),
            "last": last_of(results, breath),
            "wanted": wanted_of(shown),
            "requests": results.total_tally.requests,
            "failures": results.total_tally.failed.service.count,
        }
        for second in range(self._told + 1, until):
            facts = second_of(slots.get(second), results.elapsed_s)
            event = _event("second", {"run": run, "second": second, "state": state, **facts, **told}, f"{run}:{second}")
            self._kept.append((second, event))
            self._told = second
            self._push(event)
            breath()

    def _state_event(self) -> bytes:
        shown = self._control.shown
        return _event("state", {"state": self._control.state, "run": None if shown is None else shown.info.id})

    def _push(self, event: bytes) -> None:
        for listener in list(self._listeners):
            listener.put(event)
            if listener.is_cut:
                self._listeners.discard(listener)


def _whole_until(shown: Shown, state: str) -> int:
    """Return from which second on more of the run is to come: all before it are there, or late by LATE_S."""
    results = shown.results
    last = results.last(2 * LATE_S)
    reported = last[-1].first_s + last[-1].width_s if last else 0
    if state == READY:
        return reported
    return max(_reported_by_all(results, reported), min(int(shown.elapsed_s) - LATE_S, reported + KEPT_EVENTS))


def _reported_by_all(results: Results, reported: int) -> int:
    here = [record.until_s for record in results.workers.values() if record.lost_s is None]
    # A hair early is not late: a report of second 9 may end at 9.998.
    return min(reported, int(min(here, default=0.0) + 0.02))


def _event(name: str, data: dict[str, Any], event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
