"""`greenload run` as a process against the album service as a process: what the server counted is what we report."""

import csv
import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time

import pytest

from tests.conftest import JOB, ROOT, wait_until

ALBUMS = ROOT / "examples" / "albums.py"

BUSY = """
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.01)
    @task(3)
    def get_albums(self):
        self.client.get("/albums")
    @task(1)
    def get_missing(self):
        self.client.get("/albums/none", name="/albums/:id")
"""


def test_the_server_counted_exactly_what_was_sent(greenload, album_service):
    done = greenload.run("run", ALBUMS, "-H", album_service.url, "-u", 20, "-r", 20, "-t", "5s", "--json", "out.json")

    document = greenload.read_json("out.json")
    sums = document["reconciliation"]
    assert done.returncode == 0, done.stderr
    assert sums["sent"] == album_service.requests() > 20
    assert (
        sums["planned"] == sums["sent"] == sums["succeeded"] == sums["merged_by_master"] == sums["counted_by_workers"]
    )
    assert sums["failed"] == sums["unfinished"] == sums["dropped"] == 0
    by_route = album_service.stats()["by_route"]
    assert {f"{each['method']} {each['name']}": each["requests"] for each in document["names"]} == by_route


def test_the_counts_by_name_and_the_failures_are_the_servers(greenload, album_service):
    greenload.write("busy.py", BUSY)

    done = greenload.run("run", "busy.py", "-H", album_service.url, "-u", 10, "-r", 100, "-t", "2s", "--json", "o.json")

    document = greenload.read_json("o.json")
    by_status = album_service.stats()["by_status"]
    assert done.returncode == 0, done.stderr
    assert document["reconciliation"]["succeeded"] == by_status["200"] > 100
    assert document["reconciliation"]["failed"] == by_status["404"] > 10
    assert [(each["error"], each["count"]) for each in document["failures"]] == [("HTTP 404", by_status["404"])]
    assert f"HTTP 404  {by_status['404']}" in re.sub(r"  +", "  ", done.stdout)


@pytest.mark.parametrize("sent_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_drains_and_adds_up(greenload, album_service, sent_signal):
    greenload.write("busy.py", BUSY)
    files = ["--json", "out.json", "--csv", "out"]
    process = greenload.start("run", "busy.py", "-H", album_service.url, "-u", 10, "-r", 100, "-t", "1h", *files)
    wait_until(lambda: album_service.requests() > 300)

    process.send_signal(sent_signal)
    out, err = process.communicate(timeout=30)

    sums = greenload.read_json("out.json")["reconciliation"]
    assert process.returncode == 0, err
    assert "tasks under way have 10 s to finish" in err
    assert sums["sent"] == album_service.requests() == sums["succeeded"] + sums["failed"]
    assert sums["unfinished"] == 0
    assert "planned" in out
    rows = list(csv.DictReader((greenload.folder / "out_stats.csv").read_text().splitlines()))
    assert int(rows[-1]["Request Count"]) == sums["sent"]


STUCK = """
from greenload import HttpUser, task
class Waiter(HttpUser):
    @task
    def wait_for_ever(self):
        self.client.get("/never")
"""


def test_a_second_interrupt_stops_now_and_counts_what_was_under_way(greenload, silent_server):
    greenload.write("stuck.py", STUCK)
    process = greenload.start("run", "stuck.py", "-H", silent_server.url, "-u", 5, "-r", 100, "--json", "out.json")
    wait_until(lambda: silent_server.requests == 5)

    process.send_signal(signal.SIGINT)
    assert "once more to stop now" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=8)

    document = greenload.read_json("out.json")
    sums = document["reconciliation"]
    assert process.returncode == 0
    assert (sums["sent"], sums["unfinished"]) == (5, 5)
    assert document["total"]["unfinished_oldest_s"] > 0
    assert "the oldest unfinished request was" in out
    assert document["total"]["response_ms"]["p50"] is None


