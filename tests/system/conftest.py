"""A master and its workers as processes, and servers that behave as no server should."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from typing import Any

import pytest

from tests.conftest import AlbumService, Greenload, serve_albums, wait_until

Behaviour = Callable[[socket.socket], None]
Process = subprocess.Popen[str]


def reader(user: str = "HttpUser", wait_s: float = 0.02) -> str:
    """Return a scenario whose users, of the class `user`, get an album, wait, and get it again."""
    return f"""
from greenload import {user}, constant, task
class Reader({user}):
    wait_time = constant({wait_s})
    @task
    def get_albums(self):
        self.client.get("/albums/1", name="/albums/:id")
"""


BUSY = reader()
# A log that a test can read while the master writes it.
LOGGED = ("--log-file", "master.log", "--log-level", "debug")


class Fleet:
    """A master and its workers, which are ended with the test."""

    def __init__(self, greenload: Greenload, service: AlbumService) -> None:
        self.greenload = greenload
        self.service = service
        self.processes: list[Process] = []
        greenload.write("busy.py", BUSY)

    def master(self, *arguments: object, scenario: str = "busy.py") -> Process:
        return self._begin_master(scenario, "-H", self.service.url, "--bind", "tcp://127.0.0.1:0", *arguments)

    def kill_master(self) -> None:
        self.master_process.kill()
        self.master_process.communicate()

    def resume(self, *arguments: object) -> Process:
        """Start another master in the place of the one that was killed."""
        return self._begin_master("--resume", self.run_id, "--bind", f"tcp://{self.address}", *arguments)

    def worker(self, name: str, *arguments: object, scenario: str = "busy.py", at: str | None = None) -> Process:
        """Start a worker; `at` is where it looks for the master, if that is not where it is."""
        return self._start("worker", "--master", at or self.address, "-f", scenario, "--id", name, *arguments)

    def wait_for_requests(self, more: int) -> None:
        goal = self.service.requests() + more
        wait_until(lambda: self.service.requests() >= goal, timeout_s=20)

    def wait_for_reports(self, worker: str, more: int) -> None:
        """Wait until the master has taken so many more of the reports of `worker`."""

        def taken() -> int:
            return int(self._kept("SELECT COUNT(*) FROM report WHERE worker = ?", worker)[0][0])

        goal = taken() + more
        wait_until(lambda: taken() >= goal, timeout_s=20)

    def wait_for_stop(self) -> None:
        """Wait until the master has kept that the run is to be stopped."""
        wait_until(lambda: self._kept("SELECT 1 FROM run WHERE stop IS NOT NULL AND id = ?", self.run_id), timeout_s=20)

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the master has logged `text` so often."""
        wait_until(lambda: self.log.count(text) >= times, timeout_s=30)

    @property
    def log(self) -> str:
        """What the master, started with LOGGED, has said so far."""
        path = self.greenload.folder / "master.log"
        return path.read_text() if path.exists() else ""

    def stop(self, timeout_s: float = 30) -> dict[str, Any]:
        """Ctrl-C at the master, and what came of the run."""
        self.master_process.send_signal(signal.SIGINT)
        return self.finish(timeout_s)

    def finish(self, timeout_s: float = 40) -> dict[str, Any]:
        self.out, self.err = self.master_process.communicate(timeout=timeout_s)
        self.document = self.greenload.read_json("out.json")
        sums: dict[str, Any] = self.document["reconciliation"]
        return sums

    def of_workers(self, key: str) -> dict[str, Any]:
        """Return what the summary says under `key` of each worker."""
        return {each["id"]: each[key] for each in self.document["workers"]}

    def users_over_time(self, worker: str) -> list[int]:
        """Return how many users `worker` reported, one after the other, each number once until it changed."""
        rows = self._kept("SELECT users FROM report WHERE worker = ? ORDER BY seq", worker)
        return [users for (users,), _ in groupby(rows)]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def _kept(self, query: str, value: str) -> list[Any]:
        with closing(sqlite3.connect(self.greenload.folder / "greenload.db")) as db:
            return db.execute(query, (value,)).fetchall()

    def _begin_master(self, *arguments: object) -> Process:
        self.master_process = self._start("master", "--headless", *arguments, "--json", "out.json")
        assert self.master_process.stderr is not None
        greeting = self.master_process.stderr.readline()
        found = re.search(r"(127\.0\.0\.1:\d+), run (\S+),", greeting)
        assert found, greeting
        self.address, self.run_id = found.groups()
        return self.master_process

    def _start(self, *arguments: object) -> Process:
        process = self.greenload.start(*arguments)
        self.processes.append(process)
        return process


@pytest.fixture
def fleet(greenload: Greenload, album_service: AlbumService) -> Iterator[Fleet]:
    fleet = Fleet(greenload, album_service)
    yield fleet
    fleet.end()


@pytest.fixture
def slow_fleet(greenload: Greenload) -> Iterator[Fleet]:
    """A fleet whose service takes 1.5 s for each request."""
    with serve_albums("--delay", "1500ms") as service:
        fleet = Fleet(greenload, service)
        yield fleet
        fleet.end()


class RawServer:
    """Accepts connections on a free port and lets `behave` do what it wants with each; counts requests by their end."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.requests = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while self._read_request(connection):
                with self._lock:
                    self.requests += 1
                self._behave(connection)
        except OSError:
            pass
        finally:
            connection.close()

    @staticmethod
    def _read_request(connection: socket.socket) -> bool:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            piece = connection.recv(65_536)
            if not piece:
                return False
            received += piece
        return True


class SerialServer(RawServer):
    """Answers one request at a time, SERVICE_S each; stands still for `freeze_s`, `freeze_at_s` after its first one."""

    SERVICE_S = 0.005

    def __init__(self, freeze_at_s: float, freeze_s: float) -> None:
        super().__init__(self._answer)
        self._turn = threading.Lock()
        self._freeze_at_s, self._freeze_s = freeze_at_s, freeze_s
        self.served: list[tuple[float, float]] = []  # when each request came, and when it was answered

    def _answer(self, connection: socket.socket) -> None:
        came_s = time.monotonic()
        with self._turn:
            first_s, _ = self.served[0] if self.served else (came_s, 0.0)
            frozen_s, now_s = first_s + self._freeze_at_s, time.monotonic()
            if frozen_s <= now_s < frozen_s + self._freeze_s:
                time.sleep(frozen_s + self._freeze_s - now_s)
            time.sleep(self.SERVICE_S)
            self.served.append((came_s, time.monotonic()))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def serve_one_by_one() -> Iterator[Callable[[float, float], SerialServer]]:
    """Start a SerialServer with a freeze; it is closed after the test."""
    servers: list[SerialServer] = []

    def start(freeze_at_s: float, freeze_s: float) -> SerialServer:
        servers.append(SerialServer(freeze_at_s, freeze_s))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], RawServer]]:
    """Start a RawServer with a behaviour; it is closed after the test."""
    servers: list[RawServer] = []

    def start(behave: Behaviour) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def silent_server(serve: Callable[[Behaviour], RawServer]) -> RawServer:
    """A server that takes requests and never answers."""
    return serve(lambda connection: None)
