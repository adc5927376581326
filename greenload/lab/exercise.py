"""The exercise's users on the album service: what the experiments and the answers have in common.

Full, the users wait as they do in examples/albums.py. Quick, they wait a tenth of that, so that seconds bring as many
requests as a minute would; each lesson that does so says it.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from greenload.lab.album_service import album_service
from greenload.lab.findings import Chart, Claim, Table
from greenload.lab.lesson import FULL, Effort
from greenload.lab.load import ALBUMS, Ran, load, ms

HURRY = 10
HURRIED = (
    f"The users wait a {HURRY}th of what they wait in examples/albums.py, so that few seconds bring enough requests."
)


@dataclass(frozen=True)
class Load:
    """So many users of one class of examples/albums.py, from so many worker processes."""

    users: int
    spawn_rate: float
    workers: int = 1
    user_class: str = "AlbumUser"

    def options(self, run_s: float) -> list[str]:
        """Return what to type after `greenload run`."""
        users = ["--class", self.user_class, "-u", str(self.users), "-r", f"{self.spawn_rate:g}"]
        return [*users, "-t", f"{run_s:g}s", "--processes", str(self.workers)]


@dataclass(frozen=True)
class Audited:
    """How many albums a service said yes to, how many of them it had lost at the end, and whether it ran until then."""

    ran: Ran
    accepted: int
    lost: int
    has_survived: bool


def play(wanted: Load, effort: Effort, *service_options: str) -> Ran:
    """Load a new album service with real worker processes, and return what was measured."""
    with users_file(effort) as scenario, album_service(*service_options) as service:
        return load(service.url, *wanted.options(effort.run_s), scenario=scenario)


def play_audited(wanted: Load, effort: Effort, *service_options: str) -> Audited:
    """The same, and the service keeps a log of what it accepted, which is then held against what it has."""
    with tempfile.TemporaryDirectory() as folder, users_file(effort) as scenario:
        log = Path(folder) / "accepted.ndjson"
        with album_service("--audit", str(log), *service_options) as service:
            ran = load(service.url, *wanted.options(effort.run_s), scenario=scenario)
            has_survived = service.runs()
            # Of one that has ended, nothing is left.
            kept = {album["id"] for album in service.albums()} if has_survived else set()
            accepted = {json.loads(line)["id"] for line in log.read_text().splitlines()}
    return Audited(ran, len(accepted), len(accepted - kept), has_survived)


@contextmanager
def users_file(effort: Effort) -> Iterator[Path]:
    """Yield the file with the users."""
    if effort == FULL:
        yield ALBUMS
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ALBUMS.name
        path.write_text(hurried(ALBUMS.read_text()))
        yield path


def hurried(scenario: str) -> str:
    """Return the scenario with each wait a tenth as long."""

    def shorter(found: re.Match[str]) -> str:
        return f"between({float(found[1]) / HURRY:g}, {float(found[2]) / HURRY:g})"

    return re.sub(r"between\(([\d.]+), ([\d.]+)\)", shorter, scenario)


def times_table(title: str, ran: dict[str, Ran]) -> Table:
    """Return a table with a row for each request name of each run."""
    headings = ["", "request", "requests", "failures", "req/s", "median ms", "p95 ms", "p99 ms", "max ms"]
    rows: list[Sequence[str]] = []
    for label, each in ran.items():
        for name, times in [*each.by_name.items(), ("all", each.total)]:
            quantiles = [ms(times.response_ms[key]) for key in ("p50", "p95", "p99", "max")]
            rows.append([label, name, f"{times.requests:,}", f"{times.failures:,}", f"{times.per_s:.1f}", *quantiles])
    return Table(f"{title}; one run each", headings, rows)


def charts_of(ran: dict[str, Ran]) -> list[Chart]:
    """Return the two charts of a run's page, second by second, with a line for each run."""
    requests = {
        label: [(float(each.number), float(each.requests)) for each in one.seconds] for label, one in ran.items()
    }
    # A second in which nothing ended has no median: 0 ms would be the best of all.
    medians = {
        label: [(float(each.number), each.median_ms) for each in one.seconds if each.median_ms is not None]
        for label, one in ran.items()
    }
    return [
        Chart("requests of each second", "s", "requests/s", requests),
        Chart("median response time of each second", "s", "ms", medians),
    ]


def no_failures(ran: dict[str, Ran]) -> Claim:
    """Return the claim that every experiment makes."""
    failures = sum(each.total.failures for each in ran.values())
    requests = sum(each.total.requests for each in ran.values())
    evidence = f"{failures} of {requests:,} failed"
    return Claim("Failures should be 0", failures == 0 if requests else None, evidence, needs_quiet=False)


def median(ran: Ran, name: str) -> float | None:
    """Return the median response time of a request name in ms; None where there were too few of them."""
    times = ran.by_name.get(name)
    return None if times is None else times.response_ms["p50"]


def beside(rows: Sequence[tuple[str, str, str]]) -> Table:
    """Return the table that each experiment ends in."""
    return Table("what the exercise expects, and what came", ["", "expected there", "measured here"], rows)


def notes_of(effort: Effort) -> list[str]:
    """Return what has to be said about how the users waited."""
    return [] if effort == FULL else [HURRIED]
