"""A real album service for the tests: `python -m service` on a free port, stopped by its own pid; a real PostgreSQL."""

import itertools
import os
import pwd
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3

from service.album import Album
from service.contract import AlbumStore
from service.pace import AT_ONCE, Pace
from service.stores import Terms, open_store

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10


@dataclass
class RunningService:
    """A service that has said it is ready."""

    process: subprocess.Popen[str]
    line: str
    http: urllib3.PoolManager

    @property
    def url(self) -> str:
        return self.line.split()[2]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def ask(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.http.request(method, self.url + path, **options)

    def stats(self) -> Any:
        return self.ask("GET", "/stats").json()

    def ask_all(self, requests: list[tuple[str, str, Any]], threads: int = 16) -> list[int]:
        """Send (method, path, album or None) from many threads at once; return the statuses in order."""

        def status(request: tuple[str, str, Any]) -> int:
            method, path, album = request
            return self.ask(method, path, **({} if album is None else {"json": album})).status

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(status, requests))


def start(*options: str) -> RunningService:
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        is_ready = ready.select(PATIENCE_S)
    line = process.stdout.readline() if is_ready else ""
    if not line:
        end(process)
        pytest.fail("the service did not say that it is ready")
    return RunningService(process, line, urllib3.PoolManager(maxsize=32, retries=False, timeout=PATIENCE_S))


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.fixture
def start_service() -> Iterator[Callable[..., RunningService]]:
    """Start services with the options given; all are stopped at the end of the test."""
    started: list[RunningService] = []

    def start_one(*options: str) -> RunningService:
        started.append(start(*options))
        return started[-1]

    yield start_one
    for service in started:
        service.http.clear()
        end(service.process)


@pytest.fixture
def service(start_service: Callable[..., RunningService]) -> RunningService:
    """A service with the default options and nothing but the seed albums."""
    return start_service()


@pytest.fixture(scope="module", params=["threads", "green"])
def shared_service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    """One service of each kind for the tests of a file that do not mind what the others left in it."""
    running = start("--server", request.param)
    yield running
    running.http.clear()
    end(running.process)


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Call a function with each item, spread over threads; return the answers in order. A deadlock is a failure."""

    def call_together(threads: int, act: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        waiting = list(enumerate(items))
        answers: list[Any] = [None] * len(waiting)

        def work(share: list[tuple[int, Any]]) -> None:
            for place, item in share:
                answers[place] = act(item)

        # Daemons, not a pool: a pool waits for its threads, and a deadlocked test would never end.
        workers = [threading.Thread(target=work, args=(waiting[n::threads],), daemon=True) for n in range(threads)]
        for worker in workers:
            worker.start()
        until_s = time.monotonic() + PATIENCE_S
        for worker in workers:
            worker.join(max(0.0, until_s - time.monotonic()))
        assert not any(worker.is_alive() for worker in workers), "deadlock"
        return answers

    return call_together


@pytest.fixture
def nervous_threads() -> Iterator[None]:
    """Let Python change threads a thousand times as often as usual, so that a race shows."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual_s)


OpenStore = Callable[..., AbstractContextManager[AlbumStore]]
DATABASES = itertools.count()


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest) -> OpenStore:
    """Open a new, empty store of a name while the block lasts; PostgreSQL is started when the first one asks for it."""

    @contextmanager
    def open_one(name: str, albums: Iterable[Album] = (), pace: Pace = AT_ONCE) -> Iterator[AlbumStore]:
        with tempfile.TemporaryDirectory() as folder:
            dsn = str(Path(folder) / "albums.db") if name == "sqlite" else None
            if name == "postgres":
                dsn = request.getfixturevalue("new_database")()
            store = open_store(name, albums, Terms(pace, dsn))
            try:
                yield store
            finally:
                store.close()

    return open_one


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[], str]:
    """Return the connection string of a place in PostgreSQL with nothing in it."""

    def make() -> str:
        schema = f"place{next(DATABASES)}"
        with psycopg.connect(postgres) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return f"{postgres} options='-c search_path={schema}'"

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of the tests' own, in a folder that goes with it and on no port; yields its connection string."""
    programs = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3])),
        shutil.which("initdb"),
    ]
    if not any(programs):
        why = "PostgreSQL is not installed; make system-deps installs it"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    bin_folder = Path(str(next(each for each in programs[::-1] if each))).parent
    # PostgreSQL refuses to be root.
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        made = subprocess.run(
            [bin_folder / "initdb", "-D", f"{folder}/data", "-U", "albums", "-A", "trust", "-E", "UTF8", "--no-sync",
             "--locale", "C"],
            capture_output=True, text=True, cwd=folder, **who,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", f"unix_socket_directories={folder}"]
        with (
            open(f"{folder}/log", "w") as log,
            subprocess.Popen(
                [bin_folder / "postgres", "-D", f"{folder}/data", *settings], stdout=log, stderr=log, cwd=folder, **who
            ) as process,
        ):
            dsn = f"host={folder} user=albums dbname=postgres"
            try:
                _wait_for(dsn, process)
                yield dsn
            finally:
                process.terminate()  # "smart": waits for those who are connected; a second signal, "fast", does not
                process.send_signal(2)
                process.wait(PATIENCE_S)


def _wait_for(dsn: str, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(dsn).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < until_s, "PostgreSQL does not answer"
            time.sleep(0.05)
