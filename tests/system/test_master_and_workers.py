"""Master and workers as processes: whatever happens to them, the numbers are the server's, or say what is missing."""

import signal
import time

from tests.system.conftest import BUSY, LOGGED

# The second worker computes for 8 s at a stretch, once.
COMPUTING = (
    BUSY
    + """
        global has_computed
        if self.environment.worker_index == 1 and not has_computed:
            has_computed = True
            end_s = time.perf_counter() + 8
            while time.perf_counter() < end_s:
                pass
import time
has_computed = False
"""
)


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
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
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


def test_a_worker_that_comes_in_the_middle_of_a_ramp_gets_its_part_of_it(fleet):
    fleet.master("-u", 16, "-r", 5, "-t", "5s")
    fleet.worker("one")
    fleet.wait_for_requests(30)

    fleet.worker("late")
    sums = fleet.finish()

    assert fleet.of_workers("users")["late"] == 8
    assert fleet.of_workers("index") == {"one": 0, "late": 1}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []


def test_a_worker_that_was_there_at_the_beginning_and_never_reported_is_in_the_summary(fleet):
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 2, *LOGGED)
    mute = fleet.worker("mute")
    fleet.wait_for_log("worker mute is ready")
    mute.kill()

    fleet.worker("two")
    fleet.wait_for_log("worker mute is lost")
    fleet.wait_for_requests(300)
    sums = fleet.stop()

    assert fleet.document["run"]["workers"] == 2
    first, second = fleet.document["workers"]
    assert first.items() >= {"id": "mute", "index": 0, "state": "lost", "users": 0, "requests": 0}.items()
    assert (first["cpu_percent"], first["lag_p99_ms"]) == ({"mean": 0.0, "max": 0.0}, None)
    assert second.items() >= {"id": "two", "index": 1, "state": "done", "users": 4, "requests": sums["sent"]}.items()
    [gap] = sums["missing"]
    assert (gap["worker"], gap["requests"], gap["from_s"]) == ("mute", 0, 0.0)
    assert fleet.document["verdict"]["status"] == "suspect"
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]


def test_a_master_gives_up_when_too_few_workers_come_and_sends_those_home_who_did(fleet):
    fleet.master("-u", 4, "--expect-workers", 2, "--expect-timeout", "3s")
    early = fleet.worker("early")

    fleet.finish()
    _, err = early.communicate(timeout=30)

    assert fleet.master_process.returncode == 3
    assert "only 1 of 2 workers came within 3 s" in fleet.err
    assert "Traceback" not in fleet.err
    assert early.returncode == 2
    assert "only 1 of 2 workers came within 3 s" in err
    assert fleet.service.requests() == 0


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
    assert other.wait(timeout=30) == 0


def test_a_worker_that_stands_still_for_long_is_lost_and_welcomed_back_and_nothing_counts_twice(fleet):
    fleet.master("-u", 8, "-r", 100, "--expect-workers", 2, *LOGGED)
    one, other = fleet.worker("one"), fleet.worker("two")
    fleet.wait_for_requests(200)

    one.send_signal(signal.SIGSTOP)
    time.sleep(20)
    one.send_signal(signal.SIGCONT)
    fleet.wait_for_log("worker one is running", times=2)
    fleet.wait_for_requests(700)
    sums = fleet.stop()

    assert "worker one is lost" in fleet.log
    assert fleet.users_over_time("two") == [4, 8, 4, 0]
    assert fleet.of_workers("state") == {"one": "done", "two": "done"}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] + sums["failed"]
    assert sums["counted_by_workers"] == sums["merged_by_master"]
    assert sums["missing"] == []
    assert [one.wait(timeout=30), other.wait(timeout=10)] == [0, 0]


def test_a_worker_whose_python_is_busy_for_eight_seconds_is_stalled_but_never_lost_and_keeps_its_users(fleet):
    """It still answers ZeroMQ's heartbeats: only its load is late, and moving it would be load twice."""
    fleet.greenload.write("busy.py", COMPUTING)
    fleet.master("-u", 8, "-r", 100, "--expect-workers", 2, *LOGGED)
    workers = [fleet.worker("one"), fleet.worker("two")]

    fleet.wait_for_log("worker two is stalled")
    fleet.wait_for_log("worker two is running", times=2)
    fleet.wait_for_requests(300)
    sums = fleet.stop()

    assert "is lost" not in fleet.log
    assert fleet.of_workers("users") == {"one": 4, "two": 4}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sums["missing"] == []
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_ctrl_c_at_the_master_lets_all_workers_finish_and_counts_all(fleet):
    fleet.master("-u", 10, "-r", 100, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(300)

    fleet.master_process.send_signal(signal.SIGINT)
    sums = fleet.finish(timeout_s=20)

    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_ctrl_c_at_a_worker_hands_its_users_to_the_others(fleet):
    fleet.master("-u", 8, "-r", 100, "-t", "6s", "--expect-workers", 2)
    one, _ = fleet.worker("one"), fleet.worker("two")
    fleet.wait_for_requests(200)

    one.send_signal(signal.SIGINT)
    sums = fleet.finish()

    assert {each["id"]: each["users"] for each in fleet.document["workers"]}["two"] == 8
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert one.wait(timeout=30) == 0


def test_a_worker_with_another_scenario_is_told_so_and_exits_with_2(fleet):
    fleet.greenload.write("other.py", BUSY + "\n# different\n")
    fleet.master("-u", 2, "-t", "2s")

    refused = fleet.worker("one", scenario="other.py")
    _, err = refused.communicate(timeout=30)

    assert refused.returncode == 2
    assert "this worker has another scenario than the master" in err
    assert "Traceback" not in err


def test_two_workers_of_one_name_are_one_too_many(fleet):
    fleet.master("-u", 2, "-r", 100, "-t", "4s")
    fleet.worker("one")
    fleet.wait_for_requests(20)

    second = fleet.worker("one")
    _, err = second.communicate(timeout=30)

    assert second.returncode == 2
    assert "choose another name with --id" in err


def test_a_worker_that_breaks_breaks_the_run_loudly(fleet):
    fleet.greenload.write("busy.py", BUSY + "    def on_start(self):\n        self.environment.recorder.take = None\n")
    fleet.master("-u", 2, "-t", "10s")
    worker = fleet.worker("one")

    fleet.finish(timeout_s=20)

    assert fleet.master_process.returncode == 3
    assert "the run broke: one: TypeError" in fleet.err
    assert worker.wait(timeout=30) == 3


def test_a_port_that_is_taken_is_said_before_anything_else(fleet):
    fleet.master("-t", "1s")

    second = fleet.greenload.run(
        "master", "--headless", "busy.py", "-H", fleet.service.url, "--bind", f"tcp://{fleet.address}"
    )

    assert second.returncode == 2
    assert f"cannot listen on tcp://{fleet.address}" in second.stderr
    assert "Traceback" not in second.stderr
