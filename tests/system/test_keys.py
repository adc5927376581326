"""A master and its workers with a join key, as processes: who has it takes part, who has not is told why at once."""

import os
import re
import time
from pathlib import Path

import pytest

from greenload.key import JoinKey
from tests.conftest import JOB
from tests.system.conftest import Fleet


@pytest.fixture
def fleet(greenload, album_service):
    fleet = Fleet(greenload, album_service)
    for name in ("right.key", "wrong.key"):
        greenload.write(name, f"{JoinKey.new()}\n").chmod(0o600)
    yield fleet
    fleet.end()


def told(worker):
    """Wait for a worker that is refused; return what it said, after its exit code and its haste have been checked."""
    began_s = time.monotonic()
    _, err = worker.communicate(timeout=30)

    assert worker.returncode == 2
    # Starting Python and reading the scenario included.
    assert time.monotonic() - began_s < 15
    assert "Traceback" not in err
    assert err.count("Error: ") == 1
    return err


def test_a_key_that_is_printed_lets_workers_in_and_their_numbers_add_up(fleet):
    made = fleet.greenload.run("key")
    fleet.greenload.write("made.key", made.stdout).chmod(0o600)
    fleet.master("-u", 10, "-r", 100, "-t", "3s", "--expect-workers", 2, "--key-file", "made.key")
    workers = [fleet.worker(name, "--key-file", "made.key") for name in ("one", "two")]

    sums = fleet.finish()

    assert re.fullmatch(r"gl1-[a-z2-7]{56}\n", made.stdout)
    assert (made.returncode, made.stderr) == (0, "")
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] > 300
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
    assert fleet.master_process.returncode == 0
    assert "warning" not in fleet.err


def test_workers_without_the_right_key_are_told_so_while_the_run_of_the_others_goes_on(fleet):
    fleet.master("-u", 6, "-r", 100, "-t", "6s", "--key-file", "right.key")
    fleet.worker("one", "--key-file", "right.key")
    fleet.wait_for_requests(50)

    # One after the other: of one address the master logs who came first, and no more for a minute.
    assert "wrong join key: the master at tcp://127.0.0.1:" in told(fleet.worker("wrong", "--key-file", "wrong.key"))
    assert "wants a join key; give this worker the master's with --key-file" in told(fleet.worker("none"))
    sums = fleet.finish()
    assert "has another join key and is not let in" in fleet.err
    assert [each["id"] for each in fleet.document["workers"]] == ["one"]
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] > 300
    assert sums["missing"] == []


def test_a_worker_with_a_key_is_told_that_the_master_has_none(fleet):
    fleet.master("-u", 1, "-t", "1s")

    worker = fleet.worker("one", "--key-file", "right.key")

    assert "has no join key, so this worker must not have one" in told(worker)


def test_workers_that_a_master_with_another_key_takes_over_end_at_once(fleet):
    fleet.master("-u", 2, "-r", 100, "--key-file", "right.key")
    worker = fleet.worker("one", "--key-file", "right.key")
    fleet.wait_for_requests(20)
    fleet.master_process.kill()
    fleet.master_process.communicate()

    fleet.master("--bind", f"tcp://{fleet.address}", "--key-file", "wrong.key")

    assert "wrong join key" in told(worker)


def test_the_key_can_come_from_the_environment_and_a_file_goes_before_it(fleet):
    fleet.greenload.environment["GREENLOAD_KEY"] = (fleet.greenload.folder / "right.key").read_text()
    fleet.master("-u", 2, "-r", 100, "-t", "2s", "--expect-workers", 2)
    in_the_environment = fleet.worker("one")
    wrong = fleet.worker("wrong", "--key-file", "wrong.key")
    fleet.greenload.environment["GREENLOAD_KEY"] = (fleet.greenload.folder / "wrong.key").read_text()
    in_a_file = fleet.worker("two", "--key-file", "right.key")

    assert "wrong join key" in told(wrong)
    sums = fleet.finish()
    assert sums["sent"] == fleet.service.requests() > 50
    assert [in_the_environment.wait(timeout=30), in_a_file.wait(timeout=10)] == [0, 0]


@pytest.mark.parametrize(
    "command", [["master", "--headless", "job.py", "-t", "1s"], ["worker", "--master", "[::1]", "-f", "job.py"]]
)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("gl1-abc\n", "bad.key: this join key has a mistake in it; copy it again"),
        ("", "bad.key: this is no join key, which begins with gl1-"),
        ("\0\xff" * 10_000, "bad.key: this is no join key"),
        (None, "bad.key: cannot read this key file: No such file"),
    ],
    ids=["cut short", "empty", "not text", "missing"],
)
def test_a_key_file_that_is_none_is_refused_with_a_sentence(greenload, command, content, sentence):
    greenload.write("job.py", JOB)
    if content is not None:
        (greenload.folder / "bad.key").write_bytes(content.encode("latin-1"))
        (greenload.folder / "bad.key").chmod(0o600)

    done = greenload.run(*command, "--key-file", "bad.key")

    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {sentence}")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["", "secret"])
def test_a_key_in_the_environment_that_is_none_is_refused_also_when_it_is_empty(greenload, text):
    greenload.write("job.py", JOB)
    greenload.environment["GREENLOAD_KEY"] = text

    done = greenload.run("master", "--headless", "job.py", "-t", "1s")

    assert done.returncode == 2
    assert done.stderr.startswith("Error: GREENLOAD_KEY: this is no join key")


def test_a_key_file_that_others_may_read_is_pointed_at(greenload):
    greenload.write("job.py", JOB)
    greenload.write("open.key", f"{JoinKey.new()}\n").chmod(0o644)

    done = greenload.run("master", "--headless", "nowhere.py", "--key-file", "open.key")

    assert "warning: others may read the key in open.key; say: chmod 600 open.key" in done.stderr


def test_a_key_file_that_is_somebody_elses_is_taken_as_it_is(greenload):
    """A Secret of Kubernetes is root's file and read by a group; who runs greenload there cannot say chmod."""
    foreign = greenload.write("open.key", f"{JoinKey.new()}\n")
    foreign.chmod(0o644)
    if os.getuid() == 0:
        os.chown(foreign, 1, 1)
    else:
        foreign = Path("/etc/passwd")  # root's, readable by all, and no key; but that is said after the warning

    done = greenload.run("master", "--headless", "nowhere.py", "--key-file", foreign)

    assert "warning" not in done.stderr


def test_a_master_that_others_can_reach_needs_a_key(greenload):
    greenload.write("job.py", JOB)
    greenload.write("right.key", f"{JoinKey.new()}\n").chmod(0o600)

    refused = greenload.run("master", "--headless", "job.py", "-t", "1s", "--bind", "tcp://0.0.0.0:0")

    assert refused.returncode == 2
    assert "can be reached from other machines" in " ".join(refused.stderr.split())
    assert "--key-file" in refused.stderr
    # Bound to nowhere: an address that is no address of this machine, so that the test opens no port to the network.
    allowed = greenload.run(
        "master", "--headless", "job.py", "-t", "1s", "--bind", "tcp://192.0.2.1:5557", "--key-file", "right.key"
    )
    assert "cannot listen on tcp://192.0.2.1:5557" in allowed.stderr
