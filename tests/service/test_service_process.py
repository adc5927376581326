"""The service as a process: how it starts, what it says and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.__main__ import is_green
from service.command import duration_s, main

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10


def run(*options):
    """Run the service with options it should refuse."""
    return subprocess.run(
        [sys.executable, "-m", "service", *options], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )


def children(pid):
    """Return the pids of the process's children."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def has_ended(pid):
    """Wait until no process has this pid, or only one that nobody has collected yet; tell whether it came to that."""
    for _ in range(200):
        found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
        if not found.stdout.strip() or found.stdout.startswith("Z"):
            return True
        time.sleep(0.02)
    return False


def test_it_says_where_it_is_and_which_store_it_has(start_service):
    service = start_service("--store", "dict-rwlock")

    assert re.fullmatch(r"album service: http://127\.0\.0\.1:\d+ \(store dict-rwlock\)\n", service.line)


def test_the_default_store_is_a_dict_behind_a_mutex(service):
    assert service.line.endswith("(store dict-mutex)\n")


SERVERS = pytest.mark.parametrize("server", ["threads", "green"])


@SERVERS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_exit_code_0_and_no_child_left_and_nothing_more_said(start_service, server, number):
    service = start_service("--server", server)
    service.ask("GET", "/albums")  # leaves a kept-alive connection open
    workers = children(service.process.pid)

    service.process.send_signal(number)
    code = service.process.wait(PATIENCE_S)

    assert code == 0
    assert len(workers) == (server == "threads")
    assert all(has_ended(worker) for worker in workers)
    assert service.process.stdout.read() == ""
    assert service.process.stderr.read() == ""


@SERVERS
def test_a_request_that_still_waits_does_not_hold_up_the_end(start_service, server):
    service = start_service("--server", server, "--delay", "60")

    with socket.create_connection(("127.0.0.1", service.port)) as waiting:
        waiting.sendall(b"GET /albums HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while service.stats()["requests"] == 0:
            time.sleep(0.01)
        service.process.terminate()

        assert service.process.wait(PATIENCE_S) == 0
    assert service.process.stderr.read() == ""


@SERVERS
def test_requests_under_way_are_answered_before_the_end(start_service, server):
    service = start_service("--server", server, "--delay", "300ms")
    body = b'{"id": "%d", "title": "Jeru", "artist": "Gerry Mulligan", "price": 1}'

    with ExitStack() as open_ones:
        address = ("127.0.0.1", service.port)
        waiting = [open_ones.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(10)]
        for number, each in enumerate(waiting, 10):
            said = body % number
            each.sendall(b"POST /albums HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        while service.stats()["requests"] < 10:
            time.sleep(0.01)
        service.process.terminate()
        answers = [each.recv(12) for each in waiting]

    assert answers == [b"HTTP/1.1 201"] * 10


@SERVERS
def test_it_ends_when_the_reader_of_its_output_goes_away(start_service, server):
    service = start_service("--server", server)
    workers = children(service.process.pid)

    service.process.stdout.close()

    assert service.process.wait(PATIENCE_S) == 0
    assert all(has_ended(worker) for worker in workers)


def test_a_killed_service_leaves_no_worker_behind(service):
    workers = children(service.process.pid)

    service.process.kill()
    service.process.wait(PATIENCE_S)

    assert len(workers) == 1
    assert has_ended(workers[0])


def test_a_killed_worker_ends_the_service_with_a_sentence(service):
    os.kill(children(service.process.pid)[0], signal.SIGKILL)

    assert service.process.wait(PATIENCE_S) == 1
    assert service.process.stderr.read() == "Error: the server ended by itself; start it again\n"


@SERVERS
@pytest.mark.parametrize("other", ["threads", "green"])
def test_a_port_in_use_by_another_service_is_a_sentence_and_exit_code_1(start_service, server, other):
    """granian shares ports: unless it is kept from it, two services get half of the requests each."""
    service = start_service("--server", server)

    refused = run("--port", str(service.port), "--server", other)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"port {service.port}: Address already in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_by_something_else_is_a_sentence_and_exit_code_1():
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = run("--port", str(other.getsockname()[1]))

    assert refused.returncode == 1
    assert "Address already in use; choose another with --port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_can_be_used_again_at_once(service, start_service):
    service.ask("GET", "/albums")
    service.process.terminate()
    service.process.wait(PATIENCE_S)

    again = start_service("--port", str(service.port))

    assert again.port == service.port


def test_with_one_thread_requests_wait_for_one_another(start_service):
    service = start_service("--delay", "100ms", "--threads", "1")
    began_s = time.monotonic()

    with ExitStack() as open_ones:
        address = ("127.0.0.1", service.port)
        waiting = [open_ones.enter_context(socket.create_connection(address)) for _ in range(3)]
        for each in waiting:
            each.sendall(b"GET /albums/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answers = [each.recv(12) for each in waiting]

    assert answers == [b"HTTP/1.1 200"] * 3
    assert time.monotonic() - began_s >= 0.3


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--store", "tree", "'tree' is not one of"),
        ("--port", "70000", "70000 is not in the range"),
        ("--port", "http", "'http' is not a valid integer"),
        ("--threads", "0", "0 is not in the range"),
        ("--delay", "soon", "'soon' is not a duration; write 10ms, 0.5s or a number of seconds."),
        ("--delay", "-1", "'-1' is not a duration"),
        ("--delay", "nan", "'nan' is not a duration"),
        ("--delay", "inf", "'inf' is not a duration"),
        ("--delay", "ms", "'ms' is not a duration"),
        ("--delay", "1e300s", "'1e300s' is longer than an hour"),
        ("--delay", "POST /album=1ms", "'POST /album' is not a route; the routes are GET /albums,"),
        ("--delay", "POST /albums=", "'' is not a duration"),
        ("--write-wait", "long", "'long' is not a duration"),
        ("--switch-interval", "0", "must be more than 0"),
        ("--dsn", "albums.db", "the store dict-mutex is in memory"),
        ("--server", "fast", "'fast' is not one of"),
    ],
)
def test_a_bad_value_is_a_sentence_and_exit_code_2(option, value, said):
    refused = CliRunner().invoke(main, [option, value])

    assert refused.exit_code == 2
    assert option in refused.output
    assert said in refused.output


def test_a_refused_option_is_said_on_stderr_only():
    refused = run("--delay", "soon")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'soon' is not a duration" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("option", [
        "--store", "--server", "--threads", "--port", "--host", "--delay", "--read-wait", "--write-wait",
        "--switch-interval",
        "--dsn", "--audit",
    ],
)  # fmt: skip
def test_the_help_explains_each_option(option):
    shown = CliRunner().invoke(main, ["--help"])

    assert shown.exit_code == 0
    assert re.search(rf"{option} \S+(?: \S+)* {{2,}}\S|{option} \S+\n +\S", shown.output)


