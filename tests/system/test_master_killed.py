"""A master that is killed, and the one that takes its place: no request is lost or counted twice.

At Locust the graceful tail of a run is lost, and a worker whose master was started anew is never let in again
(locust.md 4.2, 26).
"""

import re
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.system.conftest import LOGGED

SLOW = """
import time
from greenload import User, constant, task
class Slow(User):
    wait_time = constant(0)
    @task
    def sit(self):
        with self.measure("JOB", "sit"):
            time.sleep(8)
"""
# Its reports break in the worker that is called so.
BREAKING = """
import os, sys
from greenload import User, constant, task
from greenload.part import Part
report = Part.report
def break_or_report(part):
    if os.path.exists("break") and "broken" in sys.argv:
        raise KeyError("report")
    return report(part)
Part.report = break_or_report
class Idle(User):
    wait_time = constant(0.05)
    @task
    def sit(self):
        with self.measure("JOB", "sit"):
            pass
"""
AWAY_S = 2.0  # it is about a time without a master, so there is nothing else to wait for


def assert_all_is_counted_once(fleet, sums):
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sums["missing"] == []
    assert not [reason for reason in fleet.document["verdict"]["reasons"] if "missing" in reason or "twice" in reason]
    sent = f"{sums['sent']:,}".replace(",", " ")
    assert f"reconciled: {sent} of {sent}" in fleet.out


