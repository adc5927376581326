"""Lesson: a server stands still for a second; who notices?"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

from greenload.lab.album_service import AlbumService, album_service
from greenload.lab.findings import Claim, Findings, Measure, Table, judged, median_of, spread_of_known
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.load import Ran, load, ms

FREEZE_S = 1.0
LOOK_S = 0.05
DELAY = "5ms"
RATE = 80
USERS = 2

SCENARIO = """
from greenload import FastHttpUser, constant, constant_pacing, task


class Thinking(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def get_album(self):
        self.client.get("/albums/1")


class Paced(Thinking):
    wait_time = constant_pacing(0.025)
"""


def freeze(service: AlbumService, run_s: float, is_over: threading.Event) -> None:
    """Let the server stand still for a second, in the middle of the run: that begins with its first request."""
    while not is_over.wait(LOOK_S):
        if service.requests():
            is_over.wait(run_s / 2)
            os.kill(service.pid, signal.SIGSTOP)
            time.sleep(FREEZE_S)
            os.kill(service.pid, signal.SIGCONT)
            return


def load_with_a_freeze(run_s: float, *options: str) -> Ran:
    """Load the album service, which freezes in the middle."""
    with tempfile.TemporaryDirectory() as folder, album_service("--server", "green", "--delay", DELAY) as service:
        scenario = Path(folder) / "omission.py"
        scenario.write_text(SCENARIO)
        is_over = threading.Event()
        freezing = threading.Thread(target=freeze, args=(service, run_s, is_over))
        freezing.start()
        try:
            return load(service.url, "-t", f"{run_s:g}s", *options, scenario=scenario)
        finally:
            is_over.set()
            freezing.join()


def measure(effort: Effort) -> Findings:
    """The same freeze under three loads, all of 80 requests/s while the server answers."""
    loads = {
        "closed, users that think": ["--class", "Thinking", "-u", str(USERS), "-r", "100"],
        "closed, users that keep a pace": ["--class", "Paced", "-u", str(USERS), "-r", "100"],
        "open, arrivals": ["--class", "Thinking", "--rate", f"{RATE}/s"],
    }
    ran = {
        name: [load_with_a_freeze(effort.run_s, *options) for _ in range(effort.load_rounds)]
        for name, options in loads.items()
    }
    return findings_of(effort, ran)


def findings_of(effort: Effort, ran: dict[str, list[Ran]]) -> Findings:
    """Return what the runs of each load say."""
    last = {name: each[-1].total for name, each in ran.items()}
    p99 = {name: spread_of_known(each.total.response_ms["p99"] for each in runs) for name, runs in ran.items()}
    rows = [
        [name, f"{each.requests:,}", ms(each.service_ms["p50"]), ms(each.service_ms["p99"]),
         ms(each.response_ms["p99"]), ms(each.service_ms["max"])]
        for name, each in last.items()
    ]  # fmt: skip
    thinking, paced, arrivals = map(median_of, p99.values())
    return Findings(
        measures=[Measure(f"p99 response, {name}", "ms", spread) for name, spread in p99.items() if spread],
        tables=[Table(f"a freeze of {FREEZE_S:g} s in a run of {effort.run_s:g} s; ms; the last run of each",
                      ["load", "requests", "median", "p99 service", "p99 response", "max"], rows)],
        claims=[
            Claim("Users that think hide the freeze from the p99: each of them waits once and asks less meanwhile",
                  judged(lambda p99: p99 < 200, thinking), f"p99 {ms(thinking)} ms",
                  reading="Two slow requests of hundreds are below the p99."),
            Claim("Arrivals do not: whoever comes meanwhile waits, too",
                  judged(lambda p99: p99 > 200, arrivals), f"p99 {ms(arrivals)} ms",
                  reading="In the open model those people come, and the p99 says what they waited."),
            Claim("Users with a pace show it by the response time, which counts from when a request was due",
                  judged(lambda p99: p99 > 200, paced), f"p99 {ms(paced)} ms"),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="omission",
    question="a server stands still for a second; who notices?",
    code=[freeze, load_with_a_freeze],
    measure=measure,
    reading=(
        "A user in the closed model asks again when it has its answer. While the server stands still two users make "
        "two slow requests and nothing else. The people who would have come in that second are not in the record; "
        "that is coordinated omission."
    ),
    following="percentiles",
)
