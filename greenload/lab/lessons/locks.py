"""Lesson: the exercise's question 3: which lock for traffic that mostly reads?"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.findings import Chart, Claim, Findings, Measure, Table, number, spread_of
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import load

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


def requests_per_s(store: str, reads: int, run_s: float, service_options: Sequence[str]) -> float:
    """Return how many requests/s users make that read so many times in a hundred, and do not think."""
    with tempfile.TemporaryDirectory() as folder, album_service("--store", store, *service_options) as service:
        scenario = Path(folder) / "mixed.py"
        scenario.write_text(MIXED.format(reads=reads, writes=100 - reads))
        return load(service.url, "-u", str(USERS), "-r", "1000", "-t", f"{run_s:g}s", scenario=scenario).total.per_s


def measure(effort: Effort) -> Findings:
    """Each lock with each share of reads, first when the store takes time, then when it is only memory."""
    rounds = max(1, effort.rounds // 4)
    waiting = {
        (store, reads): spread_of(
            requests_per_s(store, reads, effort.run_s / 3, ["--read-wait", WAIT, "--write-wait", WAIT])
            for _ in range(rounds)
        )
        for reads in SHARES
        for store in STORES
    }
    at_once = {
        store: spread_of(requests_per_s(store, 95, effort.run_s / 3, []) for _ in range(rounds)) for store in STORES
    }
    rows = [
        [f"{reads} %", *(f"{waiting[store, reads].median:,.0f}" for store in STORES),
         f"{waiting['dict-rwlock', reads].median / max(0.1, waiting['dict-mutex', reads].median):.1f}"]
        for reads in SHARES
    ]  # fmt: skip
    gain = {reads: waiting["dict-rwlock", reads].median / waiting["dict-mutex", reads].median for reads in SHARES}
    mutex, lock = at_once["dict-mutex"].median, at_once["dict-rwlock"].median
    measures = [Measure(f"{store}, 95 % reads, nothing waits", "requests/s", each) for store, each in at_once.items()]
    return Findings(
        measures=measures,
        tables=[Table(f"requests/s of {USERS} users, each read and add takes {WAIT} with the lock held",
                      ["reads", "mutex", "read-write lock", "copied dict", "read-write : mutex"], rows)],
        charts=[Chart("requests/s by share of reads", "% reads", "requests/s",
                      {store: [(float(reads), waiting[store, reads].median) for reads in SHARES] for store in STORES})],
        claims=[
            Claim("For read-heavy traffic a read-write lock is better than a mutex, when reads take time",
                  gain[95] > 1.5, f"{number(gain[95])} times the requests at 95 % reads", needs_quiet=False),
            Claim("And the more so, the more is read", gain[99] > gain[80],
                  ", ".join(f"{reads} %: {number(each)} times" for reads, each in gain.items()), needs_quiet=False),
            Claim("It is so even when a read is one look into a dict in memory", lock > 1.1 * mutex,
                  f"{number(lock)} against {number(mutex)} requests/s: the GIL lets one thread go on at a time anyway"),
        ],
        notes=[f"{rounds} run(s) each. The copied dict is Go's sync.Map in small: its readers need no lock."],
    )  # fmt: skip


LESSON = Lesson(
    name="question 3",
    question="most services are read 80 to 95 % of the time: which lock?",
    code=[Part("service/locks.py", "ReadWriteLock.acquire_read"), Part("service/stores.py", "Store"), requests_per_s],
    measure=measure,
    reading=(
        "A mutex lets one request at a time into the store, so 2 ms there are 500 requests/s, whoever asks. A read- "
        "write lock lets all readers in together; only an add waits for them to leave, and they for the add. That "
        "is worth it when readers stay for a while. When a read is a microsecond of Python there is nothing to do "
        "side by side, and the more elaborate lock only costs. Readers of a dict that is copied wait for nobody; "
        "each add pays for a copy."
    ),
    following="question 4",
)
