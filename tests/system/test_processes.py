"""Several worker processes by one command: the same numbers, one Ctrl-C for all, and nobody left behind."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from tests.conftest import JOB, ROOT, wait_until

# Each worker process holds a lock for as long as it lives, in a file with its pid in it.
WATCHED = """
import fcntl, os, sys
if "worker" in sys.argv:
    name = next((each[5:] for each in sys.argv if each.startswith("--id=")), f"parent-{os.getpid()}")
    watched = open(f"{name}.pid", "w")
    fcntl.flock(watched, fcntl.LOCK_EX)
    print(os.getpid(), file=watched, flush=True)
"""
BUSY = f"""{WATCHED}
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.02)
    @task
    def get_albums(self):
        self.client.get("/albums/1", name="/albums/:id")
"""
TALK = """
    def on_start(self):
        import logging
        print("printed")
        print("complained", file=sys.stderr)
        logging.getLogger("mine").info("logged")
"""
SLOW = f"""{WATCHED}
import time
from greenload import User, constant, task
class Slow(User):
    wait_time = constant(0)
    @task
    def work(self):
        with self.measure("JOB", "work"):
            print("at it", flush=True)
            time.sleep(60)
"""


class Processes:
    """Commands that start worker processes; all are ended with the test."""

    def __init__(self, greenload, service):
        self.greenload = greenload
        self.service = service
        self.started = []
        greenload.write("busy.py", BUSY)

    def start(self, *arguments):
        """Start `greenload ARGUMENTS` as the foreground process group of a terminal, so to say."""
        self.started.append(self.greenload.start(*arguments, start_new_session=True))
        return self.started[-1]

    def run(self, *arguments):
        self.command = self.start("run", "busy.py", "-H", self.service.url, "--json", "out.json", *arguments)
        return self.command

    def master(self, *arguments):
        self.command = self.start(
            "master",
            "--headless",
            "busy.py",
            "-H",
            self.service.url,
            "--bind",
            "tcp://127.0.0.1:0",
            "--json",
            "out.json",
            *arguments,
        )
        self.address = re.search(r"127\.0\.0\.1:\d+", self.command.stderr.readline())[0]

    def workers(self, *arguments):
        return self.start("worker", "--master", self.address, "-f", "busy.py", *arguments)

    def wait_for_requests(self, more):
        goal = self.service.requests() + more
        wait_until(lambda: self.service.requests() >= goal, timeout_s=20)

    def finish(self, timeout_s=30):
        self.out, self.err = self.command.communicate(timeout=timeout_s)
        self.document = self.greenload.read_json("out.json")
        self.names = {each["id"]: each for each in self.document["workers"]}
        return self.document["reconciliation"]

    def pid(self, name):
        path = self.greenload.folder / f"{name}.pid"
        wait_until(lambda: path.exists() and path.read_text())
        return int(path.read_text())

    def alive(self):
        """The names of the worker processes that are alive."""
        return {path.stem for path in self.greenload.folder.glob("*.pid") if is_locked(path)}

    def end(self):
        for process in self.started:
            process.kill()
            process.communicate()
        wait_until(lambda: not self.alive())


def is_locked(path):
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def processes(greenload, album_service):
    processes = Processes(greenload, album_service)
    yield processes
    processes.end()


def test_what_the_worker_processes_of_a_run_sent_is_what_the_server_counted(processes):
    processes.run("-u", 7, "-r", 100, "-t", "3s", "--processes", 2)

    sums = processes.finish()

    assert processes.command.returncode == 0, processes.err
    assert sums["sent"] == processes.service.requests() == sums["succeeded"] > 200
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert processes.names.keys() == {"local-1", "local-2"}
    assert sorted(each["users"] for each in processes.names.values()) == [3, 4]
    assert {each["state"] for each in processes.names.values()} == {"done"}
    assert "ended" not in processes.err
    assert processes.alive() == set()


def test_ctrl_c_lets_all_processes_of_a_run_finish_and_counts_all(processes):
    processes.run("-u", 10, "-r", 100, "--processes", 2)
    processes.wait_for_requests(300)
    workers = [processes.pid("local-1"), processes.pid("local-2")]
    groups = {os.getpgid(worker) for worker in workers}

    os.killpg(processes.command.pid, signal.SIGINT)
    sums = processes.finish(timeout_s=15)

    assert processes.command.pid not in groups
    assert processes.command.returncode == 0
    assert sums["sent"] == processes.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert {each["state"] for each in processes.names.values()} == {"done"}
    assert processes.alive() == set()


def test_a_second_sigterm_cuts_off_the_tasks_of_all_processes(processes):
    processes.greenload.write("busy.py", SLOW)
    processes.run("-u", 4, "-r", 100, "--processes", 2)
    assert [processes.command.stdout.readline() for _ in range(4)] == ["at it\n"] * 4

    processes.command.terminate()
    wait_until(lambda: "stopping: " in processes.command.stderr.readline())
    processes.command.terminate()
    sums = processes.finish(timeout_s=8)

    assert (sums["sent"], sums["unfinished"]) == (4, 4)
    assert processes.alive() == set()


def test_ctrl_c_while_the_workers_are_loading_ends_the_run_and_them(processes):
    processes.greenload.write("busy.py", f"{BUSY}\nimport time\nif 'worker' in sys.argv: time.sleep(60)\n")
    processes.run("--processes", 2)
    processes.pid("local-1"), processes.pid("local-2")

    os.killpg(processes.command.pid, signal.SIGINT)
    sums = processes.finish(timeout_s=8)

    assert sums["sent"] == 0
    assert processes.command.returncode == 0, processes.err
    assert processes.alive() == set()


def test_a_worker_process_that_is_killed_is_named_and_the_run_goes_on(processes):
    processes.run("-u", 6, "-r", 100, "-t", "11s", "--processes", 2)
    processes.wait_for_requests(200)

    os.kill(processes.pid("local-2"), signal.SIGKILL)
    sums = processes.finish()

    assert processes.command.returncode == 0
    assert "worker local-2 ended: killed by SIGKILL" in processes.err
    assert [gap["worker"] for gap in sums["missing"]] == ["local-2"]
    assert (processes.names["local-1"]["users"], processes.names["local-2"]["state"]) == (6, "lost")
    assert processes.document["verdict"]["status"] == "suspect"


def test_a_run_ends_when_all_its_worker_processes_were_killed(processes):
    processes.run("-u", 6, "-r", 100, "--processes", 2)
    processes.wait_for_requests(200)

    for name in ("local-1", "local-2"):
        os.kill(processes.pid(name), signal.SIGKILL)
    sums = processes.finish(timeout_s=15)

    assert {gap["worker"] for gap in sums["missing"]} == {"local-1", "local-2"}
    assert processes.document["verdict"]["status"] == "suspect"


@pytest.mark.parametrize(
    ("end", "exit_code", "said"),
    [
        ("raise RuntimeError('no database')", 2, "busy.py, line {line}: RuntimeError: no database"),
        ("os._exit(0)", 3, "exit code 0"),
        ("os._exit(7)", 3, "exit code 7"),
        ("os.kill(os.getpid(), 9)", 3, "killed by SIGKILL"),
    ],
)
def test_a_worker_process_that_ends_before_the_run_ends_the_run_with_what_it_said(processes, end, exit_code, said):
    text = f"{BUSY}\nif '--id=local-2' in sys.argv: {end}\n"
    processes.greenload.write("busy.py", text)

    command = processes.run("--processes", 3, "--csv", "out")
    out, err = command.communicate(timeout=30)

    assert command.returncode == exit_code
    reason = said.format(line=text.count("\n"))
    assert err.splitlines()[-1] == f"Error: worker local-2 ended before the run began: {reason}"
    assert "Traceback" not in err
    assert "Warning" not in err
    assert out == ""
    assert processes.alive() == set()


def test_what_worker_processes_print_and_log_arrives_with_that_of_the_run(processes):
    processes.greenload.write("busy.py", BUSY + TALK)
    processes.run("-u", 1, "-t", "1s", "--processes", 1, "--log-file", "out.log")

    processes.finish()

    log = (processes.greenload.folder / "out.log").read_text()
    assert re.search(r"^[\d-]+ [\d:,]+ INFO mine: local-1: logged$", log, re.MULTILINE)
    assert "WARNING greenload: local-1: complained" in log
    assert processes.out.count("printed") == 1
    assert re.fullmatch(r"kept as run \S+ in greenload\.db\n", processes.err)


def test_auto_is_one_process_for_each_core_that_may_be_used(processes):
    cores = os.sched_getaffinity(0)
    processes.run("-t", "1s", "--processes", "auto")
    processes.finish()
    assert len(processes.names) == len(cores)

    os.sched_setaffinity(0, [min(cores)])
    try:
        processes.run("-t", "1s", "--processes", "auto")
    finally:
        os.sched_setaffinity(0, cores)
    processes.finish()

    assert len(processes.names) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no -P")
def test_worker_processes_look_for_modules_where_the_console_script_does(greenload):
    greenload.write("loadfile.py", JOB)
    greenload.write("queue.py", "raise SystemExit('this is not the queue you are looking for')")
    (greenload.folder / "bin").mkdir()
    script = greenload.write("bin/greenload", "from greenload.__main__ import main\nmain()\n")

    made = subprocess.run(
        [sys.executable, script, "run", "-t", "1s", "--processes", "1"],
        cwd=greenload.folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip

    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "AUTO"])
@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_number_of_processes_that_is_none_is_refused_in_one_sentence(greenload, command, value):
    greenload.write("loadfile.py", JOB)
    arguments = ["--master", "127.0.0.1:1"] if command == "worker" else []

    made = greenload.run(command, *arguments, f"--processes={value}")

    assert made.returncode == 2
    assert f"Invalid value for '--processes': {value!r} is neither a number above 0 nor auto" in made.stderr


def test_a_parent_that_is_killed_takes_its_worker_processes_with_it(processes):
    processes.run("-u", 6, "-r", 100, "--processes", 2)
    processes.wait_for_requests(200)
    assert processes.alive() == {"local-1", "local-2"}

    processes.command.kill()

    wait_until(lambda: processes.alive() == set(), timeout_s=9)


def test_workers_of_one_command_are_numbered_and_what_they_sent_is_what_the_server_counted(processes):
    processes.master("-u", 8, "-r", 100, "-t", "3s", "--expect-workers", 3)
    named = processes.workers("--id", "crew", "--processes", 2)
    unnamed = processes.workers("--processes", 1)

    sums = processes.finish()

    assert processes.names.keys() == {"crew-1", "crew-2", f"{socket.gethostname()}-{unnamed.pid}-1"}
    assert sums["sent"] == processes.service.requests() == sums["succeeded"]
    assert [named.wait(timeout=30), unnamed.wait(timeout=10)] == [0, 0]
    assert processes.alive() == set()


def test_ctrl_c_at_the_parent_of_workers_hands_all_their_users_over(processes):
    processes.master("-u", 8, "-r", 100, "-t", "7s", "--expect-workers", 3)
    crew, stays = processes.workers("--id", "crew", "--processes", 2), processes.workers("--id=stays")
    processes.wait_for_requests(200)

    os.killpg(crew.pid, signal.SIGINT)
    assert crew.wait(timeout=30) == 0
    assert processes.alive() == {"stays"}, "the others are gone"
    sums = processes.finish()

    assert processes.names["stays"]["users"] == 8
    assert sums["sent"] == processes.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert stays.wait(timeout=30) == 0


def test_when_one_of_several_workers_is_killed_the_others_go_on_and_the_exit_code_is_3(processes):
    processes.master("-u", 8, "-r", 100, "-t", "10s", "--expect-workers", 2)
    crew = processes.workers("--id", "crew", "--processes", 2)
    processes.wait_for_requests(200)

    os.kill(processes.pid("crew-1"), signal.SIGKILL)
    sums = processes.finish()
    _, err = crew.communicate(timeout=30)

    assert crew.returncode == 3
    assert "worker crew-1 ended: killed by SIGKILL" in err
    assert [gap["worker"] for gap in sums["missing"]] == ["crew-1"]
    assert processes.names["crew-2"]["state"] == "done"


def test_workers_that_are_refused_say_why_and_their_parent_exits_with_2(processes):
    processes.master("-t", "1s")
    processes.greenload.write("busy.py", f"{BUSY}# different\n")

    crew = processes.workers("--id", "crew", "--processes", 2)
    _, err = crew.communicate(timeout=30)

    assert crew.returncode == 2
    for name in ("crew-1", "crew-2"):
        assert f"worker {name} ended: this worker has another scenario than the master" in err


def test_a_killed_parent_of_workers_ends_them_and_the_master_has_counted_all(processes):
    processes.master("-u", 8, "-r", 100, "--expect-workers", 2)
    crew = processes.workers("--id", "crew", "--processes", 2)
    processes.wait_for_requests(200)

    crew.kill()
    sums = processes.finish(timeout_s=15)

    assert sums["missing"] == []
    assert sums["sent"] == sums["succeeded"] + sums["unfinished"]
    # One that was cut off may not have got as far as the server.
    assert sums["succeeded"] <= processes.service.requests() <= sums["sent"]
    wait_until(lambda: processes.alive() == set())
