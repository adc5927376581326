"""Thresholds over real runs: the exit code, what ends a run, and what a warm-up leaves out, wherever the users are."""

import csv
import json
import re
import sqlite3
import time
from contextlib import closing
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import JOB, serve_albums
from tests.system.test_run import STUCK

READER = """
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.01)
    @task
    def get_album(self):
        self.client.get("/albums/1", name="/albums/:id")
    @task
    def get_missing(self):
        self.client.get("/albums/none", name="/albums: none")
"""
PACED = """
from greenload import HttpUser, constant_pacing, task
class Paced(HttpUser):
    wait_time = constant_pacing(0.02)
    @task
    def get_album(self):
        self.client.get("/albums/1")
"""
# One of them waits for ever; the others are answered.
WAITER = """
from greenload import HttpUser, constant, task
class Waiter(HttpUser):
    host = "{silent}"
    fixed_count = 3
    @task
    def wait_for_ever(self):
        self.client.get("/never")
class Reader(HttpUser):
    host = "{slow}"
    wait_time = constant(0.01)
    @task
    def get_slow(self):
        self.client.get("/slow")
"""
BREAKING = f"""
from greenload.part import Part
def broken(part):
    raise KeyError("report")
Part.report = broken
{JOB}"""
SLEEPER = f"""{JOB}
import time
class Sleeper(User):
    @task
    def sleep(self):
        with self.measure("JOB", "sleep"):
            time.sleep(4.5)
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def slowly(connection):
    time.sleep(0.05)
    connection.sendall(OK)


def by_text(document):
    return {each["text"]: each for each in document["thresholds"]}


def assert_all_is_accounted_for(sums, requests):
    """What was cut off may not have come to the server, or may have."""
    assert sums["sent"] - sums["unfinished"] <= requests <= sums["sent"]
    assert sums["sent"] == sums["succeeded"] + sums["failed"] + sums["unfinished"]
    assert sums["merged_by_master"] == sums["counted_by_workers"] == sums["succeeded"] + sums["failed"]
    assert sums["missing"] == []


# Exit codes


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["--fail-if", "mean > 1s"], 0, ""),
        (["--fail-if", "mean > 1us"], 1, "did not pass 1 threshold(s): mean > 1us (failed)"),
        (["--fail-if", "p99.99 > 9s"], 1, "p99.99 > 9s (not judged)"),
        (["--fail-if", "mean > 1s", "--fail-if", "JOB none: mean > 1s"], 1, "JOB none: mean > 1s (not judged)"),
        (["--fail-if", "p99 > 300"], 2, "did you mean 300ms?"),
        (["--warmup", "500ms"], 2, "it takes 1 s (whole seconds), and the run 1 s"),
        (["--junit", "nowhere/junit.xml"], 2, "cannot write nowhere/junit.xml"),
    ],
)
def test_the_exit_code_says_how_a_run_came_through_its_thresholds(greenload, asked, code, said):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "-t", "1s", "--quiet", *asked)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "code"),
    [([], 0), (["--strict"], 4), (["--strict", "--fail-if", "requests < 1"], 1), (["--fail-if", "requests > 1"], 0)],
)
def test_a_suspect_verdict_is_an_error_when_strict_and_a_threshold_goes_before_it(
    greenload, silent_server, asked, code
):
    greenload.write("stuck.py", STUCK)

    done = greenload.run(
        "run", "stuck.py", "-H", silent_server.url, "-t", "1s", "--stop-timeout", "0s", "--junit", "junit.xml", *asked
    )

    assert done.returncode == code, done.stderr
    assert "SUSPECT" in done.stdout
    *_, verdict = ET.parse(greenload.folder / "junit.xml").getroot()[0]
    assert verdict[0].tag == ("failure" if "--strict" in asked else "skipped")


def test_a_valid_run_passes_strictly(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "-t", "1s", "--strict", "--fail-if", "failures > 0%")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "VALID"


def test_a_run_that_broke_is_no_run_that_failed_a_threshold_and_is_no_passed_test(greenload):
    greenload.write("breaking.py", BREAKING)

    done = greenload.run("run", "breaking.py", "-t", "2s", "--fail-if", "requests < 1", "--junit", "junit.xml")

    assert done.returncode == 3, done.stderr
    threshold, verdict = ET.parse(greenload.folder / "junit.xml").getroot()[0]
    assert (threshold[0].tag, verdict[0].tag) == ("failure", "error")
    assert "KeyError" in verdict[0].get("message")


# What is judged


def test_a_threshold_can_be_about_one_name_and_names_may_hold_colons(greenload, album_service):
    greenload.write("reader.py", READER)

    done = greenload.run(
        "run", "reader.py", "-H", album_service.url, "-u", 5, "-r", 100, "-t", "2s", "--json", "out.json",
        "--fail-if", "GET /albums/:id: failures > 1%",
        "--fail-if", "GET /albums: none: failures >= 100%",
        "--fail-if", "failures > 90%",
    )  # fmt: skip

    judged = by_text(greenload.read_json("out.json"))
    by_status = album_service.stats()["by_status"]
    assert done.returncode == 1
    assert judged["GET /albums/:id: failures > 1%"]["status"] == "passed"
    assert judged["GET /albums: none: failures >= 100%"]["status"] == "failed"
    part = 100 * by_status["404"] / (by_status["200"] + by_status["404"])
    assert judged["failures > 90%"]["value"] == pytest.approx(part)
    assert re.search(r"fail if GET /albums: none: failures >= 100% +100 % +failed", done.stdout)


def test_service_and_response_time_of_a_server_that_is_too_slow_for_its_pace_are_two_thresholds(greenload):
    greenload.write("paced.py", PACED)

    with serve_albums("--delay", "100ms") as service:
        done = greenload.run(
            "run", "paced.py", "-H", service.url, "-u", 2, "-r", 100, "-t", "3s", "--json", "out.json",
            "--fail-if", "service median > 500ms", "--fail-if", "median > 500ms",
        )  # fmt: skip

    service_time, response_time = greenload.read_json("out.json")["thresholds"]
    assert done.returncode == 1
    assert (service_time["status"], response_time["status"]) == ("passed", "failed")
    assert service_time["value"] < 300 < 500 < response_time["value"]


def test_thresholds_of_the_scenario_are_judged_beside_those_on_the_command_line(greenload):
    greenload.write("job.py", f'{JOB}thresholds = ["requests < 1", "mean > 1us"]\nabort_if = ["failures > 0"]\n')

    done = greenload.run("run", "job.py", "-t", "1s", "--fail-if", "mean > 1us", "--fail-if", "max > 9s", "--json", "o")

    judged = greenload.read_json("o")["thresholds"]
    assert done.returncode == 1
    assert [(each["action"], each["text"], each["status"]) for each in judged] == [
        ("fail", "requests < 1", "passed"),
        ("fail", "mean > 1us", "failed"),
        ("fail", "max > 9s", "passed"),
        ("abort", "failures > 0", "passed"),
    ]


def test_in_a_workflow_of_github_there_are_annotations_and_elsewhere_none(greenload):
    greenload.write("job.py", JOB)
    asked = ["run", "job.py", "-t", "1s", "--quiet", "--fail-if", "JOB a,b: failures > 1%"]

    elsewhere = greenload.run(*asked)
    greenload.environment["GITHUB_ACTIONS"] = "true"
    there = greenload.run(*asked)

    assert "::" not in elsewhere.stderr
    assert (
        "::error title=threshold not judged%3A JOB a%2Cb%3A failures > 1%25::JOB a,b: failures > 1%25" in there.stderr
    )
    assert "::" not in there.stdout


# What ends a run


@pytest.mark.parametrize("where", [[], ["--processes", 2]])
def test_a_threshold_that_aborts_stops_the_run_at_once_when_its_grace_is_over(greenload, serve, silent_server, where):
    slow = serve(slowly)
    greenload.write("waiter.py", WAITER.format(silent=silent_server.url, slow=slow.url))
    began_s = time.monotonic()

    done = greenload.run(
        "run", "waiter.py", "-u", 6, "-r", 100, "-t", "60s", "--stop-timeout", "60s", "--json", "out.json",
        "--warmup", "1s", "--grace", "2s", "--abort-if", "service mean > 20ms", "--abort-if", "mean > 9s", *where,
    )  # fmt: skip

    document = greenload.read_json("out.json")
    aborted, passed = document["thresholds"]
    sums = document["reconciliation"]
    assert done.returncode == 1, done.stderr
    assert 3.0 <= aborted["aborted_at_s"] <= document["run"]["duration_s"] < 8.0
    assert time.monotonic() - began_s < 20
    assert (aborted["status"], passed["status"], passed["aborted_at_s"]) == ("failed", "passed", None)
    assert 50 <= aborted["value"] < 200
    assert f"failed at {aborted['aborted_at_s']:.1f} s, which stopped the run" in done.stdout
    assert "stopping now, because of --abort-if 'service mean > 20ms'" in done.stderr
    assert sums["unfinished"] >= silent_server.requests == 3
    assert_all_is_accounted_for(sums, slow.requests + silent_server.requests)


def test_what_fails_after_the_end_of_a_run_has_not_aborted_it(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "-t", "2s", "--grace", "2s", "--abort-if", "mean > 1us", "--json", "out.json")

    [failed] = greenload.read_json("out.json")["thresholds"]
    assert done.returncode == 1
    assert (failed["status"], failed["aborted_at_s"]) == ("failed", None)


def test_tasks_that_finish_after_the_end_are_not_cut_off_by_what_fails_meanwhile(greenload):
    greenload.write("sleeper.py", SLEEPER)

    greenload.run("run", "sleeper.py", "-u", 2, "-r", 100, "-t", "1s", "--grace", "2s", "--abort-if", "mean > 1us",
        "--json", "out.json")  # fmt: skip

    document = greenload.read_json("out.json")
    [failed] = document["thresholds"]
    assert document["run"]["duration_s"] > 4.0
    assert (failed["status"], failed["aborted_at_s"]) == ("failed", None)
    assert document["reconciliation"]["unfinished"] == 0


def test_a_threshold_aborts_a_run_of_workers_whose_master_was_killed_before(fleet):
    fleet.master("-u", 4, "-r", 100, "--grace", "3s", "--abort-if", "mean > 1us", "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_reports("one", more=1)

    fleet.kill_master()
    fleet.resume()
    sums = fleet.finish()

    with closing(sqlite3.connect(fleet.greenload.folder / "greenload.db")) as db:
        [(kept,)] = db.execute("SELECT breach FROM run").fetchall()
    [aborted] = fleet.document["thresholds"]
    assert json.loads(kept)[1] == pytest.approx(aborted["aborted_at_s"], abs=0.001)
    assert fleet.master_process.returncode == 1
    assert 3.0 <= aborted["aborted_at_s"] <= fleet.document["run"]["duration_s"] < 20
    assert_all_is_accounted_for(sums, fleet.service.requests())
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


# The warm-up


def test_a_slow_start_is_left_out_by_a_warm_up_and_every_request_is_still_accounted_for(greenload, serve):
    began = []

    def slow_at_first(connection):
        began.append(time.monotonic())
        if time.monotonic() - began[0] < 2.0:
            time.sleep(0.7)
        connection.sendall(OK)

    server = serve(slow_at_first)
    greenload.write("reader.py", READER)

    done = greenload.run(
        "run", "reader.py", "-H", server.url, "-u", 4, "-r", 100, "-t", "6s", "--warmup", "2.5s", "--json", "out.json",
        "--csv", "out", "--fail-if", "mean > 100ms", "--fail-if", "max > 699ms", "--fail-if", "rps < 20",
    )  # fmt: skip

    document = greenload.read_json("out.json")
    sums, total = document["reconciliation"], document["total"]
    assert done.returncode == 0, done.stdout
    assert document["run"]["warmup_s"] == 3
    assert "measured from 3 s on" in done.stdout
    assert sums["sent"] == server.requests == sums["merged_by_master"] == sums["counted_by_workers"]
    assert sums["missing"] == []
    assert 30 < sum(row["requests"] for row in document["names"]) == total["requests"] < sums["succeeded"]
    assert total["rps"] == pytest.approx(total["requests"] / (document["run"]["duration_s"] - 3), rel=0.001)
    assert by_text(document)["rps < 20"]["value"] == pytest.approx(total["rps"], abs=0.001)
    *_, last = csv.DictReader((greenload.folder / "out_stats_history.csv").read_text().splitlines())
    assert int(last["Total Request Count"]) == server.requests
    assert float(last["Total Max Response Time"]) > 699


def test_a_resumed_run_has_the_thresholds_and_the_warm_up_it_began_with(fleet):
    thresholds = ["--fail-if", "max > 9s", "--fail-if", "GET /albums/:id: mean > 1us"]
    fleet.master("-u", 4, "-r", 100, "-t", "6s", "--warmup", "2s", *thresholds, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_reports("one", more=1)

    fleet.kill_master()
    fleet.resume("--junit", "junit.xml", "--strict")
    sums = fleet.finish()

    with closing(sqlite3.connect(fleet.greenload.folder / "greenload.db")) as db:
        [(measured,)] = db.execute("SELECT SUM(requests) FROM tally WHERE second >= 2").fetchall()
    assert [each["status"] for each in fleet.document["thresholds"]] == ["passed", "failed"]
    assert fleet.master_process.returncode == 1
    assert fleet.document["run"]["warmup_s"] == 2
    assert fleet.document["total"]["requests"] == measured < sums["sent"] == fleet.service.requests()
    assert sums["merged_by_master"] == sums["counted_by_workers"] == sums["sent"]
    assert (fleet.greenload.folder / "junit.xml").exists()
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


@pytest.mark.parametrize(
    "option", [["--fail-if", "p99 > 1s"], ["--abort-if", "p99 > 1s"], ["--warmup", "1s"], ["--grace", "1s"]]
)
def test_a_run_is_resumed_with_no_other_thresholds(greenload, option):
    (greenload.folder / "greenload.db").touch()

    done = greenload.run("master", "--resume", "some-run", *option)

    assert done.returncode == 2
    assert "goes on with the run as it was planned" in done.stderr
