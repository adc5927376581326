"""Master and workers as processes: whatever happens to them, the numbers are the server's, or say what is missing."""

import re
import signal
import socket
import time

import pytest
import zmq

from tests.conftest import wait_until

BUSY = """
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.02)
    @task
    def get_albums(self):
        self.client.get("/albums/1", name="/albums/:id")
"""


class Fleet:
    """A master and its workers, which are ended with the test."""

    def __init__(self, greenload, service):
        self.greenload = greenload
        self.service = service
        self.processes = []
        greenload.write("busy.py", BUSY)

    def master(self, *arguments):
        self.master_process = self._start(
            "master", "busy.py", "-H", self.service.url, "--bind", "tcp://127.0.0.1:0", "--json", "out.json", *arguments
        )
        greeting = self.master_process.stderr.readline()
        found = re.search(r"127\.0\.0\.1:\d+", greeting)
        assert found, greeting
        self.address = found[0]
        return self.master_process

    def worker(self, name, *arguments, scenario="busy.py"):
        return self._start("worker", "--master", self.address, "-f", scenario, "--id", name, *arguments)

    def wait_for_requests(self, more):
        goal = self.service.requests() + more
        wait_until(lambda: self.service.requests() >= goal, timeout_s=20)

    def finish(self, timeout_s=40):
        self.out, self.err = self.master_process.communicate(timeout=timeout_s)
        self.document = self.greenload.read_json("out.json")
        return self.document["reconciliation"]

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def _start(self, *arguments):
        process = self.greenload.start(*arguments)
        self.processes.append(process)
        return process


@pytest.fixture
def fleet(greenload, album_service):
    fleet = Fleet(greenload, album_service)
    yield fleet
    fleet.end()


def test_what_two_workers_sent_is_what_the_server_counted(fleet):
    fleet.master("-u", 10, "-r", 100, "-t", "3s", "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]

    sums = fleet.finish()

    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] > 300
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    sent = f"{sums['sent']:,}".replace(",", " ")
    assert f"reconciled: {sent} of {sent}" in fleet.out
    assert [(each["id"], each["users"], each["state"]) for each in fleet.document["workers"]] in (
        [("one", 5, "done"), ("two", 5, "done")],
        [("two", 5, "done"), ("one", 5, "done")],
    )
    assert [worker.wait(timeout=10) for worker in workers] == [0, 0]
    assert fleet.master_process.returncode == 0


def test_twelve_workers_that_come_at_once_share_the_users_evenly(fleet):
    fleet.master("-u", 30, "-r", 100, "-t", "2s", "--expect-workers", 12)
    for number in range(12):
        fleet.worker(f"w{number}")

    sums = fleet.finish()

    assert sorted(each["users"] for each in fleet.document["workers"]) == [2] * 6 + [3] * 6
    assert sums["sent"] == fleet.service.requests()


def test_a_worker_that_comes_late_gets_its_part(fleet):
    fleet.master("-u", 12, "-r", 100, "-t", "6s")
    fleet.worker("one")
    fleet.wait_for_requests(200)

    fleet.worker("late")
    sums = fleet.finish()

    assert {each["id"]: each["users"] for each in fleet.document["workers"]}["late"] == 6
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]


def test_a_killed_worker_is_named_and_the_others_take_its_users_while_their_load_goes_on(fleet):
    """Locust drops the survivors' load and ramps again from nothing, a minute later (locust.md 4.2, 19)."""
    fleet.master("-u", 12, "-r", 100, "-t", "12s", "--expect-workers", 3, "--csv", "out")
    fleet.worker("one"), fleet.worker("two")
    victim = fleet.worker("victim")
    fleet.wait_for_requests(1_500)

    victim.kill()
    sums = fleet.finish()

    assert {each["id"]: each["state"] for each in fleet.document["workers"]} == {
        "one": "done", "two": "done", "victim": "lost",
    }  # fmt: skip
    assert {each["id"]: each["users"] for each in fleet.document["workers"]}["one"] == 6
    [gap] = sums["missing"]
    assert gap["worker"] == "victim"
    assert 0 < gap["from_s"] < gap["until_s"] < 12
    # What the server saw beyond our count is the victim's unreported tail: at most what it did in that last second.
    assert 0 <= fleet.service.requests() - sums["sent"] < 400
    assert fleet.document["verdict"]["status"] == "suspect"
    assert "worker victim is lost" in fleet.err
    history = (fleet.greenload.folder / "out_stats_history.csv").read_text().splitlines()[1:]
    users = [int(row.split(",")[1]) for row in history]
    assert min(users[2:-2]) >= 8
    assert users[-3] == 12


