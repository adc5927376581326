"""A worker without a scenario runs the master's, from a folder of its own that goes with it."""

import signal

import pytest
import zmq

from tests.conftest import Greenload
from tests.system.conftest import BUSY, LOGGED

# Says in the names of its requests what it found where it was run.
ASKING = """
import stat
from pathlib import Path
from greenload import HttpUser, constant, task
import beside
HERE = Path(__file__).parent
class Reader(HttpUser):
    wait_time = constant(0.02)
    @task
    def get_albums(self):
        mode = stat.S_IMODE(HERE.stat().st_mode)
        album = (HERE / "data" / "albums" / "ids.txt").read_text()
        self.client.get(f"/albums/{album}", name=f"{HERE.name[:10]} {mode:o} {beside.WORD} {album}")
"""


@pytest.fixture
def elsewhere(fleet, tmp_path_factory):
    """Another machine: workers that are started there have an empty folder to work in, and nothing else."""
    there = Greenload(tmp_path_factory.mktemp("elsewhere"))

    def start(*arguments):
        fleet.processes.append(there.start("worker", *arguments))
        return fleet.processes[-1]

    there.worker = start
    return there


def test_a_worker_without_a_scenario_runs_the_masters_from_a_private_folder_that_goes_with_it(fleet, elsewhere):
    fleet.greenload.write("asking.py", ASKING)
    fleet.greenload.write("beside.py", "WORD = 'beside'\n")
    (fleet.greenload.folder / "data" / "albums").mkdir(parents=True)
    fleet.greenload.write("data/albums/ids.txt", "2")
    fleet.greenload.write("data/big.bin", "x" * 300_000)  # takes several pieces
    fleet.master("-u", 4, "-r", 100, "--include", "beside.py", "--include", "data", scenario="asking.py")

    worker = elsewhere.worker("--master", fleet.address, "--id", "far")
    fleet.wait_for_requests(100)
    [private] = elsewhere.folder.iterdir()
    mode = private.stat().st_mode & 0o777
    sums = fleet.stop()
    worker.communicate(timeout=30)

    assert worker.returncode == 0
    assert mode == 0o700
    assert [each["name"] for each in fleet.document["names"]] == ["greenload- 700 beside 2"]
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert list(elsewhere.folder.iterdir()) == []


def test_a_scenario_that_cannot_be_loaded_where_it_was_sent_leaves_nothing_behind(fleet, elsewhere):
    fleet.greenload.write("asking.py", ASKING)
    fleet.greenload.write("beside.py", "WORD = 'beside'\n")
    fleet.master("-u", 4, scenario="asking.py")

    worker = elsewhere.worker("--master", fleet.address)
    _, err = worker.communicate(timeout=30)

    assert worker.returncode == 2
    assert "No module named 'beside'" in err
    assert list(elsewhere.folder.iterdir()) == []


def test_the_folder_of_a_sent_scenario_goes_when_the_worker_is_stopped_too(fleet, elsewhere):
    fleet.master("-u", 4, "-r", 100)
    worker = elsewhere.worker("--master", fleet.address)
    fleet.wait_for_requests(50)

    worker.send_signal(signal.SIGTERM)
    sums = fleet.finish()
    worker.communicate(timeout=30)

    assert worker.returncode == 0
    assert list(elsewhere.folder.iterdir()) == []
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]


def test_what_does_not_lie_in_the_scenarios_folder_is_not_sent(fleet, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("secret")
    (fleet.greenload.folder / "linked.txt").symlink_to(outside)

    for include in (outside, "linked.txt", ".."):
        refused = fleet.greenload.run("master", "--headless", "busy.py", "-H", fleet.service.url, "--include", include)

        assert refused.returncode == 2, include
        assert f"--include {include}" in refused.stderr
        assert "only what lies in the scenario's folder" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_worker_with_another_scenario_may_take_part_when_the_master_says_so(fleet):
    fleet.greenload.write("other.py", BUSY.replace("/albums/:id", "other"))
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 2, "--any-scenario")
    workers = [fleet.worker("same"), fleet.worker("other", scenario="other.py")]
    fleet.wait_for_requests(200)

    sums = fleet.stop()

    counts = {each["name"]: each["requests"] for each in fleet.document["names"]}
    assert set(counts) == {"/albums/:id", "other"}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"] == sum(counts.values())
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_waits_for_a_scenario_ends_at_once_when_told_to(fleet, elsewhere, ending):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as mute:
        port = mute.bind_to_random_port("tcp://127.0.0.1")
        worker = elsewhere.worker("--master", f"127.0.0.1:{port}")
        assert mute.poll(timeout=10_000)  # it has asked

    worker.send_signal(ending)
    _, err = worker.communicate(timeout=30)

    assert worker.returncode == 0
    assert err == ""
    assert list(elsewhere.folder.iterdir()) == []


def test_a_worker_of_another_version_is_told_so_and_gets_no_scenario(fleet):
    fleet.greenload.write("busy.py", "print('loaded')" + BUSY)
    fleet.master("-u", 2, "-r", 100, *LOGGED)
    old = "from greenload import version; version.VERSION = '0.0.9'; from greenload.__main__ import main; main()"

    for given in ([], ["-f", "busy.py"]):
        refused = fleet.greenload.start_python("-c", old, "worker", "--master", fleet.address, *given)
        fleet.processes.append(refused)
        out, err = refused.communicate(timeout=30)

        assert refused.returncode == 2
        assert out == ("loaded\n" if given else "")
        assert "the worker is 0.0.9; install the same" in err
        assert "Traceback" not in err
    fleet.worker("same")
    fleet.wait_for_requests(20)
    sums = fleet.stop()

    assert list(fleet.of_workers("id")) == ["same"]
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