def test_an_address_of_another_machine_is_a_sentence_and_exit_code_1():
    refused = run("--host", "192.0.2.1", "--port", "0")

    assert refused.returncode == 1
    assert "cannot listen on 192.0.2.1" in refused.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("10ms", 0.01), ("10us", 1e-5), ("0.5s", 0.5), ("2", 2.0), ("0", 0.0), (".5", 0.5)]
)
def test_a_duration_is_read_in_milliseconds_or_seconds(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


def test_green_threads_have_no_switch_interval():
    refused = CliRunner().invoke(main, ["--server", "green", "--switch-interval", "1ms"])

    assert refused.exit_code == 2
    assert "green threads change only where they wait" in refused.output


def test_green_threads_in_a_process_that_was_not_patched_are_refused():
    refused = CliRunner().invoke(main, ["--server", "green", "--port", "0"])

    assert refused.exit_code == 1
    assert "start it as python -m service --server green" in refused.output


@pytest.mark.parametrize(
    ("arguments", "green"),
    [
        (["--server", "green"], True),
        (["--port", "1", "--server=green"], True),
        (["--server", "threads"], False),
        (["--server"], False),
        (["green", "--server"], False),
        ([], False),
    ],
)
def test_only_who_asks_for_green_threads_is_patched(arguments, green):
    assert is_green(arguments) == green


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--store", "postgres"], "the store postgres needs --dsn"),
        (["--store", "postgres", "--dsn", "host=/no/such/folder"], "cannot keep albums in PostgreSQL"),
        (
            ["--store", "sqlite", "--dsn", "/no/such/folder/albums.db"],
            "cannot keep albums in /no/such/folder/albums.db",
        ),
        (["--audit", "/no/such/folder/audit"], "cannot write the audit to /no/such/folder/audit"),
    ],
)
@SERVERS
def test_what_cannot_be_opened_is_a_sentence_and_exit_code_1(server, options, said):
    refused = run("--port", "0", "--server", server, *options)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


@SERVERS
def test_a_database_that_nobody_named_goes_with_the_service(start_service, server, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    service = start_service("--store", "sqlite", "--server", server)
    folders = [path.name for path in tmp_path.iterdir() if path.name.startswith("albums-")]
    service.process.terminate()
    service.process.wait(PATIENCE_S)

    assert len(folders) == 1
    assert not (tmp_path / folders[0]).exists()
