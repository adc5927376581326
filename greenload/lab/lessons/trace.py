"""Lesson: a real run, seen as lanes: when each virtual user runs, waits for the server, and thinks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
import greenlet

from greenload.engine import ClosedModel, Engine
from greenload.green import GreenThreads
from greenload.http.user import FastHttpUser
from greenload.lab import timeline
from greenload.lab.album_service import album_service
from greenload.lab.findings import Claim, Findings, Table, number
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import patched
from greenload.lab.timeline import RUNNING, THINKING, WAITING, Span
from greenload.user.environment import Environment
from greenload.user.recorder import Recorder
from greenload.user.tasks import task
from greenload.user.wait_time import WaitTime, between

USERS = 6
DELAY = "20ms"
HTTP = str(Path("greenload") / "http")
FILES = (
    "With --files FOLDER: trace.json, which opens in Perfetto (ui.perfetto.dev) or chrome://tracing, and "
    "timeline.html, which opens in any browser."
)


class TracedUser(FastHttpUser):
    """Asks for an album, and thinks for a moment."""

    wait_time: WaitTime = between(0.02, 0.08)

    @task
    def get_album(self) -> None:
        self.client.get("/albums/1")


class Switches:
    """Hears of every switch in this process, and writes down what each user did from one to the next.

    The hub has no lane: whoever it hands over to runs, and when it hands over to nobody it waits for all of them.
    """

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self._others = (gevent.get_hub(), greenlet.getcurrent())
        self._lanes: dict[Any, str] = {}
        self._since: dict[str, tuple[float, str]] = {}
        self.spans: list[Span] = []

    def __call__(self, event: str, pair: tuple[Any, Any]) -> None:
        """One green thread has handed over to another."""
        now_s = time.perf_counter() - self._began_s
        one, other = pair
        self._close(one, now_s, state_of(one.gr_frame))
        self._close(other, now_s, RUNNING)

    def _close(self, thread: Any, now_s: float, next_state: str) -> None:
        """End what the lane did until now, and begin what it does from now on."""
        if thread in self._others:
            return
        lane = self._lanes.setdefault(thread, f"user {len(self._lanes) + 1}")
        if lane in self._since:
            since_s, state = self._since[lane]
            self.spans.append((lane, since_s, now_s, state))
        self._since[lane] = (now_s, next_state)


def state_of(frame: FrameType | None) -> str:
    """Return why a green thread let go of the processor: it waits for the server if it stands in greenload/http."""
    while frame is not None:
        if HTTP in frame.f_code.co_filename:
            return WAITING
        frame = frame.f_back
    return THINKING


def trace_a_run(url: str, users: int, run_s: float) -> dict[str, Any]:
    """Let users load the service, with every switch recorded; return the spans and how many requests there were."""
    began_s = time.perf_counter()

    def now() -> float:
        return time.perf_counter() - began_s

    recorder, threads = Recorder(now), GreenThreads()
    environment = Environment(url, recorder, now, 1, lambda rows: 0)
    engine = Engine({"TracedUser": TracedUser}, ClosedModel(now), environment, threads, 1.0)
    switches = Switches()
    greenlet.settrace(switches)
    engine.resize({"TracedUser": users})
    gevent.sleep(run_s)
    greenlet.settrace(None)
    engine.drain()
    return {"spans": switches.spans, "requests": recorder.take().sent}


def measure(effort: Effort) -> Findings:
    """Trace a short run; its length is the same at every effort, for a picture of a minute shows nothing."""
    with album_service("--delay", DELAY) as service:
        traced = patched(trace_a_run, url=service.url, users=USERS, run_s=0.5)
    spans: list[Span] = [tuple(each) for each in traced["spans"]]
    users = sorted({lane for lane, *_ in spans if any(span[0] == lane and span[3] == WAITING for span in spans)})
    shares = {lane: timeline.shares(spans, lane) for lane in users}
    rows = [[lane, *(f"{shares[lane].get(state, 0.0):.1%}" for state in timeline.STATES)] for lane in users]
    running = timeline.total_s(spans, users, RUNNING)
    lasted = max(end_s for _, _, end_s, _ in spans) - min(begin_s for _, begin_s, _, _ in spans)
    has_all = len(users) == USERS and all(len(each) == len(timeline.STATES) for each in shares.values())
    return Findings(
        tables=[Table(f"what each of {USERS} users did, of its time", ["", *timeline.STATES], rows)],
        claims=[
            Claim("Each user ran, waited for the server and thought", has_all, f"{len(users)} lanes",
                  needs_quiet=False),
            Claim("A user needs the processor for a small part of its time: that is why many fit into one thread",
                  running < 0.5 * lasted * USERS, f"{running / lasted / USERS:.1%} on average"),
            Claim("No two of them ran at the same time", not timeline.overlap(spans, RUNNING),
                  f"{len(spans):,} spans", needs_quiet=False),
        ],
        notes=[f"{traced['requests']} requests in {number(lasted)} s. {FILES}"],
        files={"trace.json": json.dumps(timeline.chrome_trace(spans)), "timeline.html": timeline.page(spans)},
    )  # fmt: skip


CODE: Sequence[Any] = [Switches.__call__, state_of, trace_a_run]
LESSON = Lesson(
    name="trace",
    question="what do virtual users do all day?",
    code=CODE,
    measure=measure,
    reading=(
        "greenlet tells a function of ours about each switch. Whoever has let go of the processor stands somewhere: "
        "in greenload/http it waits for the server, otherwise it thinks. Almost all of a user's time is waiting, so "
        "its lane is nearly empty of running, and one OS thread is enough for all lanes."
    ),
    following="omission",
)
