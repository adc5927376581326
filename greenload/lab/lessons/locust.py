"""Lesson: the same scenario by greenload and by Locust, where Locust is installed."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from greenload.core.locust_rounding import percentile_ms
from greenload.lab.album_service import album_service
from greenload.lab.findings import Claim, Findings, Table, judged
from greenload.lab.lesson import CHECKOUT, Effort, LabError, Lesson
from greenload.lab.load import load, ms
from greenload.lab.processes import run

USERS = 10
DELAY = "20ms"
MARGIN_S = 60.0
PERCENTS = {"p50": 50.0, "p95": 95.0, "p99": 99.0}

SCENARIO = """
from {library} import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def get_album(self):
        self.client.get("/albums/1", name="/albums/:id")
"""


def program() -> str:
    """Return Locust's program.  Raises LabError where there is none: it is never a part of greenload."""
    beside = [Path(sys.executable).parent / "locust", CHECKOUT / ".venv-bench" / "bin" / "locust"]
    found = next((str(path) for path in beside if path.exists()), shutil.which("locust"))
    if found is None:
        raise LabError("Locust is not installed here; `make bench` installs it beside greenload, in a venv of its own")
    return found


def version() -> str:
    """Return what Locust calls itself, as in "locust 2.45.0", without where it is installed."""
    return " ".join(run([program(), "--version"], MARGIN_S).stdout.split()[:2])


def by_locust(url: str, run_s: float, folder: Path) -> dict[str, Any]:
    """Run Locust; return what its JSON says of the one request name."""
    scenario = folder / "by_locust.py"
    scenario.write_text(SCENARIO.format(library="locust"))
    load_options = ["-u", str(USERS), "-r", "100", "-t", f"{run_s:g}s"]
    command = [program(), "-f", str(scenario), "-H", url, "--headless", "--json", "--only-summary", *load_options]
    ran = run(command, run_s + MARGIN_S, folder)
    if ran.returncode != 0:
        raise LabError(f"Locust ended with exit code {ran.returncode}: {ran.stderr[-300:]}")
    try:
        name: dict[str, Any] = json.loads(ran.stdout)[0]
    except (ValueError, LookupError) as error:
        raise LabError(f"Locust printed no statistics as JSON: {ran.stdout[-200:]!r}") from error
    return name


def measure(effort: Effort) -> Findings:
    """One after the other, each on a service of its own."""
    named = version()
    run_s = max(2.0, effort.run_s)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with album_service("--delay", DELAY) as service:
            theirs = by_locust(service.url, run_s, folder)
            seen = service.requests()
        scenario = folder / "by_greenload.py"
        scenario.write_text(SCENARIO.format(library="greenload"))
        with album_service("--delay", DELAY) as service:
            ours = load(service.url, "-u", str(USERS), "-r", "100", "-t", f"{run_s:g}s", scenario=scenario)
            seen_of_ours = service.requests()
    of_ours, reported = ours.total, int(theirs["num_requests"])
    counts = {int(time_ms): count for time_ms, count in theirs["response_times"].items()}
    locust_ms = {key: percentile_ms(counts, percent) for key, percent in PERCENTS.items()}
    rows = [
        ["requests reported", f"{of_ours.requests:,}", f"{reported:,}"],
        ["requests that the service saw", f"{seen_of_ours:,}", f"{seen:,}"],
        *([f"{key} ms", ms(of_ours.service_ms[key]), f"{locust_ms[key]:g}"] for key in PERCENTS),
        ["says of itself", ours.verdict, "nothing"],
    ]
    middle = of_ours.service_ms["p50"]
    return Findings(
        tables=[Table(f"{USERS} users, {run_s:g} s, a service that takes {DELAY}", ["", "greenload", named], rows)],
        claims=[
            Claim("Both see the same median, within 5 ms",
                  judged(lambda ours, theirs: abs(ours - theirs) <= 5, middle, locust_ms["p50"]),
                  f"{ms(middle)} and {locust_ms['p50']:g} ms"),
            Claim("greenload reports each request that the service saw", ours.sums["sent"] == seen_of_ours,
                  f"{ours.sums['sent']} of {seen_of_ours}", needs_quiet=False),
            Claim("Locust leaves out what is under way at the end", reported < seen,
                  f"{reported} of {seen}", needs_quiet=False,
                  reading="What Locust does not count are requests under way when the run ends: on a server that "
                  "stands still those are the slowest ones."),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="locust",
    question="the same scenario by greenload and by Locust: do they say the same?",
    code=[by_locust],
    measure=measure,
    reading=(
        "Both run a green thread a user, and on a service that takes its time both see the same. Locust rounds to "
        "two digits and a millisecond. The page Coming from Locust has the whole list of differences."
    ),
    following=None,
)