def test_a_worker_that_stands_still_for_three_seconds_is_stalled_and_nothing_moves(fleet):
    fleet.master("-u", 8, "-r", 100, "-t", "9s", "--expect-workers", 2)
    one, other = fleet.worker("one"), fleet.worker("two")
    fleet.wait_for_requests(200)

    one.send_signal(signal.SIGSTOP)
    time.sleep(3.2)
    one.send_signal(signal.SIGCONT)
    sums = fleet.finish()

    assert "worker one is stalled" in fleet.err
    assert "is lost" not in fleet.err
    assert {each["users"] for each in fleet.document["workers"]} == {4}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert other.wait(timeout=10) == 0


def test_a_worker_that_stands_still_for_long_is_lost_and_welcomed_back_and_nothing_counts_twice(fleet):
    fleet.master("-u", 8, "-r", 100, "-t", "16s", "--expect-workers", 2)
    one, _ = fleet.worker("one"), fleet.worker("two")
    fleet.wait_for_requests(200)

    one.send_signal(signal.SIGSTOP)
    time.sleep(8)
    one.send_signal(signal.SIGCONT)
    sums = fleet.finish()

    assert "worker one is lost" in fleet.err
    assert "worker one is running" in fleet.err or sums["missing"] == []
    assert {each["id"]: each["users"] for each in fleet.document["workers"]}["two"] == 8
    assert {each["state"] for each in fleet.document["workers"]} == {"done"}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] + sums["failed"]
    assert sums["counted_by_workers"] == sums["merged_by_master"]


def test_ctrl_c_at_the_master_lets_all_workers_finish_and_counts_all(fleet):
    fleet.master("-u", 10, "-r", 100, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(300)

    fleet.master_process.send_signal(signal.SIGINT)
    sums = fleet.finish(timeout_s=20)

    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert [worker.wait(timeout=10) for worker in workers] == [0, 0]


def test_ctrl_c_at_a_worker_hands_its_users_to_the_others(fleet):
    fleet.master("-u", 8, "-r", 100, "-t", "6s", "--expect-workers", 2)
    one, _ = fleet.worker("one"), fleet.worker("two")
    fleet.wait_for_requests(200)

    one.send_signal(signal.SIGINT)
    sums = fleet.finish()

    assert {each["id"]: each["users"] for each in fleet.document["workers"]}["two"] == 8
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert one.wait(timeout=5) == 0


def test_frames_from_anybody_are_refused_and_hurt_nobody(fleet):
    """One bad frame replays the last one at Locust's master, an empty one makes it deaf (locust.md 4.2, 22 and 23)."""
    fleet.master("-u", 6, "-r", 100, "-t", "4s", "--expect-workers", 1)
    fleet.worker("one")
    fleet.wait_for_requests(100)

    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 500)
        stranger.connect(f"tcp://{fleet.address}")
        for frame in (b"", b"\xc1", b"garbage", b"\x93\xa6report\x01\x02", b"\x80" * 1_000_000):
            stranger.send(frame)
        stranger.send_multipart([b"one", b"two"])
    with socket.create_connection(tuple(fleet.address.split(":"))) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
    sums = fleet.finish()

    assert fleet.err.count("refused what is no message") == 6
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []


def test_a_worker_with_another_scenario_is_told_so_and_exits_with_2(fleet):
    fleet.greenload.write("other.py", BUSY + "\n# different\n")
    fleet.master("-u", 2, "-t", "2s")

    refused = fleet.worker("one", scenario="other.py")
    _, err = refused.communicate(timeout=10)

    assert refused.returncode == 2
    assert "this worker has another scenario than the master" in err
    assert "Traceback" not in err


def test_two_workers_of_one_name_are_one_too_many(fleet):
    fleet.master("-u", 2, "-r", 100, "-t", "4s")
    fleet.worker("one")
    fleet.wait_for_requests(20)

    second = fleet.worker("one")
    _, err = second.communicate(timeout=10)

    assert second.returncode == 2
    assert "choose another name with --id" in err


def test_a_worker_that_breaks_breaks_the_run_loudly(fleet):
    fleet.greenload.write("busy.py", BUSY + "    def on_start(self):\n        self.environment.recorder.take = None\n")
    fleet.master("-u", 2, "-t", "10s")
    worker = fleet.worker("one")

    fleet.finish(timeout_s=20)

    assert fleet.master_process.returncode == 3
    assert "the run broke: one: TypeError" in fleet.err
    assert worker.wait(timeout=10) == 3


def test_a_port_that_is_taken_is_said_before_anything_else(fleet):
    fleet.master("-t", "1s")

    second = fleet.greenload.run("master", "busy.py", "-H", fleet.service.url, "--bind", f"tcp://{fleet.address}")

    assert second.returncode == 2
    assert f"cannot listen on tcp://{fleet.address}" in second.stderr
    assert "Traceback" not in second.stderr
