"""Lesson: what happens to albums that are added at once, with a lock and without one, by OS threads and green ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from greenload.lab.album_service import album_service
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.postgres import postgres
from greenload.lab.probe import run_python

ALBUMS = 5_000
CONNECTIONS = 50
OFTEN = "10us"
WAIT = "100us"
# Pythons without a GIL, as their builders name them.
FREE_THREADED = ("python3.14t", "python3.13t")


@dataclass(frozen=True)
class Case:
    """A service to race for: its store, its kind of thread, and the options that bring a race to light."""

    store: str
    server: str
    options: Sequence[str] = ()

    @property
    def row(self) -> list[str]:
        return [self.store, self.server, " ".join(self.options)]


@dataclass(frozen=True)
class Outcome:
    """What `python -m service.race` said."""

    offered: int
    accepted: int
    lost: int
    doubled: int
    corrupt: int

    @property
    def cells(self) -> list[str]:
        return [f"{each:,}" for each in (self.offered, self.accepted, self.lost, self.doubled, self.corrupt)]

    @property
    def harm(self) -> int:
        return self.lost + self.doubled + self.corrupt

    def is_whole(self, albums: int) -> bool:
        """Whether all were accepted, once each, and kept. Who accepts nothing loses nothing, and is not whole."""
        return self.harm == 0 and self.accepted == albums


HEADINGS = ["store", "threads", "options", "offered", "accepted", "lost", "doubled", "corrupt"]
PLAIN = Case("list", "threads")
SHORT_TURNS = Case("list", "threads", ["--switch-interval", OFTEN])
WAITING = Case("list", "threads", ["--write-wait", WAIT])
DICT_WAITING = Case("dict", "threads", ["--write-wait", WAIT])
GREEN = Case("list", "green")
GREEN_WAITING = Case("list", "green", ["--write-wait", WAIT])
SERVERS = ("threads", "green")
SAFE = [
    Case(store, server, ["--write-wait", WAIT])
    for store in ("list-mutex", "list-rwlock", "dict-mutex", "dict-rwlock", "dict-copied", "actor", "sqlite")
    for server in SERVERS
]


def race(case: Case, albums: int) -> Outcome:
    """Start the service and race for it."""
    with album_service("--store", case.store, "--server", case.server, *case.options) as service:
        command = ["-m", "service.race", "--url", service.url, "--albums", str(albums), "--threads", str(CONNECTIONS)]
        return _read(run_python(command))


def race_in_postgres(albums: int) -> tuple[list[tuple[Case, Outcome]], list[str]]:
    """Race for the store in PostgreSQL under each kind of thread; where there is none, return what to say about it."""
    found = []
    with postgres() as new_database:
        if new_database is None:
            return [], ["PostgreSQL is not installed here, or psycopg is not, so the store postgres was not raced for."]
        for server in SERVERS:
            shown = Case("postgres", server, ["--write-wait", WAIT])
            asked = Case(shown.store, server, [*shown.options, "--dsn", new_database()])
            found.append((shown, race(asked, albums)))
    return found, []


def race_in_memory(albums: int, python: str) -> Outcome:
    """Race for the list without a lock, in one process of that Python, without HTTP."""
    command = ["-m", "service.race", "--store", "list", "--albums", str(albums), "--threads", str(CONNECTIONS)]
    return _read(run_python(command, python))


def measure(effort: Effort) -> Findings:
    """Race for each store under each kind of thread."""
    albums = effort.of(ALBUMS)
    cases = [PLAIN, SHORT_TURNS, WAITING, DICT_WAITING, GREEN, GREEN_WAITING, *SAFE]
    outcomes = {id(case): race(case, albums) for case in cases}
    in_postgres, postgres_note = race_in_postgres(albums)
    rows = [[*case.row, *outcomes[id(case)].cells] for case in cases]
    without_gil, note = _without_gil(albums)
    return Findings(
        tables=[Table(f"{albums:,} albums over {CONNECTIONS} connections, each tenth offered twice", HEADINGS,
                      [*rows, *([*case.row, *outcome.cells] for case, outcome in in_postgres), *without_gil])],
        claims=claims_of(albums, outcomes, [outcome for _, outcome in in_postgres]),
        notes=[*postgres_note, note],
    )  # fmt: skip


def claims_of(albums: int, outcomes: dict[int, Outcome], in_postgres: Sequence[Outcome]) -> list[Claim]:
    """Return what came of the claims.  albums: how many there were to accept in each race."""
    plain, short, waiting = outcomes[id(PLAIN)], outcomes[id(SHORT_TURNS)], outcomes[id(WAITING)]
    green, green_waiting = outcomes[id(GREEN)], outcomes[id(GREEN_WAITING)]
    doubled = outcomes[id(DICT_WAITING)]
    safe = [*(outcomes[id(case)] for case in SAFE), *in_postgres]
    harm, missing = sum(each.harm for each in safe), sum(albums - each.accepted for each in safe)

    def claim(text: str, came_true: bool, evidence: str) -> Claim:
        return Claim(text, came_true, evidence, needs_quiet=False)

    return [
        claim("A store with a lock, a copy, an owner or a database loses nothing, whatever waits in it",
              all(each.is_whole(albums) for each in safe),
              f"{harm} albums harmed and {missing} not accepted in {len(safe)} races"),
        claim("A list without a lock loses nothing at Python's own switch interval: an add is shorter than a turn",
              plain.is_whole(albums), f"{plain.lost} lost"),
        claim(f"The race was there all the same: with turns of {OFTEN} albums are lost", short.lost > 0,
              f"{short.lost:,} of {short.accepted:,} lost"),
        claim(f"With {WAIT} of waiting inside the add most are lost", waiting.lost > waiting.accepted / 2,
              f"{waiting.lost:,} of {waiting.accepted:,} lost"),
        claim("A dict without a lock says yes to two offers of one id", doubled.doubled > 0,
              f"{doubled.doubled} ids were accepted twice"),
        claim("Green threads need no lock while nothing waits between the read and its write",
              green.is_whole(albums), f"{green.lost} lost"),
        claim("And lose as OS threads do as soon as something waits there", green_waiting.lost > 0,
              f"{green_waiting.lost:,} of {green_waiting.accepted:,} lost"),
    ]  # fmt: skip


def _without_gil(albums: int) -> tuple[list[list[str]], str]:
    """Return the row of a Python without a GIL where one is installed, and what to say about it."""
    python = next(filter(None, map(shutil.which, FREE_THREADED)), None)
    if python is None:
        return [], (
            f"No Python without a GIL is installed here ({' or '.join(FREE_THREADED)}), so it could not be asked. "
            "There turns do not protect anybody: threads run side by side."
        )
    outcome = race_in_memory(albums, python)
    return [["list", "no GIL", "in one process", *outcome.cells]], f"Without a GIL: {python}, the store without HTTP."


def _read(said: str) -> Outcome:
    plain = json.loads(said.splitlines()[-1])
    return Outcome(plain["offered"], plain["accepted"], plain["lost"], plain["doubled"], plain["corrupt"])


LESSON = Lesson(
    name="race",
    question="what becomes of albums that are added at once, without a lock and with one?",
    code=[Part("service/containers.py", "ListContainer.add"), Part("service/race.py", "judge")],
    measure=measure,
    reading=(
        "An add reads the list, makes a longer one and writes it back, as Go's append does. Whoever is stopped in "
        "between overwrites what others wrote meanwhile. Where nothing was lost without a lock, the scheduler was "
        "kind: Python lets a thread go on for 5 ms, and a request is shorter. The race was always there. `go run "
        "-race` would find it without any loss; from outside one finds it only by making the turns shorter or the "
        "add longer."
    ),
    following="switch",
)
