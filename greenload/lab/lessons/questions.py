"""Lessons: the exercise's questions 1, 2 and 4: GET or POST, median or p99, and where the bottleneck is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.exercise import times_table
from greenload.lab.findings import Chart, Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, load, ms

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
DELAY_S = 0.01
THREADS = 16
CROWDS = (4, 16, 64)


def busy_run(user_class: str, users: int, run_s: float, *service_options: str) -> Ran:
    """Load a new service with users that do not think."""
    with tempfile.TemporaryDirectory() as folder, album_service(*service_options) as service:
        scenario = Path(folder) / "busy.py"
        scenario.write_text(BUSY_USERS)
        options = ["--class", user_class, "-u", str(users), "-r", "1000", "-t", f"{run_s:g}s"]
        return load(service.url, *options, scenario=scenario)


def measure_get_and_post(effort: Effort) -> Findings:
    """Question 1: one user that does not think, so that nothing waits for anything; each on a service of its own."""
    classes = ("Reader", "Lister", "Writer")
    ran = {each: busy_run(each, 1, effort.run_s / 3, "--store", "list-mutex") for each in classes}
    by_id, listing, post = (each.total.service_ms["p50"] or 0.0 for each in ran.values())
    return Findings(
        tables=[times_table("1 user that does not think", ran)],
        claims=[
            Claim("GET is faster than POST", by_id < post,
                  f"{ms(by_id)} ms by id, {ms(listing)} ms for all three albums, {ms(post)} ms to add one: "
                  f"{post / by_id if by_id else 0:.1f} times"),
        ],
    )  # fmt: skip


def measure_tail(effort: Effort) -> Findings:
    """Question 2: the same service alone and beside others, median and p99."""
    ran = {f"{users} users": busy_run("Reader", users, effort.run_s / 2) for users in (1, 16)}
    totals = [each.total.service_ms for each in ran.values()]
    ratios = [(each["p99"] or 0.0) / (each["p50"] or 1.0) for each in totals]
    return Findings(
        tables=[times_table("users that do not think", ran)],
        claims=[
            Claim("p99 is much higher than the median", ratios[-1] > 2,
                  ", ".join(f"{name}: {ratio:.1f} times" for name, ratio in zip(ran, ratios, strict=True))),
            Claim("The more requests are there at once, the longer the median: they wait for each other",
                  (totals[1]["p50"] or 0.0) > (totals[0]["p50"] or 0.0),
                  f"{ms(totals[0]['p50'])} and {ms(totals[1]['p50'])} ms"),
        ],
    )  # fmt: skip


def measure_scaling(effort: Effort) -> Findings:
    """Question 4: more and more users on a service that takes 10 ms, under both kinds of thread."""
    rows, lines = [], {}
    per_s: dict[tuple[str, int], float] = {}
    for server in ("threads", "green"):
        line = []
        for users in CROWDS:
            ran = busy_run("Reader", users, effort.run_s / 3, "--server", server, "--delay", f"{1000 * DELAY_S:g}ms")
            total = ran.total
            per_s[server, users] = total.per_s
            line.append((float(users), total.per_s))
            rows.append([server, str(users), f"{total.per_s:,.0f}", ms(total.service_ms["p50"]),
                         ms(total.service_ms["p99"]), ran.verdict])  # fmt: skip
        lines[server] = line
    most = THREADS / DELAY_S
    few, crowd = CROWDS[0], CROWDS[-1]
    return Findings(
        tables=[Table("a service that takes 10 ms a request",
                      ["server", "users", "req/s", "median ms", "p99 ms", "verdict"], rows)],
        charts=[Chart("requests/s by users", "users", "requests/s", lines)],
        claims=[
            Claim(f"{THREADS} OS threads and 10 ms are {most:,.0f} requests/s at most, however many users there are",
                  all(rate <= 1.02 * most for (server, _), rate in per_s.items() if server == "threads"),
                  f"{per_s['threads', crowd]:,.0f} requests/s with {crowd} users", needs_quiet=False),
            Claim("Up to there, more users are more requests", per_s["threads", THREADS] > 2 * per_s["threads", few],
                  f"{per_s['threads', few]:,.0f} with {few} and {per_s['threads', THREADS]:,.0f} with {THREADS}"),
        ],
    )  # fmt: skip


LESSONS = (
    Lesson(
        "question 1",
        "which is faster, GET or POST, by how much, and why?",
        [Part("service/app.py", "AlbumsResource.on_post"), Part("service/app.py", "AlbumResource.on_get")],
        measure_get_and_post,
        reading=(
            "POST has a body to be received, parsed and checked, and an answer to be written; GET by id only an "
            "answer. The difference is tenths of a millisecond of Python, beside which a slice that grows is "
            "nothing. GET /albums is the odd one: it writes out all albums, and becomes the slowest of the three "
            "when there are thousands."
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
    Lesson(
        "question 4",
        "what happens with more users, and where is the bottleneck?",
        [Part("service/app.py", "simulate_query"), busy_run],
        measure_scaling,
        reading=(
            "As long as somebody is free to take a request, more users are more requests. When all 16 threads wait, "
            "requests queue: the rate stays and the response time grows with each user. Green threads move that "
            "limit to the processor. A line marked SUSPECT says that the generator, too, had no processor left."
        ),
        following="question 5",
    ),
)
