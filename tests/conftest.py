"""What many tests need: users that live on a clock of the test's own, the album service, and greenload as a process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from greenload import Environment, User
from greenload.core.stats import Sample, Stats
from greenload.user.recorder import Recorder

ROOT = Path(__file__).resolve().parents[1]

# A law is about values; how long an example takes is this machine's matter, which may be busy with something else.
hypothesis.settings.register_profile("greenload", deadline=None)
hypothesis.settings.load_profile("greenload")

# A scenario that needs no server.
JOB = """
from greenload import User, constant, task
class Job(User):
    wait_time = constant(0.01)
    @task
    def work(self):
        with self.measure("JOB", "work"):
            pass
"""


def requests_of(count: int) -> Stats:
    """Return what a worker has counted that made so many requests, all good."""
    stats = Stats()
    stats.sent = count
    for _ in range(count):
        stats.record(Sample("GET", "/albums", 1.0, 1.0, 1.005, None, 100))
    return stats


@dataclass
class Clock:
    """A clock that moves when the test says so, or when somebody waits on it."""

    now_s: float = 0.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class StopAt:
    """Stands in for Stop on a test's clock: waiting moves the clock, and the end comes at `end_s`."""

    clock: Clock
    end_s: float

    def wait(self, seconds: float) -> bool:
        self.clock.sleep(max(0.0, seconds))
        return self.clock.now_s >= self.end_s


@dataclass
class Stage:
    """A clock, a recorder on it, and an environment for users, all real but the clock."""

    seed: int = 1
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.clock.now)
        self.environment = Environment(None, self.recorder, self.clock.now, self.seed, lambda rows: 0)

    def user(self, user_class: type[User]) -> Any:
        return user_class(self.environment)

    def iterate(self, user: User, times: int) -> None:
        for _ in range(times):
            user.iterate(self.clock.now())


@pytest.fixture
def stage() -> Stage:
    return Stage()


@dataclass
class AlbumService:
    """The album service in a process of its own."""

    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=20) as answer:
            return json.load(answer)

    def requests(self) -> int:
        return int(self.stats()["requests"])


@contextmanager
def serve_albums(*arguments: str, folder: Path = ROOT) -> Iterator[AlbumService]:
    """The real service with nothing on it yet, on a free port; started in `folder`, which has a service/."""
    with subprocess.Popen(
        [sys.executable, "-m", "service", "--port", "0", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        found = re.search(r"http://\S+", greeting)
        assert found, f"the service said {greeting!r}"
        try:
            yield AlbumService(found[0], process)
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture
def album_service() -> Iterator[AlbumService]:
    with serve_albums() as service:
        yield service


@dataclass
class Greenload:
    """`greenload ARGUMENTS` in a folder of the test's own."""

    folder: Path
    command: tuple[str, ...] = (sys.executable, "-W", "error", "-m", "greenload")
    environment: dict[str, str] = field(default_factory=dict)  # beside what every process needs

    def start(self, *arguments: object, start_new_session: bool = False) -> subprocess.Popen[str]:
        return self._start([*self.command, *map(str, arguments)], start_new_session)

    def start_python(self, *arguments: object) -> subprocess.Popen[str]:
        """Start Python itself where greenload would be started."""
        return self._start([sys.executable, "-W", "error", *map(str, arguments)], False)

    def _start(self, command: list[str], start_new_session: bool) -> subprocess.Popen[str]:
        """Start a process; all that it writes lands in the folder."""
        here = str(self.folder)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": here, "TMPDIR": here, **self.environment},
            start_new_session=start_new_session,
        )

    def run(self, *arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def read_json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def greenload(tmp_path: Path) -> Greenload:
    return Greenload(tmp_path)


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Return as soon as `is_so`; fail when it does not come to that."""
    end_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.01)
