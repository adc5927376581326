"""Lesson: the exercise's spicier part: map against slice, a delay of 10 ms, ten workers."""

from __future__ import annotations

import operator
import tempfile
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.exercise import Load, beside, notes_of, play, times_table
from greenload.lab.findings import Claim, Findings, Table, judged
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, load, ms, per_s, rate, times
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
    of_list, of_dict = map(rate, by_id.values())
    plain, slow = map(rate, delayed.values())
    one, ten = map(rate, workers.values())
    added_ms = _added_ms(delayed)
    rows = [
        [store, per_s(rate(each)), ms(each.total.service_ms["p50"]), ms(each.total.service_ms["p99"])]
        for store, each in by_id.items()
    ]
    title = f"GET /albums/:id of the last of {albums:,} albums, {READERS} users that do not wait; one run each"
    return Findings(
        tables=[
            Table(title, ["store", "req/s", "median ms", "p99 ms"], rows),
            times_table("a delay in the server, 10 users", delayed),
            times_table("workers, 10 users", workers),
            beside([
                ("map against slice, both with a read-write lock", "O(1) against O(n)",
                 f"{times(of_dict, of_list)} times as many requests/s"),
                ("10 ms of delay", "response times, RPS?",
                 f"{ms(added_ms)} ms more, {per_s(plain)} -> {per_s(slow)} req/s"),
                ("10 workers", "?", f"{per_s(one)} -> {per_s(ten)} req/s"),
            ]),
        ],
        claims=_claims(by_id, delayed, workers),
        notes=notes_of(effort),
    )  # fmt: skip


def _claims(by_id: dict[str, Ran], delayed: dict[str, Ran], workers: dict[str, Ran]) -> list[Claim]:
    of_list, of_dict = map(rate, by_id.values())
    plain, slow = map(rate, delayed.values())
    one, ten = map(rate, workers.values())
    added_ms = _added_ms(delayed)
    return [
        Claim("A map finds one of many faster than a slice", judged(operator.gt, of_dict, of_list),
              f"{per_s(of_dict)} against {per_s(of_list)} requests/s",
              reading="A search through a list takes as long as there are albums before the one that is wanted; "
              "a dict looks once."),
        Claim("10 ms in the server are 10 ms more for each request",
              judged(lambda added_ms: 8 < added_ms < 15, added_ms), f"{ms(added_ms)} ms more",
              reading="A delay is added to each response time."),
        Claim("And hardly fewer requests, as users that think were waiting anyway",
              judged(lambda slow, plain: slow > 0.8 * plain, slow, plain),
              f"{per_s(plain)} and {per_s(slow)} requests/s",
              reading="It takes away requests only where users do not think, or where all 16 threads of the "
              "server are waiting."),
        Claim("Ten workers make the same load as one",
              judged(lambda ten, one: 0.7 * one < ten < 1.4 * one, ten, one),
              f"{per_s(one)} and {per_s(ten)} requests/s",
              reading="Workers change nothing until one of them has no processor time left."),
    ]  # fmt: skip


def _added_ms(delayed: dict[str, Ran]) -> float | None:
    """Return by how much the median is longer with a delay; None where it is not known."""
    plain, slow = (each.total.response_ms["p50"] for each in delayed.values())
    return None if plain is None or slow is None else slow - plain


LESSON = Lesson(
    name="spicier",
    question="map against slice, a delay in the server, ten workers: what does each change?",
    code=[Part("service/containers.py", "DictContainer"), Part("service/app.py", "simulate_query"), find_the_last],
    measure=measure,
    reading=(
        "Each of the three is measured beside what it is compared with, on a service of its own. What follows from "
        "them is said for those that came true."
    ),
    following="structures",
)
