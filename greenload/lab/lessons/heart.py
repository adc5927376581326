"""Lesson: the loop that each virtual user is, watched switch by switch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import gevent
import greenlet

from greenload.engine import live
from greenload.green import Stop
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import patched
from greenload.user.user import User

NAMES = ("Ann", "Bob", "Cyd")
REQUEST_S = 0.02
EVERY_S = 0.05
ITERATIONS = 2
HUB = "the hub"


class ShownUser:
    """A user whose request is a wait, and who says what happens."""

    def __init__(self, name: str, notes: list[tuple[float, str, str]], now: Any) -> None:
        self.name, self._notes, self._now = name, notes, now

    def iterate(self, intended_s: float) -> None:
        self._notes.append((self._now(), self.name, "sends a request"))
        gevent.sleep(REQUEST_S)  # switch: here the answer is waited for
        self._notes.append((self._now(), self.name, "has the answer"))


def turns(first_s: float) -> Iterator[float]:
    """Yield the intended starts of one user."""
    for number in range(ITERATIONS):
        yield first_s + number * EVERY_S


def watch_three_users() -> list[tuple[float, str, str]]:
    """Let three users live, and return all that happened: (seconds, who, what)."""
    began_s = time.perf_counter()
    notes: list[tuple[float, str, str]] = []

    def now() -> float:
        return time.perf_counter() - began_s

    users = [ShownUser(name, notes, now) for name in NAMES]
    names: dict[Any, str] = {gevent.get_hub(): HUB, greenlet.getcurrent(): "main"}
    threads = []
    for place, user in enumerate(users):
        threads.append(gevent.spawn(live, cast(User, user), turns(0.01 * place), Stop(), now))
        names[threads[-1]] = user.name

    def trace(event: str, pair: tuple[Any, Any]) -> None:
        one, other = (names.get(each, "?") for each in pair)
        notes.append((now(), one, f"-> {other}"))

    greenlet.settrace(trace)
    gevent.joinall(threads)
    greenlet.settrace(None)
    return notes


def measure(effort: Effort) -> Findings:
    """Watch them once: it is the order that matters, not the time."""
    notes: list[tuple[float, str, str]] = [tuple(each) for each in patched(watch_three_users)]
    switches = [(who, what.removeprefix("-> ")) for _, who, what in notes if what.startswith("-> ")]
    between_users = [pair for pair in switches if set(pair) <= set(NAMES)]
    sent = [at_s for at_s, _, what in notes if what == "sends a request"]
    answered = [at_s for at_s, _, what in notes if what == "has the answer"]
    overlapping = any(later < earlier for earlier, later in zip(sorted(answered), sorted(sent)[1:], strict=False))
    rows = [[f"{1000 * at_s:.2f}", who, what] for at_s, who, what in notes]
    return Findings(
        tables=[Table("all that happened", ["ms", "who", "what"], rows)],
        claims=[
            Claim("No user switches to another user: each hands over to the hub, and the hub says who is next",
                  not between_users and bool(switches), f"{len(switches)} switches", needs_quiet=False),
            Claim("While one waits for its answer others send theirs", overlapping,
                  f"{len(sent)} requests", needs_quiet=False),
            Claim("Nothing happens between two switches but what one of them does", _is_alone(notes),
                  "in all of the list", needs_quiet=False),
        ],
    )  # fmt: skip


def _is_alone(notes: list[tuple[float, str, str]]) -> bool:
    """Whether everything was done by whom the last switch had led to."""
    running = None
    for _, who, what in notes:
        if running is not None and who != running:
            return False
        running = what.removeprefix("-> ") if what.startswith("-> ") else who
    return True


LESSON = Lesson(
    name="heart",
    question="what is a virtual user?",
    code=[live, ShownUser.iterate, turns],
    measure=measure,
    reading=(
        "A virtual user is one loop over intended start times: wait until it is time, do one iteration, again. Both "
        "waits are switch points: there the user hands over to the hub, which runs whoever is due. Between two "
        "switch points nobody else runs, which is why the code there needs no locks."
    ),
    following="trace",
)
