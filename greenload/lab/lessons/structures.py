"""Lesson: the exercise's table of data structures, measured at the stores themselves, without HTTP."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from greenload.lab.findings import Claim, Findings, Measure, Spread, Table, judged, number, spread_of
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import times
from greenload.lab.postgres import NewDatabase, postgres
from greenload.lab.probe import run_python

ALBUMS = 2_000
MANY = 10  # times as many
# Between as long and ten times as long: who is nearer to which.
MIDDLE = math.sqrt(MANY)
CONSTANT, LINEAR, NOT_SAID = "O(1)", "O(n)", "–"
OPERATIONS = {"all": "GET all", "get": "GET by id", "add": "POST"}

# The exercise's row, and what it says of each operation: * is amortized, ** with an index.
SLICE = {"all": CONSTANT, "get": LINEAR, "add": f"{CONSTANT}*"}
MAP = {"all": LINEAR, "get": CONSTANT, "add": CONSTANT}
DATABASE = {"all": LINEAR, "get": f"{CONSTANT}**", "add": f"{CONSTANT}**"}
NO_ROW = (NOT_SAID, dict.fromkeys(OPERATIONS, NOT_SAID))
EXERCISE = {
    "list": ("Slice", SLICE),
    "list-mutex": ("Slice + Mutex", SLICE),
    "list-rwlock": ("Slice + RWMutex", SLICE),
    "dict": ("Map", MAP),
    "dict-mutex": NO_ROW,
    "dict-rwlock": ("Map + RWMutex", MAP),
    "dict-copied": ("sync.Map", MAP),
    "actor": NO_ROW,
    "sqlite": ("Database", DATABASE),
    "postgres": ("Database", DATABASE),
}
NO_ROWS = (
    "The copied dict stands for Go's sync.Map, which copies less. The exercise has no row for a map with a mutex, and "
    "none for the actor, of which most is the way to its thread and back."
)
SLICES = ("list", "list-mutex", "list-rwlock")
MAPS = ("dict", "dict-mutex", "dict-rwlock", "dict-copied")
DATABASES = ("sqlite", "postgres")


@dataclass(frozen=True)
class Cost:
    """The microseconds of one operation with few albums in the store, and with ten times as many."""

    few: Spread
    many: Spread

    @property
    def growth(self) -> float:
        """How many times as long it takes with many."""
        return self.many.median / self.few.median

    @property
    def order(self) -> str:
        return LINEAR if self.growth > MIDDLE else CONSTANT


Costs = Mapping[tuple[str, str], Cost]  # by store and operation


def measure_store(store: str, albums: int, rounds: int, *options: str) -> dict[str, Spread]:
    """Fill a store in a process of its own and time each operation there; return the microseconds of one."""
    command = ["-m", "service.cost", "--store", store, "--albums", str(albums), "--rounds", str(rounds), *options]
    us = json.loads(run_python(command))["us"]
    return {operation: spread_of(us[operation]) for operation in OPERATIONS}


def measure(effort: Effort) -> Findings:
    """Each store with few albums and with many."""
    albums = effort.of(ALBUMS)
    costs: dict[tuple[str, str], Cost] = {}
    with tempfile.TemporaryDirectory() as folder, postgres() as new_database:
        places: dict[str, NewDatabase] = {"sqlite": lambda: f"{tempfile.mkdtemp(dir=folder)}/albums.db"}
        if new_database is not None:
            places["postgres"] = new_database
        for store in EXERCISE:
            if store in DATABASES and store not in places:
                continue
            few, many = (
                measure_store(store, count, effort.rounds, *(["--dsn", places[store]()] if store in places else []))
                for count in (albums, MANY * albums)
            )
            costs |= {(store, operation): Cost(few[operation], many[operation]) for operation in OPERATIONS}
    return findings_of(albums, costs)


def findings_of(albums: int, costs: Costs) -> Findings:
    """Return what the costs say.  albums: how many few are."""
    without = "PostgreSQL is not installed here, or psycopg is not, so the store postgres was not measured."
    return Findings(
        measures=[
            Measure(f"{store}, {OPERATIONS[operation]}, {MANY * albums:,} albums", "us", cost.many)
            for (store, operation), cost in costs.items()
        ],
        tables=[_table(operation, albums, costs) for operation in OPERATIONS],
        claims=_claims(costs),
        notes=[NO_ROWS, *([] if ("postgres", "all") in costs else [without])],
    )


def _table(operation: str, albums: int, costs: Costs) -> Table:
    rows = [
        [store, EXERCISE[store][0], EXERCISE[store][1][operation], cost.order, number(cost.few.median),
         number(cost.many.median), times(cost.many.median, cost.few.median)]
        for (store, each), cost in costs.items()
        if each == operation
    ]  # fmt: skip
    sizes = [f"us, {count:,} albums" for count in (albums, MANY * albums)]
    headings = ["store", "in the exercise", "expected there", "measured here", *sizes, "times as long"]
    return Table(f"{OPERATIONS[operation]}, without HTTP; medians", headings, rows)


def _claims(costs: Costs) -> list[Claim]:
    added = {store: costs[store, "add"].many.median for store in ("dict", *DATABASES) if (store, "add") in costs}
    return [
        _grows("Finding one by id in a slice takes longer the more there are", costs, SLICES, "get",
               reading="A search in a list reads what stands before."),
        _stays("In a map it does not", costs, MAPS, "get"),
        _stays("Nor does it in a database with an index", costs, DATABASES, "get"),
        _stays("GET all of a slice takes as long however many there are", costs, SLICES, "all",
               otherwise="GET all of a list is O(n) here, as it hands out a copy that is the caller's own. Go's O(1) "
               "hands out the slice itself; and whoever writes the answer goes through all of them anyway."),
        _grows("GET all of a map takes longer the more there are", costs, MAPS, "all"),
        _stays("Adding to a slice takes as long however many there are", costs, SLICES, "add",
               otherwise="An add to a list is O(n) here: it looks first whether the id is free, which the exercise's "
               "append does not, and it writes back a copy, so that the race can be seen."),
        _stays("Adding to a map that is copied does, too", costs, ["dict-copied"], "add",
               otherwise="A dict that is copied for each add makes writers pay for readers that need no lock."),
        Claim("Adding to a database costs what adding to a map costs, as both are O(1)",
              judged(lambda in_map, dearest: dearest < MIDDLE * in_map, added["dict"],
                     max((us for store, us in added.items() if store != "dict"), default=None)),
              ", ".join(f"{store} {number(us)} us" for store, us in added.items()),
              otherwise="O(1) says how a cost grows, not how large it is: a database keeps what it was given, and "
              "that is what one pays for."),
    ]  # fmt: skip


def _grows(text: str, costs: Costs, stores: Iterable[str], operation: str, reading: str = "") -> Claim:
    growths = _growths(costs, stores, operation)
    return Claim(text, all(each > MIDDLE for each in growths.values()), _evidence(growths), reading=reading)


def _stays(text: str, costs: Costs, stores: Iterable[str], operation: str, otherwise: str = "") -> Claim:
    growths = _growths(costs, stores, operation)
    return Claim(text, all(each <= MIDDLE for each in growths.values()), _evidence(growths), otherwise=otherwise)


def _growths(costs: Costs, stores: Iterable[str], operation: str) -> dict[str, float]:
    return {store: costs[store, operation].growth for store in stores if (store, operation) in costs}


def _evidence(growths: Mapping[str, float]) -> str:
    said = ", ".join(f"{store} {growth:.1f}" for store, growth in growths.items())
    return f"times as long with {MANY} times the albums: {said}"


LESSON = Lesson(
    name="structures",
    question="slice, map or database: what do GET all, GET by id and POST cost as the albums grow?",
    code=[Part("service/containers.py", "ListContainer"), Part("service/cost.py", "cost_of")],
    measure=measure,
    reading=(
        "Each store is asked in its own process, one call after the other: no HTTP, no JSON, and nobody else, so a "
        "lock costs only its taking. What is O(n) takes about ten times as long with ten times the albums, what is "
        "O(1) as long as before; what was measured has the name of what it is nearer to."
    ),
    following="question 1",
)
