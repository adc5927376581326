"""A server that freezes shows in the response time of who has a schedule, in missed slots, and as a stall."""

import re
import socket
import threading
import time

import pytest

from tests.conftest import JOB

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TAKES_S = 0.005
FREEZES_FOR_S = 1.0
FREEZES_AT = 40  # requests
PACE_S = 0.05
FEWEST_MISSED, MOST_MISSED = 17, 30  # of 20 slots in that second; the more, the longer it takes to catch up

PACED = f"""
from greenload import HttpUser, constant, constant_pacing, task
class Paced(HttpUser):
    wait_time = constant_pacing({PACE_S})
    @task
    def get(self):
        self.client.get("/paced")
class Thinking(HttpUser):
    wait_time = constant(0.05)
    @task
    def get(self):
        self.client.get("/thinking")
"""
SET_CLOCK = f"""
import time
real, began_s = time.time, time.perf_counter()
time.time = lambda: real() + (7.5 if time.perf_counter() - began_s > 2 else 0)
{JOB}
"""


class Freezing:
    """Answers in 5 ms, but once for nobody until a second is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._frozen_until_s = 0.0
        self.came_s: dict[socket.socket, list[float]] = {}  # when each request of a connection came

    def __call__(self, connection: socket.socket) -> None:
        self.came_s.setdefault(connection, []).append(time.monotonic())
        with self._lock:
            self._requests += 1
            if self._requests == FREEZES_AT:
                self._frozen_until_s = time.monotonic() + FREEZES_FOR_S
        time.sleep(max(TAKES_S, self._frozen_until_s - time.monotonic()))
        connection.sendall(ANSWER)

    def slots_missed(self) -> int:
        """Return how many requests came so late that the next one was due."""
        return sum(map(_missed, self.came_s.values()))


def _missed(came_s: list[float]) -> int:
    late_s = [each_s - number * PACE_S for number, each_s in enumerate(came_s)]
    # Nobody comes before its slot, and most come just then.
    return sum(each_s - min(late_s) >= PACE_S for each_s in late_s)


@pytest.fixture
def freezing():
    return Freezing()


@pytest.fixture
def run(greenload, serve, freezing):
    """Run both sorts of users, or one of them, on the server that freezes; return the summary and what was printed."""
    server = serve(freezing)
    greenload.write("paced.py", PACED)

    def run(*arguments):
        files = ("--json", "out.json", "--csv", "out")
        done = greenload.run("run", "paced.py", "-H", server.url, "-r", 100, "-t", "7s", *files, *arguments)
        assert done.returncode == 0, done.stderr
        return greenload.read_json("out.json"), done

    return run


def test_a_freeze_is_in_the_response_time_of_a_schedule_in_missed_slots_and_is_a_stall(run):
    document, done = run("-u", 2)

    paced, thinking = sorted(document["names"], key=lambda row: row["name"])
    assert paced["response_ms"]["p99"] == pytest.approx(950, abs=60)
    assert paced["service_ms"]["p99"] < 100
    assert thinking["response_ms"] == thinking["service_ms"]
    assert FEWEST_MISSED <= document["missed_slots"] <= MOST_MISSED
    assert document["longest_stall"]["length_s"] == pytest.approx(FREEZES_FOR_S, abs=0.08)
    assert 0.5 < document["longest_stall"]["from_s"] < 3
    assert document["clocks"]["differ"]
    said = " ".join(done.stdout.split())
    assert document["clocks"]["why"] in said
    assert re.search(r"response p99 \d+ ms is \d+ times service p99 [\d.]+ ms: .* slots were missed", said)
    assert f"missed slots: {document['missed_slots']}" in said
    assert "longest stall: " in said
    assert " missed slots/s" in done.stderr


def test_two_workers_count_the_same_as_one(run, freezing):
    """Each has one user with a schedule, and for each the server froze for as long."""
    document, _ = run("-u", 2, "--class", "Paced", "--processes", 2)

    sums = document["reconciliation"]
    assert document["run"]["workers"] == 2
    assert sums["sent"] == sums["succeeded"] == sums["merged_by_master"]
    assert document["missed_slots"] >= 2 * FEWEST_MISSED
    # How many more depends on how soon both catch up; the server knows.
    assert document["missed_slots"] == pytest.approx(freezing.slots_missed(), abs=4)
    assert document["total"]["response_ms"]["p99"] == pytest.approx(950, abs=60)
    assert document["longest_stall"]["length_s"] == pytest.approx(FREEZES_FOR_S, abs=0.08)


def test_think_time_misses_no_slot_and_its_freeze_is_a_stall(run):
    document, done = run("-u", 1, "--class", "Thinking")

    assert document["missed_slots"] == 0
    assert document["clocks"] == {"differ": False, "why": None}
    assert document["longest_stall"]["length_s"] == pytest.approx(FREEZES_FOR_S, abs=0.08)
    assert "response time = service time, in ms" in done.stdout
    assert "longest stall: " in done.stdout


def test_requests_that_the_end_cut_off_are_a_stall_and_make_the_run_suspect(greenload, silent_server):
    greenload.write("paced.py", PACED)

    arguments = ("-H", silent_server.url, "-u", 2, "-r", 100, "-t", "1500ms", "--stop-timeout", "0s")
    greenload.run("run", "paced.py", *arguments, "--json", "out.json")

    document = greenload.read_json("out.json")
    assert document["reconciliation"]["unfinished"] == 2
    assert document["longest_stall"]["length_s"] == pytest.approx(1.5, abs=0.2)
    assert document["verdict"]["status"] == "suspect"


def test_a_clock_that_is_set_while_a_run_goes_on_makes_it_suspect_and_spoils_no_duration(greenload):
    greenload.write("job.py", SET_CLOCK)

    done = greenload.run("run", "job.py", "-u", 1, "-r", 100, "-t", "3s", "--json", "out.json", "--csv", "out")

    document = greenload.read_json("out.json")
    assert done.stdout.split()[0] == "SUSPECT"
    assert any("the clock of local was set forward by 7.5 s" in each for each in document["verdict"]["reasons"])
    assert document["run"]["duration_s"] == pytest.approx(3, abs=0.5)
    assert document["total"]["response_ms"]["max"] < 1_000
    assert (greenload.folder / "out_verdict.csv").read_bytes().startswith(b"Status,Reason\r\nsuspect,")
