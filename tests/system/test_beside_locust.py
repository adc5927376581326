"""Beside Locust: the same scenario on the same service makes the same numbers, as `greenload compare` sees it.

Locust is no dependency, not of the tests either: gevent and requests of its own choosing would decide what is tested.
It is run as a program from the bench's environment (`make .venv-bench/bin/locust`), or from the path.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Greenload, serve_albums

OWN = ROOT / ".venv-bench" / "bin" / "locust"
LOCUST = str(OWN) if OWN.exists() else shutil.which("locust")
SECONDS, USERS, ATTEMPTS = 7, 36, 3
# Above 100 ms Locust rounds to 10 ms: more than what the two clients themselves take for a request.
DELAY = "116ms"
# Of which the tasks drawn by Locust and those drawn by greenload come in the same proportions, within 0.5 % of the
# requests, after any number of iterations between 300 and 1,100: so how fast a machine is does not change the mix.
SEED = 195

SAME = """
import random
from {library} import FastHttpUser, constant, task
random.seed({seed})  # what Locust draws from; greenload has --seed

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task(4)
    def browse(self):
        self.client.get("/albums")
        self.client.get("/albums/1", name="/albums/:id")
        self.client.get("/albums")

    @task(1)
    def add(self):
        self.client.get("/albums")
        self.client.get("/albums")
        self.client.post("/albums", json={{"id": "1", "title": "Blue Train", "artist": "John Coltrane", "price": 1.5}})
        self.client.get("/albums/1", name="/albums/:id")
"""
LOAD = ("-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s")

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        LOCUST is None and "CI" not in os.environ, reason="needs Locust: make .venv-bench/bin/locust, or on the path"
    ),
]


@pytest.fixture(scope="module")
def greenload(tmp_path_factory: pytest.TempPathFactory) -> Greenload:
    assert LOCUST is not None, "Locust is not here: make .venv-bench/bin/locust"
    folder = Greenload(tmp_path_factory.mktemp("beside"))
    folder.write("same.py", SAME.format(library="greenload", seed=SEED))
    folder.write("same_for_locust.py", SAME.format(library="locust", seed=SEED))
    return folder


def test_locust_and_greenload_agree_about_the_same_scenario(greenload, capsys):
    """Mix within 1 %; median and p95 within Locust's rounding, and what two runs of greenload differ by.

    On a machine that does something else besides, the runs differ by that. It makes them differ, never agree: so if
    they agree once in three times, they agree.
    """
    found = []
    while len(found) < ATTEMPTS and (not found or found[-1]):
        run_all(greenload)
        found.append(disagreements(greenload, "locust_stats.csv"))
        with capsys.disabled():
            sys.stdout.write(f"\nattempt {len(found)} of {ATTEMPTS}: {'; '.join(found[-1]) or 'agree'}\n")

    assert not found[-1], "\n".join(map(str, found))
    assert compared(greenload, "first.json", "locust_stats.csv")[-1]["requests"][0] > 1000


def test_another_mix_would_be_seen(greenload):
    """Of 4 to 1 made 3 to 1: the requests of a fifth of the tasks become those of a quarter."""
    rows = locust_rows(greenload)
    for row in rows:
        if row["Type"] == "POST":
            row["Request Count"] = str(round(int(row["Request Count"]) * 5 / 4))

    write_rows(greenload, "other_mix.csv", rows)

    assert any("POST" in each and "% of the requests" in each for each in disagreements(greenload, "other_mix.csv"))


@pytest.mark.parametrize(("time", "column"), [("median", "Median Response Time"), ("p95", "95%")])
def test_another_percentile_would_be_seen(greenload, time, column):
    rows = locust_rows(greenload)
    for row in rows:
        row[column] = str(int(row[column]) * 2)

    write_rows(greenload, "other_time.csv", rows)

    found = disagreements(greenload, "other_time.csv")
    assert sum(f" {time}: " in each for each in found) == 4


def run_all(greenload: Greenload) -> None:
    """Run greenload, Locust and greenload: Locust between the two, as what the machine does besides changes."""
    with serve_albums("--delay", DELAY, "--threads", str(USERS + 4)) as service:
        run_greenload(greenload, service.url, "first.json")
        run_locust(greenload.folder, service.url)
        run_greenload(greenload, service.url, "second.json")


def run_locust(folder: Path, url: str) -> None:
    command = [LOCUST, "-f", "same_for_locust.py", "--headless", "-H", url, *LOAD, "--csv", "locust", "--only-summary"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    # 1: requests have failed, as adding the same album twice does.
    assert made.returncode in (0, 1), made.stderr


def run_greenload(greenload: Greenload, url: str, summary: str) -> None:
    made = greenload.run("run", "same.py", "-H", url, *LOAD, "--seed", SEED, "--no-db", "--quiet", "--json", summary)
    assert made.returncode == 0, made.stderr


def disagreements(greenload: Greenload, locust: str) -> list[str]:
    """Return in what the file of Locust's differs from greenload's first run by too much."""
    again = compared(greenload, "first.json", "second.json")
    beside = compared(greenload, "first.json", locust)
    assert [(each["method"], each["name"]) for each in beside] == [
        ("GET", "/albums"), ("GET", "/albums/:id"), ("POST", "/albums"), ("", "Total"),
    ]  # fmt: skip
    # The largest of all names: what two runs of one name happen to differ by may be nothing.
    noise_ms = {time: max(abs(each["times"][time]["difference_ms"]) for each in again) for time in ("median", "p95")}
    found = []
    for each in beside:
        name = f"{each['method']} {each['name']}".strip()
        ours, theirs = each["share_percent"]
        if abs(ours - theirs) > 1:
            found.append(f"{name}: {ours} % and {theirs} % of the requests")
        for time, allowed_ms in noise_ms.items():
            row = each["times"][time]
            if abs(row["beyond_rounding_ms"]) > allowed_ms:
                found.append(f"{name} {time}: {row['ms']}, {row['judgement']}, noise {allowed_ms} ms")
    return found


def compared(greenload: Greenload, one: str, other: str) -> list[dict[str, Any]]:
    """Return what `greenload compare` says of each name."""
    made = greenload.run("compare", one, other, "--clock", "service", "--json", "compared.json")
    assert made.returncode == 0, made.stderr
    return greenload.read_json("compared.json")["comparisons"][0]["names"]


def locust_rows(greenload: Greenload) -> list[dict[str, str]]:
    with (greenload.folder / "locust_stats.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(greenload: Greenload, name: str, rows: list[dict[str, str]]) -> None:
    with (greenload.folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
