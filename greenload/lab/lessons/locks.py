"""Lesson: the exercise's question 3: which lock for traffic that mostly reads?"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.findings import (
    Chart,
    Claim,
    Findings,
    Measure,
    Spread,
    Table,
    judged,
    median_of,
    spread_of_known,
)
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import load, per_s, rate, times

SHARES = (80, 95, 99)
STORES = ("dict-mutex", "dict-rwlock", "dict-copied")
USERS = 16
# What a read or an add does while it holds the lock: ask a disk, for instance.
WAIT = "2ms"

MIXED = """
from uuid import uuid4

from greenload import FastHttpUser, constant, task


class Mixed(FastHttpUser):
    wait_time = constant(0)

    @task({reads})
    def read(self):
        self.client.get("/albums/1", name="/albums/:id")

    @task({writes})
    def write(self):
        self.client.post("/albums", json={{"id": str(uuid4()), "title": "Jeru", "artist": "G", "price": 1.5}})
"""


def requests_per_s(store: str, reads: int, run_s: float, service_options: Sequence[str]) -> float | None:
    """Return how many requests/s users make that read so many times in a hundred, and do not think."""
    with tempfile.TemporaryDirectory() as folder, album_service("--store", store, *service_options) as service:
        scenario = Path(folder) / "mixed.py"
        scenario.write_text(MIXED.format(reads=reads, writes=100 - reads))
        return rate(load(service.url, "-u", str(USERS), "-r", "1000", "-t", f"{run_s:g}s", scenario=scenario))


def measure(effort: Effort) -> Findings:
    """Each lock with each share of reads, first when the store takes time, then when it is only memory."""

    def rates(store: str, reads: int, *waits: str) -> Spread | None:
        runs = range(effort.load_rounds)
        return spread_of_known(requests_per_s(store, reads, effort.run_s / 3, waits) for _ in runs)

    waiting = {
        (store, reads): rates(store, reads, "--read-wait", WAIT, "--write-wait", WAIT)
        for reads in SHARES
        for store in STORES
    }
    return findings_of(effort, waiting, {store: rates(store, 95) for store in STORES})


def findings_of(
    effort: Effort, waiting: dict[tuple[str, int], Spread | None], at_once: dict[str, Spread | None]
) -> Findings:
    """Return what the requests/s say: of each store and share of reads, and of each store in which nothing waits."""
    middle = {key: median_of(spread) for key, spread in waiting.items()}
    pairs = {reads: (middle["dict-rwlock", reads], middle["dict-mutex", reads]) for reads in SHARES}
    rows = [
        [f"{reads} %", *(per_s(middle[store, reads]) for store in STORES), times(*pairs[reads])] for reads in SHARES
    ]
    lines = {
        store: [(float(reads), known) for reads in SHARES if (known := middle[store, reads]) is not None]
        for store in STORES
    }
    mutex, lock = median_of(at_once["dict-mutex"]), median_of(at_once["dict-rwlock"])
    return Findings(
        measures=[
            *(Measure(f"{store}, {reads} % reads, {WAIT} each", "requests/s", each)
              for (store, reads), each in waiting.items() if each),
            *(Measure(f"{store}, 95 % reads, nothing waits", "requests/s", each)
              for store, each in at_once.items() if each),
        ],
        tables=[Table(f"requests/s of {USERS} users, each read and add takes {WAIT} with the lock held; "
                      f"{effort.each_load}",
                      ["reads", "mutex", "read-write lock", "copied dict", "read-write : mutex"], rows)],
        charts=[Chart("requests/s by share of reads", "% reads", "requests/s", lines)],
        claims=[
            Claim("For read-heavy traffic a read-write lock is better than a mutex, when reads take time",
                  judged(lambda lock, mutex: lock > 1.5 * mutex, *pairs[95]),
                  f"{times(*pairs[95])} times the requests at 95 % reads",
                  reading="That is worth it when readers stay for a while."),
            Claim("And the more so, the more is read",
                  judged(lambda lock80, mutex80, lock99, mutex99: lock99 * mutex80 > lock80 * mutex99,
                         *pairs[80], *pairs[99]),
                  ", ".join(f"{reads} %: {times(*pair)} times" for reads, pair in pairs.items())),
            Claim("It is so even when a read is one look into a dict in memory",
                  judged(lambda lock, mutex: lock > 1.1 * mutex, lock, mutex),
                  f"{per_s(lock)} against {per_s(mutex)} requests/s, {effort.each_load}",
                  otherwise="When a read is a microsecond of Python there is nothing to do side by side, as the GIL "
                  "lets one thread go on at a time anyway, and the more elaborate lock brings nothing."),
        ],
        notes=["The copied dict is Go's sync.Map in small: its readers need no lock."],
    )  # fmt: skip


LESSON = Lesson(
    name="question 3",
    question="most services are read 80 to 95 % of the time: which lock?",
    code=[Part("service/locks.py", "ReadWriteLock.acquire_read"), Part("service/stores.py", "Store"), requests_per_s],
    measure=measure,
    reading=(
        "A mutex lets one request at a time into the store, so 2 ms there are 500 requests/s, whoever asks. A "
        "read-write lock lets all readers in together; only an add waits for them to leave, and they for the add. "
        "Readers of a dict that is copied wait for nobody; each add pays for a copy."
    ),
    following="question 4",
)