def test_what_is_under_way_after_the_stop_timeout_is_unfinished(greenload, silent_server):
    greenload.write("stuck.py", STUCK)

    done = greenload.run(
        "run", "stuck.py", "-H", silent_server.url, "-u", 3, "-r", 100, "-t", "0.5s", "--stop-timeout", "0.5s",
        "--json", "out.json",
    )  # fmt: skip

    document = greenload.read_json("out.json")
    assert done.returncode == 0, done.stderr
    assert document["reconciliation"]["unfinished"] == silent_server.requests == 3
    assert document["total"]["unfinished_oldest_s"] == pytest.approx(1.0, abs=0.3)
    assert document["verdict"]["status"] == "suspect"


RAW = """
import json
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0)
    raw_us = []
    @task
    def get_albums(self):
        call_before = self.environment.recorder.now()
        with self.client.get("/albums", catch_response=True) as response:
            self.raw_us.append(round(response.elapsed.total_seconds() * 1e6))
    def on_stop(self):
        with open("raw.json", "w") as file:
            json.dump(self.raw_us, file)
"""


def test_percentiles_are_within_a_thousandth_of_the_sorted_raw_samples(greenload, album_service):
    greenload.write("raw.py", RAW)

    greenload.run("run", "raw.py", "-H", album_service.url, "-u", 8, "-r", 100, "-t", "3s", "--json", "out.json")

    total, raw_us = greenload.read_json("out.json")["total"], sorted(greenload.read_json("raw.json"))
    assert total["requests"] == len(raw_us) > 1_000
    for key, percent in (("p50", 50), ("p75", 75), ("p90", 90), ("p95", 95), ("p99", 99), ("p99.9", 99.9)):
        rank = -(-round(percent * 10) * len(raw_us) // 1000)
        assert raw_us[rank - 1] <= 1000 * total["service_ms"][key] + 1 <= 1.001 * raw_us[rank - 1] + 2, key
    assert total["service_ms"]["max"] == raw_us[-1] / 1000
    assert total["service_ms"]["min"] == raw_us[0] / 1000


def test_the_same_seed_sends_the_same_requests_in_the_same_order(greenload, album_service):
    greenload.write(
        "seeded.py",
        """
from greenload import HttpUser, StopUser, between, task
class Reader(HttpUser):
    wait_time = between(0, 0.01)
    paths = []
    @task(3)
    def albums(self):
        self.paths.append("/albums")
    @task(1)
    def album(self):
        self.paths.append("/albums/1")
        if len(self.paths) > 100:
            raise StopUser
    def on_stop(self):
        self.client.post("/albums", data="-".join(self.paths), name="-".join(self.paths))
""",
    )

    def order(seed):
        greenload.run("run", "seeded.py", "-H", album_service.url, "-t", "2s", "--seed", seed, "--json", "out.json")
        return [each["name"] for each in greenload.read_json("out.json")["names"]]

    assert order(1) == order(1) != order(2)


def test_without_a_terminal_progress_is_a_line_every_few_seconds_on_stderr(greenload, album_service):
    greenload.write("busy.py", BUSY)

    shown = greenload.run("run", "busy.py", "-H", album_service.url, "-t", "8s")
    quiet = greenload.run("run", "busy.py", "-H", album_service.url, "-t", "1s", "--quiet")

    assert re.search(r"^ +[56] s  1 users  \d+ in flight  [\d.]+ requests/s", shown.stderr, re.MULTILINE)
    assert re.fullmatch(r"kept as run \S+ in greenload\.db\n", quiet.stderr)
    assert "planned" in quiet.stdout


def test_an_exception_in_a_task_is_shown_with_its_traceback_and_count(greenload, album_service):
    greenload.write(
        "faulty.py",
        "from greenload import HttpUser, constant, task\n"
        "class Faulty(HttpUser):\n"
        "    wait_time = constant(0.05)\n"
        "    @task\n"
        "    def look(self):\n"
        "        self.client.get('/albums').json()['title']\n",
    )

    done = greenload.run("run", "faulty.py", "-H", album_service.url, "-t", "1s", "--json", "out.json")

    [exception] = greenload.read_json("out.json")["exceptions"]
    assert exception["where"] == "task Faulty.look"
    assert exception["count"] > 5
    assert exception["message"].startswith("TypeError: list indices")
    assert f"Exception in task Faulty.look, {exception['count']} times" in done.stdout
    assert "faulty.py" in exception["traceback"]


def test_a_log_goes_where_it_is_sent(greenload, album_service):
    greenload.write("busy.py", "import logging\nlogging.getLogger('mine').warning('here I am')\n" + BUSY)
    process = greenload.start(
        "run", "busy.py", "-H", album_service.url, "--log-file", "run.log", "--log-level", "warning"
    )
    wait_until(lambda: album_service.requests() > 5)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert "stopping" in (greenload.folder / "run.log").read_text()
    assert "stopping" not in err


def test_the_demo_shows_a_valid_sum_and_what_to_try_next(greenload):
    done = greenload.run("demo")

    sums = re.search(r"planned (\d+)  sent (\d+)  succeeded (\d+)  failed 0  unfinished 0", done.stdout)
    assert done.returncode == 0, done.stderr
    assert sums
    assert sums[1] == sums[2] == sums[3]
    assert "GET /albums/:id" in done.stdout
    assert "greenload run examples/albums.py" in done.stdout


def test_a_reader_that_goes_away_ends_neither_the_run_nor_its_files(greenload, album_service):
    greenload.write("busy.py", BUSY)
    files = ["--json", "out.json", "--csv", "out"]
    process = greenload.start("run", "busy.py", "-H", album_service.url, "-t", "7s", *files)
    process.stdout.close()
    process.stderr.close()

    assert process.wait(timeout=30) == 0

    sums = greenload.read_json("out.json")["reconciliation"]
    assert sums["sent"] == album_service.requests() > 100
    rows = list(csv.DictReader((greenload.folder / "out_stats.csv").read_text().splitlines()))
    assert int(rows[-1]["Request Count"]) == sums["sent"]


def test_a_forgotten_with_counts_when_the_next_request_begins(greenload, album_service):
    greenload.write("forgot.py", BUSY.replace('get("/albums")', 'get("/albums", catch_response=True)'))

    greenload.run("run", "forgot.py", "-H", album_service.url, "-u", 3, "-r", 100, "-t", "1s", "--json", "out.json")

    sums = greenload.read_json("out.json")["reconciliation"]
    assert sums["sent"] == album_service.requests() == sums["succeeded"] + sums["failed"]


@pytest.mark.parametrize("command", ["run", "master"])
def test_on_a_real_terminal_the_run_is_drawn_and_ends_well(greenload, command):
    """A first look before the first report once divided by the nought seconds that had been reported."""
    greenload.write("job.py", JOB)
    master, terminal = pty.openpty()
    arguments = ["job.py", "-u", "2", "-t", "2s"] + (
        ["--headless", "--bind", "tcp://127.0.0.1:0"] if command == "master" else []
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(greenload.folder), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "greenload", command, *arguments],
        cwd=greenload.folder,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    shown, worker = "", None
    while True:
        try:
            shown += os.read(master, 65_536).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        found = re.search(r"tcp://(127\.0\.0\.1:\d+)", shown)
        if found and worker is None:
            worker = greenload.start("worker", "--master", found[1], "-f", "job.py")
    os.close(master)

    assert process.wait(timeout=30) == 0, shown
    assert "of 2 s" in shown
    assert "reconciled" in shown
    if worker is not None:
        worker.communicate(timeout=30)


def test_keys_on_the_terminal_change_the_number_of_users_while_the_run_goes_on(greenload):
    greenload.write("job.py", JOB)
    keyboard, terminal = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-m", "greenload", "run", "job.py", "-u", "2", "-r", "100", "-t", "20s", "--json", "out.json"],
        cwd=greenload.folder, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(greenload.folder)},
        preexec_fn=own_terminal,
    )  # fmt: skip
    before = termios.tcgetattr(terminal)[3]
    wait_until(lambda: not termios.tcgetattr(terminal)[3] & termios.ICANON)
    time.sleep(2)

    for key in (b"W", b"w", b"s", b"s"):
        os.write(keyboard, key)
    time.sleep(2.5)
    os.write(keyboard, b"\x03")  # Ctrl-C
    _, err = process.communicate(timeout=30)

    assert [line.split(": ")[-1] for line in err.splitlines() if "from now on" in line] == [
        f"from now on {users} users" for users in (12, 13, 12, 11)
    ]
    [worker] = greenload.read_json("out.json")["workers"]
    assert worker["users"] in (11, 12, 13)
    assert termios.tcgetattr(terminal)[3] == before
    os.close(keyboard), os.close(terminal)
