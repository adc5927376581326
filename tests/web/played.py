"""A master that is played: a real Control over real Results, whose workers a test feeds.

`python -m tests.web.played` plays runs with moving numbers, for whoever works on the page: failures, exceptions with
tracebacks, three workers of which one is lost, both models; with --db they are kept, too.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from greenload.core.arrivals import Arrivals
from greenload.core.bundle import Bundle
from greenload.core.gate import Gate
from greenload.core.label import Label
from greenload.core.messages import Plan, Report
from greenload.core.news import DONE, LOST, RUNNING, Member, News
from greenload.core.offer import offer_of
from greenload.core.placement import Share
from greenload.core.results import Results
from greenload.core.roster import JOIN, LOSE, Change
from greenload.core.run_info import RunInfo
from greenload.core.shape import Shape, ShapeError, constant_rate, parse_duration_s, parse_rate, ramp
from greenload.core.stats import Sample, Stats
from greenload.core.thresholds import ThresholdError, parse_threshold
from greenload.form import Form, Unfit
from greenload.report.summary import summarize
from greenload.store import Store
from greenload.web import control
from greenload.web.control import ClassOffered, LogLine, NotNow, Offered, Shown

WORKERS = ("w1", "w2", "w3")
TRACEBACK = """in task Reader.stumble
Traceback (most recent call last):
  File "examples/albums.py", line 31, in stumble
    album["title"]
