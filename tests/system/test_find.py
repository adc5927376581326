"""`greenload find`: the highest rate that holds, found on a server whose limit is known, and what else may come."""

import signal
import threading
import time

import pytest

from tests.conftest import JOB
from tests.system.conftest import RawServer

GETTER = """
from greenload import HttpUser, task
class Getter(HttpUser):
    @task
    def get(self):
        self.client.get("/")
"""
# It waits for 20 ms, so it can be woken late; and nobody else runs while it computes.
BURNING = """
import time
from greenload import User, task
class Burning(User):
    @task
    def wait_and_burn(self):
        with self.measure("JOB", "wait"):
            time.sleep(0.02)
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            pass
"""
FIXED = JOB + "    fixed_count = 3\n"
GATED = JOB + "thresholds = ['rps > 1']\n"
# The second worker there is breaks.
BREAKING_LATER = f"""
from greenload.part import Part
parts, report = [], Part.report
def broken(part):
    if part not in parts:
        parts.append(part)
    if len(parts) > 1:
        raise KeyError("report")
    return report(part)
Part.report = broken
{JOB}"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWER_S = 0.005
MOST_PER_S = 1 / ANSWER_S


@pytest.fixture
def serial_server():
    """A server that answers one request after the other, 5 ms each: it can do 200 a second and no more.

    It keeps a schedule: when sleeping takes longer, on a busy machine, it can still do as many.
    """
    turn, free_s = threading.Lock(), 0.0

    def answer_in_turn(connection):
        nonlocal free_s
        with turn:
            now_s = time.monotonic()
            free_s = max(free_s, now_s) + ANSWER_S
            wait_s = free_s - now_s
        time.sleep(wait_s)
        connection.sendall(OK)

    server = RawServer(answer_in_turn)
    yield server
    server.close()


def rates_of(document):
    return [step["rate_per_s"] for step in document["steps"]]


def test_the_limit_of_a_server_is_found(greenload, serial_server):
    greenload.write("getter.py", GETTER)

    # No step on the way up is at the limit itself, where a server that was stopped for 50 ms never catches up.
    done = greenload.run(
        "find", "getter.py", "-H", serial_server.url, "--from", "140/s", "--to", "280/s", "--step-time", "3s",
        "--fail-if", "median > 50ms", "--json", "out.json", timeout_s=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    document = greenload.read_json("out.json")
    held, failed = document["held_per_s"], document["failed_per_s"]
    assert document["outcome"] == "found"
    # Above 200/s a queue grows: at 205/s by 50 ms in 2 s. A busy machine is slower.
    assert 0.7 * MOST_PER_S <= held <= 1.03 * MOST_PER_S
    assert held < failed <= 1.05 * held
    assert done.stdout.startswith(
        f"the highest rate that held: {held:g}/s (the next one tried, {failed:g}/s, failed: med"
    )
    [fastest] = [step for step in document["steps"] if step["rate_per_s"] == 280]
    assert [each["status"] for each in fastest["summary"]["thresholds"]] == ["failed"]
    assert done.stderr.count("\nstep ") == len(document["steps"])
    assert {step["summary"]["run"]["warmup_s"] for step in document["steps"]} == {1}


def test_when_even_the_lowest_rate_fails_the_exit_code_is_1(greenload):
    greenload.write("gated.py", GATED)

    done = greenload.run(
        "find", "gated.py", "--from", "20/s", "--to", "90/s", "--step-time", "2s", "--json", "out.json"
    )

    assert done.returncode == 1
    assert done.stdout.startswith("even the lowest rate failed: 20/s (rps was ")
    assert "Error: even the lowest rate failed" in done.stderr
    assert rates_of(greenload.read_json("out.json")) == [20]


@pytest.mark.parametrize(("processes", "workers"), [([], 1), (["--processes", 2], 2)])
def test_when_even_the_highest_rate_holds_that_is_said(greenload, processes, workers):
    greenload.write("job.py", JOB)

    done = greenload.run(
        "find", "job.py", "--from", "50/s", "--to", "60/s", "--step-time", "2s", "--fail-if", "mean > 1s", "--quiet",
        "--json", "out.json", *processes,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("even the highest rate held: 60/s\n")
    document = greenload.read_json("out.json")
    assert (document["outcome"], rates_of(document)) == ("highest held", [50, 60])
    assert [step["summary"]["run"]["workers"] for step in document["steps"]] == [workers] * 2
    assert [step["summary"]["arrivals"]["started"] for step in document["steps"]] == [100, 120]


def test_a_rate_whose_thresholds_cannot_be_judged_does_not_hold(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run(
        "find", "job.py", "--from", "20/s", "--to", "90/s", "--step-time", "2s", "--fail-if", "p99 > 9s", "--quiet"
    )

    assert done.returncode == 1
    assert "p99 needs 100 requests or more, there were 20" in " ".join(done.stdout.split())


def test_a_generator_that_is_late_ends_the_search_and_is_named(greenload):
    greenload.write("burning.py", BURNING)

    done = greenload.run(
        "find", "burning.py", "--from", "20/s", "--to", "5000/s", "--step-time", "7s", "--fail-if", "mean > 9s",
        "--json", "out.json",
    )  # fmt: skip

    assert done.returncode == 4, done.stderr
    document = greenload.read_json("out.json")
    assert document["outcome"] == "generator"
    assert document["held_per_s"] is document["failed_per_s"] is None
    [step] = document["steps"]
    assert step["result"] == "generator"
    assert "the generator itself was late" in step["why"][0]
    assert (
        "at 20/s the limit was the generator's, not the server's: the generator itself was late" in document["sentence"]
    )
    assert "Error: the search ended at 20/s because of the generator" in done.stderr


def test_ctrl_c_ends_the_search_and_what_is_known_is_printed(greenload):
    greenload.write("job.py", JOB)
    process = greenload.start(
        "find", "job.py", "--from", "20/s", "--to", "5000/s", "--step-time", "3s", "--fail-if", "mean > 1s",
        "--json", "out.json",
    )  # fmt: skip
    while not process.stderr.readline().startswith("step 1"):
        assert process.poll() is None
    time.sleep(2)  # the next one is under way

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert out.startswith("the search was not finished; the highest rate that held: 20/s\n")
    document = greenload.read_json("out.json")
    assert document["outcome"] == "interrupted"
    assert [(step["rate_per_s"], step["result"]) for step in document["steps"]] == [(20, "holds"), (40, "stopped")]


def test_a_step_that_breaks_ends_the_search_and_those_before_it_are_printed(greenload):
    greenload.write("breaking.py", BREAKING_LATER)

    done = greenload.run(
        "find", "breaking.py", "--from", "20/s", "--to", "90/s", "--step-time", "2s", "--fail-if", "mean > 1s",
        "--json", "out.json",
    )  # fmt: skip

    assert done.returncode == 3
    assert "the run broke: " in done.stderr
    assert done.stdout.startswith("the search was not finished; the highest rate that held: 20/s\n")
    document = greenload.read_json("out.json")
    assert (document["outcome"], rates_of(document)) == ("broke", [20])


RATES = ("--from", "20/s", "--to", "90/s")
CONDITION = ("--fail-if", "mean > 1s")


@pytest.mark.parametrize(
    ("scenario", "asked", "said"),
    [
        (JOB, [*RATES], "say --fail-if, such as 'p99 > 300ms'"),
        (JOB, [*CONDITION, "--from", "20/s"], "Missing option '--to'"),
        (JOB, [*CONDITION, "--from", "90/s", "--to", "20/s"], "must be above 0/s and below the highest one to try"),
        (JOB, [*CONDITION, "--from", "0/s", "--to", "20/s"], "must be above 0/s"),
        (JOB, [*CONDITION, "--from", "20", "--to", "90/s"], "'20' is not a rate"),
        (JOB, [*CONDITION, "--from", "1/s", "--to", "2000000/s"], "0 to 1000000"),
        (JOB, [*CONDITION, *RATES, "--step-time", "1s"], "nothing would be measured: a step takes 1 s (--step-time)"),
        (JOB, [*CONDITION, *RATES, "--warmup", "20s"], "nothing would be measured"),
        (JOB, [*CONDITION, *RATES, "--json", "nowhere/out.json"], "cannot write nowhere/out.json"),
        (FIXED, [*CONDITION, *RATES], "Job has a fixed_count"),
        (GETTER, [*CONDITION, *RATES], "Getter has no host"),
    ],
)
def test_wrong_usage_is_answered_before_there_is_any_load(greenload, scenario, asked, said):
    greenload.write("scenario.py", scenario)

    done = greenload.run("find", "scenario.py", *asked)

    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
