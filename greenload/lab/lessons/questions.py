"""Lessons: the exercise's questions 1 and 2: GET or POST, median or p99."""

from __future__ import annotations

import operator
import tempfile
from dataclasses import dataclass
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.exercise import times_table
from greenload.lab.findings import Claim, Findings, judged
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, load, ms, times

BUSY_USERS = """
from uuid import uuid4

from greenload import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def get_album(self):
        self.client.get("/albums/1", name="/albums/:id")


class Lister(FastHttpUser):
    wait_time = constant(0)

    @task
    def get_albums(self):
        self.client.get("/albums")


class Writer(FastHttpUser):
    wait_time = constant(0)

    @task
    def post_album(self):
        self.client.post("/albums", json={"id": str(uuid4()), "title": "Jeru", "artist": "G. Mulligan", "price": 1.5})
"""


@dataclass(frozen=True)
class Watched:
    """A run, and how many processors the service needed meanwhile, on average; None where that cannot be known."""

    ran: Ran
    service_cores: float | None


def busy_run(user_class: str, users: int, run_s: float, *service_options: str) -> Ran:
    """Load a new service with users that do not think."""
    return watched_run(user_class, users, run_s, *service_options).ran


def watched_run(user_class: str, users: int, run_s: float, *service_options: str) -> Watched:
    """The same, and the service's processor time is looked at before and after."""
    with tempfile.TemporaryDirectory() as folder, album_service(*service_options) as service:
        scenario = Path(folder) / "busy.py"
        scenario.write_text(BUSY_USERS)
        options = ["--class", user_class, "-u", str(users), "-r", "1000", "-t", f"{run_s:g}s"]
        before_s = service.processor_s()
        ran = load(service.url, *options, scenario=scenario)
        after_s = service.processor_s()
    if before_s is None or after_s is None or not ran.total.requests:
        return Watched(ran, None)
    return Watched(ran, (after_s - before_s) * ran.total.per_s / ran.total.requests)


def measure_get_and_post(effort: Effort) -> Findings:
    """Question 1: one user that does not think, so that nothing waits for anything; each on a service of its own."""
    classes = ("Reader", "Lister", "Writer")
    ran = {each: busy_run(each, 1, effort.run_s / 3, "--store", "list-mutex") for each in classes}
    by_id, listing, post = (each.total.service_ms["p50"] for each in ran.values())
    return Findings(
        tables=[times_table("1 user that does not think", ran)],
        claims=[
            Claim("GET is faster than POST", judged(operator.lt, by_id, post),
                  f"{ms(by_id)} ms by id, {ms(listing)} ms for all three albums, {ms(post)} ms to add one: "
                  f"{times(post, by_id)} times",
                  reading="POST has a body to be received, parsed and checked, and an answer to be written; GET by "
                  "id only an answer."),
        ],
    )  # fmt: skip


def measure_tail(effort: Effort) -> Findings:
    """Question 2: the same service alone and beside others, median and p99."""
    crowds = {"1 user": 1, "16 users": 16}
    ran = {name: busy_run("Reader", users, effort.run_s / 2) for name, users in crowds.items()}
    totals = [each.total.service_ms for each in ran.values()]
    alone, beside = totals
    return Findings(
        tables=[times_table("users that do not think", ran)],
        claims=[
            Claim("p99 is much higher than the median",
                  judged(lambda p99, median: p99 > 2 * median, beside["p99"], beside["p50"]),
                  ", ".join(f"{name}: {times(each['p99'], each['p50'])} times"
                            for name, each in zip(ran, totals, strict=True))),
            Claim("The more requests are there at once, the longer the median: they wait for each other",
                  judged(operator.gt, beside["p50"], alone["p50"]), f"{ms(alone['p50'])} and {ms(beside['p50'])} ms"),
        ],
    )  # fmt: skip


LESSONS = (
    Lesson(
        "question 1",
        "which is faster, GET or POST, by how much, and why?",
        [Part("service/app.py", "AlbumsResource.on_post"), Part("service/app.py", "AlbumResource.on_get")],
        measure_get_and_post,
        reading=(
            "One user that does not think: nothing waits for anything, so these times are what a request takes. "
            "GET /albums is the odd one: it writes out all albums, and takes longer the more there are."
        ),
        following="question 2",
    ),
    Lesson(
        "question 2",
        "what is between the median and the 99th percentile?",
        [busy_run],
        measure_tail,
        reading=(
            "The median is what a request takes; the p99 is what it takes when something is in the way: other "
            "requests, the GIL, the scheduler of the machine, a garbage collection. An agreement about 99 % of "
            "requests is an agreement about that, so it has to be measured under the load that will be there."
        ),
        following="question 3",
    ),
)