KeyError: 'title'"""
# What a server, or a scenario, may say to get into the page.
HOSTILE = "<script>document.title = 'in'</script>"
VALUES: dict[str, object] = {
    "host": "http://127.0.0.1:8080",
    "model": "users",
    "users": 30,
    "spawn_rate": 5,
    "run_time": "2m",
    "classes": ["Reader", "Writer"],
    "options": {"albums": 200, "slow": False},
}


def one_second(draw: random.Random, second: int, requests: int, late_s: float = 0.0) -> Stats:
    """Return what a worker may have counted in `second` of a run: a few names, some failures, now and then a stall."""
    stats = Stats()
    slow = 8.0 if second % 23 in (11, 12) else 1.0
    for _ in range(requests):
        method, name = draw.choice(
            (("GET", "/albums"), ("GET", "/albums"), ("GET", "/albums/[id]"), ("POST", "/albums"))
        )
        took_s = slow * draw.lognormvariate(-4.5, 0.5) * (3.0 if method == "POST" else 1.0)
        error = draw.choice(("HTTP 503", "timed out", HOSTILE)) if draw.random() < 0.02 else None
        begun_s = second + draw.random()
        stats.record(Sample(method, name, begun_s - late_s * draw.random(), begun_s, begun_s + took_s, error, 1_200))
    stats.sent = stats.iterations = requests
    for _ in range(100):
        stats.lag.record(round(draw.lognormvariate(4.5, 0.6)))
    if second % 7 == 3:
        stats.exceptions.count(TRACEBACK, second)
        stats.exceptions.count(f"in task Writer.add\nTraceback (most recent call last):\nValueError: {HOSTILE}", second)
    return stats


@dataclass
class PlayedRun:
    """One run: the workers speak when `report` is called."""

    info: RunInfo
    plan: Plan
    gate: Gate
    results: Results
    members: dict[str, Member] = field(default_factory=dict)
    elapsed_s: float = 0.0
    broken: str | None = None
    news: News = field(default_factory=lambda: News(began=True))

    def join(self, *workers: str) -> None:
        for worker in workers:
            self.members[worker] = Member(worker, 1, worker.encode(), self.elapsed_s, RUNNING, state_told=RUNNING)
            self.results.expect(worker)
            self.news.entries.append(Change(self.elapsed_s, JOIN, worker))
            self.news.states[worker] = (1, RUNNING)

    def lose(self, worker: str) -> None:
        self.members[worker].state = LOST
        self.results.lose(worker, self.elapsed_s)
        self.news.entries.append(Change(self.elapsed_s, LOSE, worker))
        self.news.states[worker] = (1, LOST)

    def report(self, worker: str, second: int, stats: Stats, users: int, cpu_percent: float = 12.0) -> None:
        """Let `worker` report all of `second`."""
        member, record = self.members[worker], self.results.workers[worker]
        member.seq += 1
        member.heard_s = self.elapsed_s
        counted = record.counted + stats.succeeded + stats.failed
        until_s = second + 1.0
        message = Report(worker, 1, member.seq, float(second), until_s, stats, users, cpu_percent, counted)
        self.news.accounts.append(self.results.add(message))


class Played:
    """A Control.  db: where runs are kept, if they are; warmup_s: of all runs."""

    def __init__(self, db: Path | None = None, warmup_s: int = 0, seed: int = 1) -> None:
        self.run: PlayedRun | None = None
        self.asked: list[tuple[str, Mapping[str, object]]] = []  # what somebody asked for, in order
        self.lines: list[LogLine] = []
        self._state = control.READY
        self._store = None if db is None else Store(db)
        self._db = db
        self._warmup_s = warmup_s
        self._draw = random.Random(seed)
        self._values: dict[str, object] = dict(VALUES)
        self._users = 0
        self._label = Label()

    @property
    def state(self) -> str:
        return self._state

    @property
    def shown(self) -> Shown | None:
        run = self.run
        if run is None:
            return None
        known = run.info, run.plan, run.gate, run.results, run.members, run.elapsed_s, run.elapsed_s
        return Shown(*known, broken=run.broken, is_over=self._state == control.READY)

    @property
    def db(self) -> Path | None:
        return self._db

    def waiting_workers(self) -> Sequence[str]:
        return WORKERS if self._state == control.READY else ()

    def offered(self) -> Offered:
        classes = (ClassOffered("Reader", 3.0, 0), ClassOffered("Writer", 1.0, 0))
        options = {"albums": 100, "slow": False, "title": "Hello"}
        return Offered("examples/albums.py", classes, options, ("p99 < 250ms",), self._values)

    def log(self) -> Sequence[LogLine]:
        return self.lines

    def say(self, text: str, level: str = "info", source: str = "master") -> None:
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self.lines = [*self.lines[-499:], LogLine(at, source, level, text)]

    def start(self, form: Form) -> str:
        self.asked.append(("start", dict(form)))
        if self._state != control.READY:
            raise NotNow("a run goes on; stop it first")
        plan, gate = _planned(form, self._warmup_s)
        self._values = {**self._values, **form}
        tags = form.get("tags") or {}
        self._label = Label({str(key): str(value) for key, value in tags.items()}, form.get("note"))
        return self.begin(plan, gate).info.id

    def begin(self, plan: Plan | None = None, gate: Gate | None = None) -> PlayedRun:
        """Begin a run with all its workers, without an end where no plan says one."""
        if plan is None or gate is None:
            plan, gate = _planned({"run_time": None}, self._warmup_s)
        began = datetime.now(timezone.utc)
        info = RunInfo(
            f"{began:%Y%m%d-%H%M%S}-{self._draw.randrange(1 << 16):04x}",
            began.isoformat(timespec="seconds"),
            "users" if plan.arrivals is None else "rate",
            "examples/albums.py",
            "ab" * 32,
            plan.host,
            7,
            "0.1.0",
        )
        self.run = PlayedRun(info, plan, gate, Results(gate.warmup_s))
        self.run.join(*WORKERS)
        self._users = 0
        self._state = control.RUNNING
        if self._store is not None:
            self._store.open_run(info, plan, gate, Bundle(b""), self._label)
        self.say(f"run {info.id} begins")
        return self.run

    def edit(self, form: Form) -> None:
        self.asked.append(("edit", dict(form)))
        if self.run is None or self._state != control.RUNNING:
            raise NotNow("no run goes on")
        plan, _ = _planned({**form, "model": "rate" if "rate" in form else "users"}, 0)
        self.run.plan = plan

    def stop(self) -> bool:
        self.asked.append(("stop", {}))
        if self._state in (control.READY, control.WAITING):
            raise NotNow("no run goes on; there is nothing to stop")
        at_once = self._state == control.STOPPING
        self._state = control.STOPPING
        if at_once:
            self.end()
        return at_once

    def reset(self) -> int:
        self.asked.append(("reset", {}))
        if self.run is None or self._state != control.RUNNING:
            raise NotNow("no run goes on; there is nothing to begin anew")
        return int(self.run.elapsed_s)

    def end(self, broken: str | None = None) -> None:
        """Let the run be over."""
        run = self.run
        assert run is not None
        run.broken = broken
        run.results.stop(run.elapsed_s)
        for member in run.members.values():
            member.state = DONE if member.state != LOST else LOST
            run.news.states[member.worker] = (1, member.state)
        self._state = control.READY
        self._keep(run)
        if self._store is not None:
            offer = offer_of(run.plan, run.results)
            self._store.end_run(run.info.id, summarize(run.info, run.results, run.gate.judge(run.results), offer))
        self.say(f"run {run.info.id} is over" if broken is None else broken, "info" if broken is None else "error")

    def play_second(self) -> None:
        """Let a second go by in which all workers that are there report what one may expect of them."""
        run = self.run
        assert run is not None
        second = int(run.elapsed_s)
        if second == 20:
            run.lose("w3")
            self.say("worker w3 is lost", "warning")
        here = [worker for worker, member in run.members.items() if member.state == RUNNING]
        level = (
            run.plan.shape.level_at(second) if run.plan.arrivals is None else run.plan.arrivals.rate.level_at(second)
        )
        for number, worker in enumerate(here):
            share = len(range(number, round(level), len(here)))
            is_open = run.plan.arrivals is not None
            stats = one_second(self._draw, second, share * (1 if is_open else 4), 0.02 if is_open else 0.0)
            if is_open and second % 10 == 9:
                stats.dropped, stats.iterations = 1, stats.iterations - 1
            run.report(worker, second, stats, max(1, share // 5) if is_open else share, 30 + 20 * self._draw.random())
        if second % 15 == 5:
            self.say(f"w2: {HOSTILE}", "warning", "w2")
        run.elapsed_s = second + 1.0
        self._keep(run)
        is_past = run.plan.duration_s is not None and run.elapsed_s >= run.plan.duration_s
        if is_past or self._state == control.STOPPING:
            self.end()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _keep(self, run: PlayedRun) -> None:
        run.news.seconds += run.results.take_seconds()
        if self._store is not None:
            self._store.keep(run.info.id, run.news)
        run.news = News()


def _planned(form: Form, warmup_s: int) -> tuple[Plan, Gate]:
    """Return what `form` asks for.  Raises Unfit."""
    values = {**VALUES, **form}
    wrong: dict[str, str] = {}
    shape, arrivals, duration_s = Shape(()), None, None
    try:
        duration_s = None if values["run_time"] is None else parse_duration_s(str(values["run_time"]))
    except ShapeError as error:
        wrong["run_time"] = str(error)
    try:
        if values["model"] == "rate":
            arrivals = Arrivals(constant_rate(parse_rate(str(values.get("rate") or "100/s"))), "uniform", 100, 1.0)
        else:
            shape = ramp(int(str(values["users"])), float(str(values["spawn_rate"])))
    except (ShapeError, ValueError) as error:
        wrong["rate" if values["model"] == "rate" else "users"] = str(error)
    fail_if = []
    for text in form.get("fail_if") or ():
        try:
            fail_if.append(parse_threshold(str(text)))
        except ThresholdError as error:
            wrong["fail_if"] = str(error)
    if wrong:
        raise Unfit(wrong)
    shares = (Share("Reader", 3.0), Share("Writer", 1.0))
    host = None if values["host"] is None else str(values["host"])
    plan = Plan(shape, duration_s, shares, host, 10.0, 7, arrivals=arrivals)
    return plan, Gate((*fail_if, parse_threshold("p99 < 250ms")), warmup_s=warmup_s)


def main() -> None:
    """Serve the page of a played master until Ctrl-C."""
    import gevent

    from greenload.web.server import WebServer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    parser.add_argument("--db", type=Path, help="keep runs in this file")
    parser.add_argument("--model", choices=["users", "rate", "none"], default="users", help="of the run it begins with")
    parser.add_argument("--ahead", type=int, default=0, help="seconds of the first run that are over when it begins")
    asked = parser.parse_args()
    played = Played(asked.db)
    if asked.model != "none":
        played.start({"model": asked.model, "run_time": None})
        for _ in range(asked.ahead):
            played.play_second()
    with WebServer(played, asked.host, asked.port, token=asked.token) as server:
        print(server.link, flush=True)
        while True:
            gevent.sleep(1.0)
            if played.state in (control.RUNNING, control.STOPPING):
                played.play_second()


if __name__ == "__main__":
    main()
