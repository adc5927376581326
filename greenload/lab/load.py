"""One run of greenload as a process of its own, as a person would start it: what its summary says, and its seconds."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenload.lab.lesson import CHECKOUT
from greenload.lab.probe import run_python
from greenload.store import Store

ALBUMS = CHECKOUT / "examples" / "albums.py"


@dataclass(frozen=True)
class Times:
    """What a run measured of one request name, or of all; milliseconds, None where there were too few requests."""

    requests: int
    failures: int
    per_s: float
    service_ms: dict[str, float | None]
    response_ms: dict[str, float | None]


@dataclass(frozen=True)
class Second:
    """What happened to all requests of one second of a run.  median_ms: response time; None where none ended."""

    number: int
    requests: int
    median_ms: float | None


@dataclass(frozen=True)
class Ran:
    """A run that is over.

    by_name: as in "GET /albums".  sums: planned, sent, succeeded, failed, dropped, ...  seconds: the whole ones.
    """

    by_name: dict[str, Times]
    total: Times
    sums: dict[str, Any]
    verdict: str
    reasons: Sequence[str]
    workers: Sequence[dict[str, Any]]
    seconds: Sequence[Second] = ()

    @property
    def cores(self) -> float:
        """How many processors the workers needed, on average."""
        return float(sum(each["cpu_percent"]["mean"] or 0.0 for each in self.workers)) / 100


def load(url: str, *options: str, scenario: Path = ALBUMS) -> Ran:
    """Run greenload with these options.  Raises LabError when the run breaks."""
    with tempfile.TemporaryDirectory(prefix="greenload-lab-") as folder:
        summary, database = Path(folder) / "summary.json", Path(folder) / "run.db"
        written = ["--json", str(summary), "--db", str(database), "--quiet"]
        run_python(["-m", "greenload", "run", str(scenario), "-H", url, *options, *written])
        document = json.loads(summary.read_text())
        seconds = list(whole_seconds(database, document["run"]))
    return Ran(
        by_name={f"{each['method']} {each['name']}": _times(each) for each in document["names"]},
        total=_times(document["total"]),
        sums=document["reconciliation"],
        verdict=document["verdict"]["status"].upper(),
        reasons=document["verdict"]["reasons"],
        workers=document["workers"],
        seconds=seconds,
    )


def whole_seconds(database: Path, run: dict[str, Any]) -> Iterator[Second]:
    """Yield the seconds of a kept run, but not what is left of one at its end, which would look like less load."""
    with closing(Store.found(database)) as store:
        for slot in store.slots(run["id"]):
            if slot.first_s < math.floor(run["duration_s"]):
                total = slot.stats.total()
                response = total.ended().response
                yield Second(slot.first_s, total.requests, response.percentile(50) / 1000 if response.count else None)


def ms(value: float | None) -> str:
    """Return milliseconds for a table; a dash where there were too few requests for this percentile."""
    return "–" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def rate(ran: Ran) -> float | None:
    """Return the requests/s of all names; None where not one request was answered."""
    return ran.total.per_s if ran.total.requests else None


def per_s(rate: float | None) -> str:
    """Return requests/s for a sentence or a table."""
    return "–" if rate is None else f"{rate:.1f}" if rate < 100 else f"{rate:,.0f}"


def times(most: float | None, least: float | None) -> str:
    """Return how many times as much the one is as the other; a dash where that cannot be said."""
    return "–" if most is None or not least else f"{most / least:.1f}"


def _times(plain: dict[str, Any]) -> Times:
    return Times(plain["requests"], plain["failures"], plain["rps"], plain["service_ms"], plain["response_ms"])
