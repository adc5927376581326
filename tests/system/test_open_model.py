"""The open model as processes: the plan to the last arrival, whoever does it, and a stall that cannot hide."""

import math
import signal
import time

import pytest

from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.shape import parse_rate_stages
from tests.conftest import JOB, serve_albums, wait_until
from tests.system.conftest import LOGGED

LOOK = """
from greenload import FastHttpUser, task
class Reader(FastHttpUser):
    @task
    def look(self):
        self.client.get("/albums/1", name="/albums/:id")
"""
# A quiet second at the end: what comes due in the last milliseconds of a run may find no time to begin.
STEADY = "50/s@0s,50/s@4s,0/s@0s,0/s@1s"
STEADY_COUNT = 200


def arrivals_of(stages, spacing=UNIFORM):
    return Arrivals(parse_rate_stages(stages), spacing, 1_000, 5.0)


@pytest.fixture
def look(greenload):
    greenload.write("look.py", LOOK)
    return greenload


@pytest.fixture
def look_fleet(fleet):
    fleet.greenload.write("look.py", LOOK)
    return fleet


def sums_of(greenload):
    return greenload.read_json("out.json")["reconciliation"]


def run(greenload, service, *arguments):
    done = greenload.run("run", "look.py", "-H", service.url, "--json", "out.json", *arguments)
    assert done.returncode == 0, done.stderr
    return sums_of(greenload)


def test_a_rate_for_a_time_is_so_many_iterations(look, album_service):
    sums = run(look, album_service, "--rate", "50/s", "-t", "4s")

    assert sums["sent"] == album_service.requests() == sums["succeeded"]
    assert sums["sent"] + sums["dropped"] == 200
    assert sums["dropped"] <= 5  # what was due just before the end, on a machine that has other things to do


def test_a_plan_is_delivered_to_the_last_arrival(look, album_service):
    sums = run(look, album_service, "--rate-stages", STEADY)

    assert sums["sent"] == album_service.requests() == sums["succeeded"] == STEADY_COUNT
    assert sums["dropped"] == 0


def test_two_worker_processes_deliver_the_same_plan_between_them_half_each(look, album_service):
    sums = run(look, album_service, "--rate-stages", STEADY, "--processes", 2)

    assert sums["sent"] == album_service.requests() == sums["succeeded"] == STEADY_COUNT
    shares = [each["requests"] for each in look.read_json("out.json")["workers"]]
    assert shares == [pytest.approx(STEADY_COUNT / 2, abs=4)] * 2


def test_a_master_and_two_workers_deliver_the_same_plan_between_them(look_fleet):
    look_fleet.master("--rate-stages", STEADY, "--expect-workers", 2, scenario="look.py")
    workers = [look_fleet.worker(name, scenario="look.py") for name in ("one", "two")]

    sums = look_fleet.finish()

    assert sums["sent"] == look_fleet.service.requests() == sums["counted_by_workers"] == STEADY_COUNT
    assert all(abs(each - STEADY_COUNT / 2) <= 4 for each in look_fleet.of_workers("requests").values())
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


@pytest.mark.parametrize("processes", [[], ["--processes", 2]], ids=["one process", "two workers"])
def test_poisson_arrivals_are_as_many_as_their_seed_says(look, album_service, processes):
    more = ["--arrivals", "poisson", "--seed", 7]

    sums = run(look, album_service, "--rate-stages", STEADY, *more, *processes)

    count = arrivals_of(STEADY, POISSON).count_until(5.0, 7)
    assert sums["sent"] == album_service.requests() == count != STEADY_COUNT


def test_a_ramp_of_the_rate_is_its_area(look, album_service):
    sums = run(look, album_service, "--rate-stages", "100/s@2s,20/s@1s,0/s@1s,0/s@1s")

    assert sums["sent"] == album_service.requests() == 100 + 60 + 10


