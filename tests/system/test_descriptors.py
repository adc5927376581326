"""A process opens as many files as it may, and users that would need more are refused before the run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from greenload import HttpUser, User
from greenload.core.messages import Plan
from greenload.core.placement import Share
from greenload.core.shape import parse_stages
from greenload.descriptors import RESERVE, connections
from tests.conftest import JOB, Greenload
from tests.system.conftest import reader

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
os.execv(sys.executable, [sys.executable, "-W", "error", "-m", "greenload", *sys.argv[3:]])
"""
ALL_AT_ONCE = ("-r", 1000, "-t", "2s", "--json", "out.json")


def limited(greenload: Greenload, soft: int, hard: int) -> Greenload:
    """Return the same greenload in processes that may open just so many files."""
    return dataclasses.replace(greenload, command=(sys.executable, "-c", LIMITED, str(soft), str(hard)))


@pytest.fixture
def idle(greenload: Greenload) -> Path:
    """A scenario whose users make one request each."""
    return greenload.write("idle.py", reader(wait_s=60))


def test_a_process_opens_as_many_files_as_it_may(greenload, album_service, idle):
    done = limited(greenload, soft=100, hard=300).run("run", idle, "-H", album_service.url, "-u", 200, *ALL_AT_ONCE)

    sums = greenload.read_json("out.json")["reconciliation"]
    assert done.returncode == 0, done.stderr
    assert (sums["succeeded"], sums["failed"]) == (200, 0)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (("-u", 200), 200),
        (("--stages", "1@1s,200@1s,1@1s"), 200),
        (("-u", 200, "--processes", 2), 100),
        (("--rate", "1/s", "--max-users", 200), 200),
        (("--rate", "1/s", "--max-users", 200, "--processes", 2), 100),
    ],
    ids=["users", "stages", "processes", "rate", "rate and processes"],
)
def test_more_users_than_it_may_open_connections_are_refused_before_the_run(
    greenload, album_service, idle, arguments, needed
):
    done = limited(greenload, soft=100, hard=120).run("run", idle, "-H", album_service.url, *arguments, "-t", "2s")

    assert done.returncode == 2
    assert f"{needed} users in one process" in done.stderr
    assert "may open 120" in done.stderr
    assert f"ulimit -n {needed + RESERVE}" in done.stderr
    assert album_service.requests() == 0


def test_users_without_connections_may_be_as_many_as_anybody_likes(greenload):
    greenload.write("job.py", JOB)

    done = limited(greenload, soft=100, hard=100).run("run", "job.py", "-u", 200, "-r", 1000, "-t", "1s")

    assert done.returncode == 0, done.stderr


def test_a_worker_whose_part_is_too_large_says_so(fleet, idle):
    fleet.master("-u", 200, *ALL_AT_ONCE, scenario="idle.py")
    fleet.greenload = limited(fleet.greenload, soft=100, hard=120)
    worker = fleet.worker("one", scenario="idle.py")

    fleet.finish()

    _, logged = worker.communicate()
    assert "WARNING greenload: 200 users in one process" in logged


def test_connections_are_counted_of_users_that_speak_http():
    class Reader(HttpUser):
        pass

    class Job(User):
        pass

    shares = (Share("Reader", 1), Share("Job", 3), Share("Admin", 1, fixed_count=2))
    plan = Plan(parse_stages("10@1s,3@1s"), None, shares, None, 10.0, 1)

    assert connections({"Reader": Reader, "Job": Job, "Admin": Reader}, plan) == 2 + 2


HOARDER = """
from greenload import FastHttpUser, HttpUser, constant, task
class Hoarder(BASE):
    wait_time = constant(0.01)
    opened = []
    def on_start(self):
        try:
            while True:
                self.opened.append(open("/dev/null"))
        except OSError:
            for file in self.opened[-3:]:
                file.close()
    @task
    def get_albums(self):
        self.client.get("/albums")
"""


@pytest.mark.parametrize("base", ["HttpUser", "FastHttpUser"])
def test_a_process_that_runs_out_of_files_says_so_and_is_suspect(greenload, album_service, base):
    """A scenario that opens files of its own: nobody could count them before the run."""
    greenload.write("hoarder.py", HOARDER.replace("BASE", base))
    arguments = ("-H", album_service.url, "-u", 10, "-r", 1000, "-t", "2s", "--json", "out.json")

    done = limited(greenload, soft=200, hard=200).run("run", "hoarder.py", *arguments)

    document = greenload.read_json("out.json")
    failed = sum(each["count"] for each in document["failures"] if each["error"] == "too many open files")
    reasons = [each for each in document["verdict"]["reasons"] if "open files" in each]
    assert done.stdout.split()[0] == "SUSPECT", done.stderr
    assert failed > 0
    assert f"ran out of open files: {failed} requests failed" in reasons[0]
    assert "ulimit -n" in reasons[0]
