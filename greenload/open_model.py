"""The open model at one worker: arrivals come when the plan says, and whoever is free takes them.

A user that is busy is not waited for. An arrival that finds nobody free waits for somebody, with the time at which it
should have begun: its response time counts from there. Meanwhile another user is started, as long as there may be more.
One that has waited for too long is dropped, and counted.

Knows nothing of HTTP, of messages, or of what an iteration does.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing

import gevent

from greenload.alarm import Alarm
from greenload.core.turns import SETTLE_S, Turn, Turns
from greenload.engine import Engine, Starts
from greenload.green import Stop
from greenload.user.environment import Environment
from greenload.user.flow import StopUser
from greenload.user.user import User

# So far ahead it is decided whose turns are whose: soon enough to be in time, and late enough that who is here then is
# known.
AHEAD_S = 0.1
MOST_AT_ONCE = 1_000  # arrivals, until the others run
STEP_S = 0.01  # decided at a time: of the most there can be these are 10,000 turns
HELD_UP_S = SETTLE_S  # for so long, whatever this worker has not heard of does not count yet


class OpenModel:
    """Hands this worker's turns to users.

    max_lag_s     how late a turn may begin
    duration_s    when the load ends; infinity when nobody knows
    up_to_date_s  returns when this worker was last known to know the whole roster
    """

    keeps_places = False  # a user that left is replaced when somebody is needed

    def __init__(
        self,
        turns: Turns,
        environment: Environment,
        max_lag_s: float,
        duration_s: float,
        up_to_date_s: Callable[[], float],
    ) -> None:
        self._turns = turns
        self._now = environment.now
        self._recorder = environment.recorder
        self._max_lag_s = max_lag_s
        self._duration_s = duration_s
        self._up_to_date_s = up_to_date_s
        self._decided: deque[Turn] = deque()  # and not yet due
        self._arrived = 0
        self._pools = {name: _Pool() for name in turns.names}
        self._surplus = 0  # users that are too many, since another worker came

    def run(self, engine: Engine) -> None:
        """Hand over each turn when it is due, until the plan ends, with users of `engine`."""
        for name in self._pools:
            self._start_user(engine, name)  # so that the first arrival finds somebody
        decided_s = self._now()
        try:
            with closing(Alarm(self._now)) as alarm:
                while decided_s < self._duration_s:
                    self._catch_up(decided_s)  # switch
                    from_s, decided_s = decided_s, min(self._now() + AHEAD_S, self._duration_s)
                    for until_s in _steps(from_s, decided_s):
                        self._decided.extend(self._turns.until(until_s))
                        self._hand_out(engine, alarm)  # switch
                    alarm.wait_until(decided_s - AHEAD_S / 2)  # switch
                    self._look_after_pools()
        finally:
            # What has come due belongs to the plan, also when this one was held up just before the end.
            now_s = min(self._now(), self._duration_s)
            self._arrived += sum(turn.due_s < now_s for turn in self._decided)
            for until_s in _steps(decided_s - AHEAD_S, now_s):
                self._arrived += len(self._turns.until(until_s))
                gevent.sleep(0)  # switch

    def _hand_out(self, engine: Engine, alarm: Alarm) -> None:
        """Let each turn that has been decided arrive when it is due."""
        for number in itertools.count(1):
            if not self._decided:
                return
            alarm.wait_until(self._decided[0].due_s)  # switch
            self._arrive(engine, self._decided.popleft())
            if number % MOST_AT_ONCE == 0:
                gevent.sleep(0)  # switch: where more arrive than this machine can do, nobody else would ever run

    def _catch_up(self, decided_s: float) -> None:
        """After having been held up since `decided_s`, wait to hear what happened meanwhile.

        The others may have taken this worker for lost, and its turns with it.
        """
        woke_s = self._now()
        while woke_s - decided_s > HELD_UP_S and self._up_to_date_s() < woke_s:
            gevent.sleep(AHEAD_S)  # switch

    def end(self) -> None:
        """Count as dropped what has come due and nobody has begun, now that there are no users any more."""
        self._recorder.count_arrivals(dropped=self._arrived - self._recorder.iterations - self._recorder.dropped)

    def turns_of(self, user: User) -> Starts:
        """Yield the intended starts of one user: of each turn it takes."""
        pool = self._pools[type(user).__name__]
        seat = _Seat(user.stopping)
        user.has_slot = True
        pool.ready += 1
        try:
            while not user.stopping.is_set:
                if self._surplus and pool.ready > 1:
                    self._surplus -= 1
                    raise StopUser
                self._drop_late(pool)
                if pool.waiting:
                    yield pool.waiting.popleft()
                    continue
                pool.free.append(seat)
                user.stopping.pause()  # switch
                if seat.due_s is not None:
                    due_s, seat.due_s = seat.due_s, None
                    yield due_s
        finally:
            pool.give_up(seat)

    def note_leaving(self, engine: Engine, name: str) -> None:
        """Start another user at once, when somebody waits for one."""
        if self._pools[name].waiting:
            self._grow(engine, name)

    def _arrive(self, engine: Engine, turn: Turn) -> None:
        """Let the user that has been free for longest take a turn, or let it wait for one."""
        due_s, name = turn
        pool = self._pools[name]
        self._arrived += 1
        if self._now() - due_s > self._max_lag_s:
            self._recorder.count_arrivals(dropped=1)
            return
        is_taken = pool.hand_out(due_s)
        if not is_taken:
            pool.waiting.append(due_s)
        if not self._grow(engine, name):
            self._recorder.count_arrivals(queued=not is_taken)

    def _grow(self, engine: Engine, name: str) -> bool:
        """Start one more user of a class if it takes one; return False when there may be no more."""
        pool = self._pools[name]
        starting = engine.users_of(name) - pool.ready
        # One more than are needed now: the next arrival shall find somebody who has been started already.
        if pool.free or starting > len(pool.waiting):
            return True
        return self._start_user(engine, name)

    def _start_user(self, engine: Engine, name: str) -> bool:
        """Start one more user, if there may be more; return whether there may."""
        if engine.users >= self._turns.users_allowed(self._now()):
            return False
        engine.add(name)
        return True

    def _look_after_pools(self) -> None:
        """Drop what nobody has taken in time, and let users go when there may be fewer than there are."""
        ready = sum(pool.ready for pool in self._pools.values())
        self._surplus = max(0, ready - self._turns.users_allowed(self._now()))
        for pool in self._pools.values():
            self._drop_late(pool)
            for _ in range(min(self._surplus, len(pool.free))):
                pool.free.pop().stop.wake()

    def _drop_late(self, pool: _Pool) -> None:
        while pool.waiting and self._now() - pool.waiting[0] > self._max_lag_s:
            pool.waiting.popleft()
            self._recorder.count_arrivals(dropped=1)


def _steps(from_s: float, until_s: float) -> Iterator[float]:
    """Yield times on the way from one to the other, STEP_S apart, and the last one."""
    for number in range(1, math.ceil((until_s - from_s) / STEP_S)):
        yield from_s + number * STEP_S
    yield until_s


class _Pool:
    """The users of one class, and the turns that wait for them.

    waiting  when they should have begun
    free     the seats of users that wait for a turn, of the one that has waited for longest first
    ready    how many users are through with their on_start, and take turns
    """

    def __init__(self) -> None:
        self.waiting: deque[float] = deque()
        self.free: deque[_Seat] = deque()
        self.ready = 0

    def hand_out(self, due_s: float) -> bool:
        """Wake the user that has been free for longest for a turn; return whether there was one."""
        while self.free:
            seat = self.free.popleft()
            if not (seat.is_left or seat.stop.is_set):
                seat.due_s = due_s
                seat.stop.wake()
                return True
        return False

    def give_up(self, seat: _Seat) -> None:
        """Give up a seat, which may be among the free ones; a turn that has come to it is somebody else's."""
        self.ready -= 1
        seat.is_left = True
        if seat.due_s is not None and not self.hand_out(seat.due_s):
            self.waiting.appendleft(seat.due_s)


class _Seat:
    """Where one user waits for a turn, and finds the one it has been woken for."""

    __slots__ = ("due_s", "is_left", "stop")

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.due_s: float | None = None
        self.is_left = False