SHAPED = f"""{LOOK}
from greenload import LoadShape
class Morning(LoadShape):
    rate_stages = "{STEADY}"
    max_users = 20
"""


def test_a_scenario_may_ask_for_its_load_itself(look, album_service):
    look.write("look.py", SHAPED)

    sums = run(look, album_service, "--processes", 2)

    assert sums["sent"] == album_service.requests() == STEADY_COUNT


@pytest.mark.parametrize(
    ("said", "count"),
    [
        (["--rate-stages", "30/s@0s,30/s@1s,0/s@0s,0/s@1s"], 30),
        (["-t", "2s"], 100),
        (["--rate", "20/s", "-t", "2s"], 40),
    ],
)
def test_the_command_line_goes_before_what_a_scenario_asks_for(look, album_service, said, count):
    look.write("look.py", SHAPED)

    sums = run(look, album_service, *said)

    assert sums["sent"] + sums["dropped"] == count
    assert sums["sent"] == album_service.requests()


def test_users_on_the_command_line_go_before_a_rate_in_the_scenario(look, album_service):
    look.write(
        "look.py",
        SHAPED.replace("class Reader(FastHttpUser):", "class Reader(FastHttpUser):\n    wait_time = lambda self: 60"),
    )

    sums = run(look, album_service, "-u", 3, "-r", 100, "-t", "1s")

    assert sums["sent"] == album_service.requests() == 3


DAY = f"{JOB}\nfrom greenload import LoadShape\nclass Day(LoadShape):\n"


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (JOB, ["--rate", "5/s", "-u", "3"], "rate says how often something begins, users how many users there are"),
        (JOB, ["--rate", "5/s", "--stages", "5@5s"], "choose one"),
        (JOB, ["--rate", "5/s", "--rate-stages", "5/s@5s"], "a rate does not go with them"),
        (JOB, ["--max-lag", "5s"], "max-lag goes with a rate, and none was said"),
        (JOB, ["-u", "5", "--arrivals", "poisson"], "arrivals goes with a rate"),
        (JOB, ["--rate", "200"], "'200' is not a rate; write for example 200/s or 12000/m"),
        (JOB, ["--rate", "0/s"], "a rate must be above 0/s"),
        (JOB, ["--rate", "1000001/s"], "a level of 0 to 1000000"),
        (JOB, ["--rate-stages", "5/s"], "'5/s' is not a stage; write RATE@DURATION"),
        (JOB, ["--rate", "5/s", "--max-lag", "0s"], "an arrival may wait for up to 3600 s, not 0 s"),
        (JOB, ["--rate", "5/s", "--max-lag", "2h"], "not 7200 s"),
        (JOB, ["--rate", "5/s", "--max-users", "0"], "0 is not in the range x>=1"),
        (JOB, ["--rate", "5/s", "--max-users", "1000001"], "1 to 1000000 users to take them, not 1000001"),
        (JOB, ["--rate", "5/s", "--arrivals", "even"], "'even' is not one of 'uniform', 'poisson'"),
        (JOB + "    fixed_count = 2\n", ["--rate", "5/s"], "Job has a fixed_count, which says how many users"),
        (DAY + "    rat = '5/s'\n", [], "job.py: Day: a LoadShape has no rat; did you mean rate?"),
        (DAY + "    rate = 200\n", [], "job.py: Day: rate = 200: '200' is not a rate"),
        (DAY + "    rate = '5/s'\n    users = 0\n", [], "users = 0: expected a whole number above 0"),
        (DAY + "    users = 10**400\n", [], "a run needs 1 to 1000000 users, not 1000"),
        (DAY + "    spawn_rate = 10**400\n", [], "int too large to convert to float"),
        (
            DAY + "    rate = '5/s'\nclass Night(LoadShape):\n    users = 1\n",
            [],
            "Day and Night both derive from LoadShape; a run has one load",
        ),
    ],
)  # fmt: skip
def test_a_load_that_cannot_be_meant_is_answered_with_a_sentence(greenload, text, arguments, sentence):
    greenload.write("job.py", text)

    done = greenload.run("run", "job.py", *arguments)

    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_load_shape_under_two_names_is_one(look, album_service):
    look.write("look.py", f"{SHAPED}\nSame = Morning\n")

    assert run(look, album_service)["sent"] == STEADY_COUNT


