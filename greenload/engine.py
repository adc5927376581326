"""The green heart: one virtual user is one green thread that runs one loop over intended start times.

Think time, pacing and arrival rate differ only in where those times come from. `live` is the whole idea; the rest of
this file starts users, stops them, and sees to it that none is ever silently missing. Knows nothing of HTTP, of
seconds of a report, or of who decides how many users there shall be.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import Protocol

import gevent

from greenload.green import THROWN, GreenThreads, Stop
from greenload.user.environment import Environment
from greenload.user.flow import StopUser
from greenload.user.user import User

FIRST_BACK_OFF_S = 1.0
LONGEST_BACK_OFF_S = 30.0
ON_STOP_GRACE_S = 1.0

Starts = Generator[float, None, None]  # the intended starts of one user


def live(user: User, turns: Iterator[float], stop: Stop, now: Callable[[], float]) -> None:
    """One virtual user, from its first turn until it is stopped, in a green thread of its own."""
    for intended_s in turns:
        if stop.wait(intended_s - now()):  # switch: others run while this one waits
            break
        user.iterate(intended_s)  # switches inside, at each send and receive


def closed_turns(user: User, now: Callable[[], float]) -> Starts:
    """Yield the intended starts of a user in the closed model: the next one is known when an iteration has ended."""
    intended_s = now()
    while True:
        yield intended_s
        intended_s = user.next_start_s(ended_s=now())


class Model(Protocol):
    """Where the intended starts of users come from."""

    keeps_places: bool  # whether the place of a user that left stays taken

    def turns_of(self, user: User) -> Starts:
        """Yield the intended starts of `user`, which is about to begin with its tasks."""
        ...

    def note_leaving(self, engine: Engine, name: str) -> None:
        """Hear that a user of class `name` has left of its own accord."""
        ...


class ClosedModel:
    """Each user has its own turns."""

    keeps_places = True  # else the next step of a ramp would put somebody else there

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def turns_of(self, user: User) -> Starts:
        return closed_turns(user, self._now)

    def note_leaving(self, engine: Engine, name: str) -> None:
        """Nobody takes its place."""


class Engine:
    """The users of one worker, each in its green thread; their turns are the model's."""

    def __init__(
        self,
        classes: Mapping[str, type[User]],
        model: Model,
        environment: Environment,
        threads: GreenThreads,
        stop_timeout_s: float,
    ) -> None:
        self._model = model
        self._classes = classes
        self._environment = environment
        self._threads = threads
        self._stop_timeout_s = stop_timeout_s
        self._lives: dict[str, dict[_Life, None]] = {name: {} for name in classes}  # the youngest last
        self._left = 0  # whose places stay taken
        self._stopping: set[_Life] = set()

    @property
    def users(self) -> int:
        """How many users there are; also those that wait to be started anew, but none that is stopping or has left."""
        return sum(map(len, self._lives.values())) - self._left

    def users_of(self, name: str) -> int:
        """Return how many places of a class there are, taken or left."""
        return len(self._lives[name])

    def add(self, name: str) -> None:
        """Start one more user of a class."""
        life = _Life(name, Stop())
        life.thread = self._threads.start(self._live, life)
        self._lives[name][life] = None

    def resize(self, counts: Mapping[str, int]) -> None:
        """Let there be so many users of each class; the youngest leave first."""
        leaving = []
        for name, count in counts.items():
            lives = self._lives[name]
            while len(lives) < count:
                self.add(name)
            while len(lives) > count:
                life, _ = lives.popitem()
                self._left -= life.has_left
                leaving.append(life)
        if leaving:
            self._send_off(leaving)

    def drain(self) -> None:
        """Stop all users: those that wait at once, the others when their task is done or the stop timeout is over."""
        self.resize(dict.fromkeys(self._classes, 0))
        gevent.joinall(list({life.send_off for life in self._stopping}))  # switch
        self._environment.recorder.cut_off_all()

    def cut_off(self) -> None:
        """Stop all stopping users now, and those that are to stop from now on; requests under way are unfinished."""
        self._stop_timeout_s = 0.0
        self._threads.start(self._kill, list(self._stopping))

    def _send_off(self, lives: list[_Life]) -> None:
        """Have users leave. One green thread sees them all out: one for each would take 9 KB a user."""
        send_off = self._threads.start(self._see_out, lives)
        for life in lives:
            life.send_off = send_off
        self._stopping.update(lives)

    def _see_out(self, lives: list[_Life]) -> None:
        """Tell users to stop, and make those that do not."""
        for life in lives:
            life.stop.set()
        gevent.joinall([life.thread for life in lives], timeout=self._stop_timeout_s)  # switch
        self._kill(lives)  # switch
        self._stopping.difference_update(lives)

    def _kill(self, lives: list[_Life]) -> None:
        """End users where they stand: the first kill leaves their on_stop a moment, the second one none."""
        for _ in range(2):
            alive = [life.thread for life in lives if not life.thread.dead]
            for thread in alive:
                thread.kill(block=False)
            gevent.joinall(alive, timeout=ON_STOP_GRACE_S)  # switch

    def _live(self, life: _Life) -> None:
        """Let a user live, and note when it leaves of its own accord; its task may also end its green thread."""
        try:
            self._live_on(life)  # switch
        finally:
            self._note_leaving(life)

    def _live_on(self, life: _Life) -> None:
        """Let a user live, and when it cannot go on let another take its place, after a while."""
        back_off_s = FIRST_BACK_OFF_S
        while not life.stop.is_set:
            born_s = self._environment.now()
            try:
                self._live_once(life)  # switch
                return
            except StopUser:
                return
            except THROWN as error:  # a user that is gone must be counted and replaced
                self._environment.recorder.record_death(life.name, error)
            if self._environment.now() - born_s > LONGEST_BACK_OFF_S:
                back_off_s = FIRST_BACK_OFF_S
            with suppress(*THROWN):  # a Timeout that its task has left behind
                life.stop.wait(back_off_s)  # switch
            back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)

    def _note_leaving(self, life: _Life) -> None:
        lives = self._lives[life.name]
        if life not in lives:
            return  # it has been sent off
        if self._model.keeps_places:
            life.has_left = True
            self._left += 1
        else:
            del lives[life]
        self._model.note_leaving(self, life.name)

    def _live_once(self, life: _Life) -> None:
        now = self._environment.now
        user = self._classes[life.name](self._environment)
        user.stopping = life.stop
        try:
            try:
                user.on_start()  # switch
            except StopUser:
                self._leave(user)  # switch
                raise
            try:
                # Closed at once, not when somebody lets go of it: who has turns, and who has none any more, is counted.
                with closing(self._model.turns_of(user)) as turns:
                    live(user, turns, life.stop, now)  # switch
            finally:
                self._leave(user)  # switch
        finally:
            user.close()

    def _leave(self, user: User) -> None:
        try:
            user.leave()  # switch
        except THROWN as error:
            self._environment.recorder.record_exception(f"{type(user).__name__}.on_stop", error)


class _Life:
    """The place of one user: its class by name, its green thread, how to stop it, and the one that sees it out."""

    __slots__ = ("has_left", "name", "send_off", "stop", "thread")

    thread: gevent.Greenlet[..., None]
    send_off: gevent.Greenlet[..., None]

    def __init__(self, name: str, stop: Stop) -> None:
        self.name = name
        self.stop = stop
        self.has_left = False