def test_a_run_whose_master_was_killed_goes_on_under_another_and_nothing_is_lost_or_doubled(fleet):
    fleet.master("-u", 10, "-r", 100, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(600)

    fleet.kill_master()
    time.sleep(AWAY_S)
    fleet.resume()
    fleet.wait_for_reports("one", more=2)
    sums = fleet.stop()

    assert_all_is_counted_once(fleet, sums)
    assert fleet.document["run"]["id"] == fleet.run_id
    assert fleet.of_workers("users") == {"one": 5, "two": 5}
    assert fleet.of_workers("state") == {"one": "done", "two": "done"}
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
    assert fleet.master_process.returncode == 0


def test_a_ramp_goes_on_while_its_master_is_killed_and_another_takes_its_place(fleet):
    fleet.master("-u", 16, "-r", 5, "-t", "5s", "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(30)

    fleet.kill_master()
    time.sleep(AWAY_S)
    fleet.resume()
    sums = fleet.finish()

    assert_all_is_counted_once(fleet, sums)
    assert fleet.of_workers("users") == {"one": 8, "two": 8}
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_the_arrivals_of_a_rate_go_on_while_their_master_is_killed_and_none_is_missing_or_made_twice(fleet):
    """Each worker knows the plan; so nobody waits for the next master, and it counts what the first one counted."""
    # A quiet second at the end: what comes due in the last milliseconds of a run may find no time to begin.
    fleet.master("--rate-stages", "40/s@0s,40/s@7s,0/s@0s,0/s@1s", "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(80)

    fleet.kill_master()
    fleet.wait_for_requests(60)  # with no master there
    fleet.resume()
    sums = fleet.finish()

    assert_all_is_counted_once(fleet, sums)
    assert sums["sent"] == 280
    arrivals = fleet.document["arrivals"]
    assert {key: arrivals[key] for key in ("planned", "started", "dropped", "missing")} == {
        "planned": 280,
        "started": 280,
        "dropped": 0,
        "missing": 0,
    }
    assert fleet.document["run"]["model"] == "rate"
    assert "offered 35.0/s, delivered 35.0/s, dropped 0" in fleet.out
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_a_run_survives_two_masters(fleet):
    fleet.master("-u", 10, "-r", 100, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]

    fleet.wait_for_requests(300)
    for _ in range(2):
        fleet.kill_master()
        fleet.resume()
        fleet.wait_for_reports("one", more=1)
    sums = fleet.stop()

    assert_all_is_counted_once(fleet, sums)
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_a_worker_that_was_killed_while_the_master_was_away_is_named_as_missing(fleet):
    fleet.master("-u", 10, "-r", 100, "--expect-workers", 2)
    one, victim = fleet.worker("one"), fleet.worker("victim")
    fleet.wait_for_requests(600)

    fleet.kill_master()
    victim.kill()
    fleet.resume(*LOGGED)
    fleet.wait_for_log("worker victim is lost")
    fleet.wait_for_requests(200)
    fleet.kill_master()  # and the third one still knows
    fleet.resume()
    fleet.wait_for_requests(700)
    sums = fleet.stop()

    [gap] = sums["missing"]
    assert gap["worker"] == "victim"
    assert 0 < gap["from_s"] < gap["until_s"]
    assert fleet.of_workers("state") == {"one": "done", "victim": "lost"}
    assert fleet.of_workers("users")["one"] == 10
    assert fleet.document["verdict"]["status"] == "suspect"
    # What the server saw beyond our count is the victim's unreported tail: what five users did in a second or two.
    assert 0 <= fleet.service.requests() - sums["sent"] < 500
    assert sums["counted_by_workers"] == sums["merged_by_master"]
    assert one.wait(timeout=30) == 0


def test_a_master_that_is_killed_before_its_workers_came_still_waits_for_them_when_resumed(fleet):
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 2, *LOGGED)
    early = fleet.worker("early")
    fleet.wait_for_log("worker early is ready")

    fleet.kill_master()
    fleet.resume("--expect-workers", 2)
    late = fleet.worker("late")
    fleet.wait_for_requests(300)
    sums = fleet.stop()

    assert_all_is_counted_once(fleet, sums)
    assert fleet.of_workers("users") == {"early": 2, "late": 2}
    assert [early.wait(timeout=30), late.wait(timeout=10)] == [0, 0]


def test_a_stopped_run_whose_master_was_killed_is_stopped_under_the_next_one_too(fleet):
    """The next one knew nothing of the stop: the run went on for ever, with whoever came."""
    fleet.greenload.write("slow.py", SLOW)
    fleet.master("-u", 2, "-r", 100, "--stop-timeout", "30s", "--expect-workers", 1, scenario="slow.py")
    worker = fleet.worker("one", scenario="slow.py")
    fleet.wait_for_reports("one", more=1)

    fleet.master_process.send_signal(signal.SIGINT)
    fleet.wait_for_stop()
    fleet.kill_master()  # while tasks that began before the stop are still under way
    fleet.resume()
    late = fleet.worker("late", scenario="slow.py")
    refused = late.communicate(timeout=30)[1]
    sums = fleet.finish()

    assert "the run is over" in refused
    assert late.returncode == 2
    assert (sums["sent"], sums["succeeded"], sums["missing"]) == (2, 2, [])
    assert fleet.of_workers("state") == {"one": "done"}
    assert worker.wait(timeout=30) == 0
    assert fleet.master_process.returncode == 0


def test_a_run_that_a_worker_broke_is_broken_under_the_next_master_too_and_then_over(fleet):
    """It was valid, with exit code 0, once it had been resumed."""
    fleet.greenload.write("breaking.py", BREAKING)
    fleet.master("-u", 2, "-r", 100, "--expect-workers", 2, scenario="breaking.py")
    workers = [fleet.worker(name, scenario="breaking.py") for name in ("whole", "broken")]
    fleet.wait_for_reports("broken", more=1)

    fleet.greenload.write("break", "")
    assert workers[1].wait(timeout=30) == 3
    fleet.kill_master()
    fleet.resume()
    fleet.wait_for_reports("whole", more=2)
    fleet.stop()
    again = fleet.greenload.run("master", "--bind", "tcp://127.0.0.1:0", "--resume", fleet.run_id)

    assert fleet.master_process.returncode == 3
    assert "the run broke: broken: KeyError: 'report'" in fleet.err
    assert again.returncode == 2
    assert f"run {fleet.run_id} has ended" in again.stderr


def test_a_run_is_not_given_to_a_second_master_while_the_first_one_lives(fleet):
    """It was, at another address, and both wrote it."""
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 1)
    worker = fleet.worker("one")
    fleet.wait_for_reports("one", more=1)

    refused = fleet.greenload.run("master", "--bind", "tcp://127.0.0.1:0", "--resume", fleet.run_id)
    fleet.kill_master()
    fleet.resume()  # the lock went with its process
    fleet.wait_for_reports("one", more=1)
    sums = fleet.stop()

    assert refused.returncode == 2
    assert f"Error: run {fleet.run_id} is being made by another process" in refused.stderr
    assert_all_is_counted_once(fleet, sums)
    assert worker.wait(timeout=30) == 0
    assert list(fleet.greenload.folder.glob("*.lock")) == []


def test_somebody_else_who_writes_to_the_file_for_a_while_does_not_break_the_run(fleet):
    fleet.master("-u", 10, "-r", 100, "-t", "6s", "--expect-workers", 1, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_reports("one", more=1)

    with closing(sqlite3.connect(fleet.greenload.folder / "greenload.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(8.0)  # until after the end of the run
        connection.execute("ROLLBACK")
    sums = fleet.finish()

    assert_all_is_counted_once(fleet, sums)
    assert "is stalled" not in fleet.log
    assert worker.wait(timeout=30) == 0
    assert fleet.master_process.returncode == 0


@pytest.fixture
def ended_run(fleet):
    """The id of a run that was made to its end."""
    fleet.master("-u", 1, "--expect-workers", 1)
    fleet.worker("one")
    fleet.wait_for_requests(1)
    fleet.stop()
    return fleet.run_id


def test_a_run_that_has_ended_cannot_be_resumed_and_no_other_run_or_plan_put_in_its_place(fleet, ended_run):
    refusals = {
        ("--resume", ended_run): f"run {ended_run} has ended",
        ("--resume", "20200101-000000-0000"): "no run 20200101-000000-0000 in greenload.db; the last ones: "
        + ended_run,
        (
            "--resume",
            ended_run,
            "-u",
            "3",
        ): "--resume goes on with the run as it was planned; --users cannot be changed",
        ("--resume", ended_run, "--phases"): "as it was planned; --phases cannot be changed",
        ("--resume", ended_run, "--db", "other.db"): "there is no file other.db",
        ("--resume", ended_run, "--db", "busy.py"): "busy.py: file is not a database",
    }
    for arguments, refusal in refusals.items():
        refused = fleet.greenload.run("master", "--bind", "tcp://127.0.0.1:0", *arguments)

        assert refused.returncode == 2, arguments
        assert [line for line in refused.stderr.splitlines() if line.startswith("Error: ")], refused.stderr
        assert refusal in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not (fleet.greenload.folder / "other.db").exists()


def test_workers_whose_master_is_gone_for_good_end_and_say_so(fleet):
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 2)
    workers = [fleet.worker(name, "--orphan-timeout", "3s") for name in ("one", "two")]
    fleet.wait_for_requests(100)

    fleet.kill_master()
    said = [worker.communicate(timeout=30)[1] for worker in workers]

    assert [worker.returncode for worker in workers] == [3, 3]
    for err in said:
        assert re.search(r"Error: .*no word from the master for 3 s; some reports were not taken", err), err
        assert "Traceback" not in err