@pytest.mark.parametrize("processes", [[], ["--processes", 2]], ids=["one process", "two workers"])
def test_ctrl_c_in_the_middle_counts_all_that_was_begun_and_all_that_was_not(look, processes):
    """200/s, of which four users of 50 ms each can do 80."""
    with serve_albums("--delay", "50ms") as service:
        process = look.start(
            "run", "look.py", "-H", service.url, "--rate", "200/s", "--max-users", 4, "--max-lag", "500ms", "-t", "1h",
            "--json", "out.json", *processes,
        )  # fmt: skip
        wait_until(lambda: service.requests() >= 150, timeout_s=20)

        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

        sums = sums_of(look)
        assert process.returncode == 0, err
        assert sums["sent"] == service.requests() == sums["succeeded"] >= 150
    run_s = look.read_json("out.json")["run"]["duration_s"]
    assert sums["dropped"] > 100
    assert sums["sent"] + sums["dropped"] <= 200 * run_s + 1
    assert sums["sent"] + sums["dropped"] >= 200 * (run_s - 1.5)  # ended after the last answer


BREAKING = """
import time
from greenload import User, task
from greenload.part import Part
report, loaded_s = Part.report, time.monotonic()
def break_or_report(part):
    if time.monotonic() - loaded_s > 4:
        raise KeyError("report")
    return report(part)
Part.report = break_or_report
class Idle(User):
    @task
    def sit(self):
        with self.measure("JOB", "sit"):
            pass
"""


def test_a_run_that_broke_misses_no_arrival_of_the_time_after_that(greenload):
    greenload.write("breaking.py", BREAKING)

    done = greenload.run("run", "breaking.py", "--rate", "20/s", "-t", "1h", "--json", "out.json")

    assert done.returncode == 3
    arrivals = greenload.read_json("out.json")["arrivals"]
    assert 20 <= arrivals["planned"] == arrivals["started"] <= 100
    assert arrivals["missing"] == 0
    assert arrivals["offered_per_s"] == pytest.approx(20, rel=0.1)


def test_a_worker_that_joins_late_takes_its_part_of_what_is_still_to_come(look_fleet):
    look_fleet.master("--rate-stages", "50/s@0s,50/s@7s,0/s@0s,0/s@1s", "--expect-workers", 1, scenario="look.py")
    look_fleet.worker("one", scenario="look.py")
    look_fleet.wait_for_requests(50)
    look_fleet.worker("two", scenario="look.py")

    sums = look_fleet.finish()

    assert sums["sent"] == look_fleet.service.requests() == 350
    assert sums["dropped"] == 0
    assert 25 < look_fleet.of_workers("requests")["two"] < 150


def test_the_arrivals_of_a_worker_that_was_killed_go_to_the_others(look_fleet):
    stages = "50/s@0s,50/s@14s,0/s@0s,0/s@1s"
    look_fleet.master("--rate-stages", stages, "--expect-workers", 2, *LOGGED, scenario="look.py")
    workers = [look_fleet.worker(name, scenario="look.py") for name in ("one", "two")]
    look_fleet.wait_for_requests(100)

    workers[1].kill()
    look_fleet.wait_for_log("worker two is lost")
    time.sleep(1.5)
    before, before_s = look_fleet.service.requests(), time.monotonic()
    time.sleep(2)
    per_s = (look_fleet.service.requests() - before) / (time.monotonic() - before_s)
    sums = look_fleet.finish()

    assert per_s == pytest.approx(50, rel=0.15)
    assert [gap["worker"] for gap in sums["missing"]] == ["two"]
    assert look_fleet.of_workers("state") == {"one": "done", "two": "lost"}
    assert sums["sent"] < 700


