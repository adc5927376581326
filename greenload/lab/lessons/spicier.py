"""Lesson: the exercise's spicier part: map against slice, a delay of 10 ms, ten workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.exercise import Load, beside, notes_of, play, times_table
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, load, ms
from greenload.lab.probe import run_python

ALBUMS = 3_000
READERS = 8
TEN = Load(10, 100)
SPREAD = Load(10, 100, workers=10)

# The last one of many: what a search from the front finds last.
BY_ID = """
from greenload import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0)

    @task
    def get_last(self):
        self.client.get("/albums/race%20{last}", name="/albums/:id")
"""


def find_the_last(store: str, albums: int, run_s: float) -> Ran:
    """Fill a store with many albums, and then ask for the last one again and again."""
    with tempfile.TemporaryDirectory() as folder, album_service("--store", store) as service:
        fill = ["-m", "service.race", "--url", service.url, "--albums", str(albums), "--threads", "8"]
        run_python(fill)
        scenario = Path(folder) / "by_id.py"
        scenario.write_text(BY_ID.format(last=albums - 1))
        return load(service.url, "-u", str(READERS), "-r", "100", "-t", f"{run_s:g}s", scenario=scenario)


def measure(effort: Effort) -> Findings:
    """Each of the three, beside what it is compared with."""
    albums = max(300, effort.of(ALBUMS))
    by_id = {store: find_the_last(store, albums, effort.run_s / 2) for store in ("list-rwlock", "dict-rwlock")}
    delayed = {
        "no delay": play(TEN, effort, "--store", "list"),
        "10 ms": play(TEN, effort, "--store", "list", "--delay", "10ms"),
    }
    workers = {"1 worker": delayed["no delay"], "10 workers": play(SPREAD, effort, "--store", "list")}
    of_list, of_dict = (each.total for each in by_id.values())
    plain, slow = (each.total for each in delayed.values())
    one, ten = (each.total for each in workers.values())
    added_ms = (slow.response_ms["p50"] or 0.0) - (plain.response_ms["p50"] or 0.0)
    rows = [
        [store, f"{each.total.per_s:,.0f}", ms(each.total.service_ms["p50"]), ms(each.total.service_ms["p99"])]
        for store, each in by_id.items()
    ]
    title = f"GET /albums/:id of the last of {albums:,} albums, {READERS} users that do not wait"
    return Findings(
        tables=[
            Table(title, ["store", "req/s", "median ms", "p99 ms"], rows),
            times_table("a delay in the server, 10 users", delayed),
            times_table("workers, 10 users", workers),
            beside([
                ("map against slice, both with a read-write lock", "O(1) against O(n)",
                 f"{of_dict.per_s / max(of_list.per_s, 0.1):.1f} times as many requests/s"),
                ("10 ms of delay", "response times, RPS?",
                 f"{added_ms:+.1f} ms, {plain.per_s:.1f} -> {slow.per_s:.1f} req/s"),
                ("10 workers", "?", f"{one.per_s:.1f} -> {ten.per_s:.1f} req/s"),
            ]),
        ],
        claims=[
            Claim("A map finds one of many faster than a slice", of_dict.per_s > of_list.per_s,
                  f"{of_dict.per_s:,.0f} against {of_list.per_s:,.0f} requests/s"),
            Claim("10 ms in the server are 10 ms more for each request", 8 < added_ms < 15, f"{added_ms:+.1f} ms"),
            Claim("And hardly fewer requests, as users that think were waiting anyway",
                  slow.per_s > 0.8 * plain.per_s, f"{plain.per_s:.1f} and {slow.per_s:.1f} requests/s"),
            Claim("Ten workers make the same load as one", 0.7 < ten.per_s / max(one.per_s, 0.1) < 1.4,
                  f"{one.per_s:.1f} and {ten.per_s:.1f} requests/s"),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


LESSON = Lesson(
    name="spicier",
    question="map against slice, a delay in the server, ten workers: what does each change?",
    code=[Part("service/containers.py", "DictContainer"), Part("service/app.py", "simulate_query"), find_the_last],
    measure=measure,
    reading=(
        "A search through a list takes as long as there are albums before the one that is wanted; a dict looks "
        "once. A delay is added to each response time; it takes away requests only where users do not think, or "
        "where all 16 threads of the server are waiting. Workers change nothing until one of them has no processor "
        "time left."
    ),
    following="question 1",
)