FROZEN = """
from greenload import FastHttpUser, constant, task
class Asker(FastHttpUser):
    wait_time = constant(0.005)
    @task
    def ask(self):
        self.client.get("/")
"""
PER_S, COUNT, FREEZE_AT_S, FREEZE_S = 100, 1_000, 5.0, 0.5
OPEN = ("--rate-stages", f"{PER_S}/s@0s,{PER_S}/s@10s,0/s@0s,0/s@3s")


def p99_ms(seconds):
    """Return the nearest rank of the 99th percentile, in ms."""
    return 1_000 * sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1]


def waited_s(server):
    """Return by the server's own clock how long who was due waited for an answer: number n was due at n / PER_S."""
    # Nobody comes before it is due, and most come just then.
    began_s = min(came_s - number / PER_S for number, (came_s, _) in enumerate(server.served))
    return [ended_s - began_s - number / PER_S for number, (_, ended_s) in enumerate(server.served)]


def served_s(server):
    return [ended_s - came_s for came_s, ended_s in server.served]


def freeze(greenload, server, *arguments):
    """Return service and response times of a run, in ms."""
    greenload.write("ask.py", FROZEN)
    done = greenload.run("run", "ask.py", "-H", server.url, "--json", "out.json", *arguments)
    assert done.returncode == 0, done.stderr
    total = greenload.read_json("out.json")["total"]
    return total["service_ms"], total["response_ms"]


@pytest.mark.parametrize(
    "workers", [["--max-users", 1], ["--max-users", 2, "--processes", 2]], ids=["one process", "two workers"]
)
def test_a_server_that_freezes_shows_in_the_response_time_and_not_in_the_service_time(
    greenload, serve_one_by_one, workers
):
    """The reason this project exists: docs/explanation/coordinated-omission.md.

    Of 1,000 arrivals 50 come in the freeze, and 50 more before all that have waited are through. So the response time
    that one in a hundred reaches is nearly that of the freeze, about 455 ms; a slow machine makes it longer, which the
    server sees, too.
    """
    server = serve_one_by_one(FREEZE_AT_S, FREEZE_S)

    service_ms, response_ms = freeze(greenload, server, *OPEN, *workers)

    assert len(server.served) == COUNT == sums_of(greenload)["sent"]
    assert response_ms["p99"] > 400
    assert response_ms["p99"] == pytest.approx(p99_ms(waited_s(server)), rel=0.05)
    assert service_ms["p99"] == pytest.approx(p99_ms(served_s(server)), abs=20)
    assert service_ms["p99"] < response_ms["p99"] / 4


SLOW_TO_START = f"""
import time
{JOB}
    def on_start(self):
        time.sleep(60)
"""


def test_what_was_dropped_while_users_started_asks_for_no_more_users(greenload):
    greenload.write("slow.py", SLOW_TO_START)

    done = greenload.run(
        "run", "slow.py", "--rate", "20/s", "-t", "1s", "--max-users", 1_000, "--stop-timeout", "0s",
        "--json", "out.json",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert sums_of(greenload)["dropped"] == 20
    reasons = greenload.read_json("out.json")["verdict"]["reasons"]
    [reason] = [each for each in reasons if "dropped" in each]
    assert reason.startswith("the rate was not reached: 20 of 20 arrivals (100.0%) were dropped, because nobody began")
    assert "not for want of users: the generator was held up, or users take long to start" in reason


def test_the_same_freeze_hides_from_a_closed_loop(greenload, serve_one_by_one):
    server = serve_one_by_one(FREEZE_AT_S, FREEZE_S)

    service_ms, response_ms = freeze(greenload, server, "-u", 1, "-t", "10s")

    assert response_ms["p99"] == service_ms["p99"] < FREEZE_S * 1_000 / 4
    assert response_ms["max"] > FREEZE_S * 1_000 * 0.9
