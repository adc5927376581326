"""Child processes: pinned to a core, bounded in time, ended by their own pid, and what they used.

Knows nothing of tools, servers or requests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

STOP_S = 5.0
POLL_S = 0.05
LAST_CHARACTERS = 2_000
IS_LINUX = hasattr(os, "sched_setaffinity")


class BenchError(Exception):
    """The bench could not measure; the message says what to do."""


@dataclass(frozen=True)
class Cores:
    """Which core the generator has and which one the server; None where processes cannot be pinned."""

    generator: int | None
    server: int | None

    @property
    def are_apart(self) -> bool:
        return self.generator is not None and self.generator != self.server


def choose_cores() -> Cores:
    """Return the last two cores this process may use; the same one twice where there is only one."""
    if not IS_LINUX:
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(generator=allowed[-1], server=allowed[-2:][0])


@dataclass(frozen=True)
class Usage:
    """What a process used, from its start to its end; peak_bytes: its largest resident set."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run(command: list[str], core: int | None, limit_s: float, output: Path) -> Usage:
    """Run `command` on `core` to its end and return what it used.

    Raises BenchError, with what it said last, when it fails or is not done after `limit_s` seconds.
    """
    began_s = time.perf_counter()
    process = _start(command, core, output)
    killer = threading.Timer(limit_s, process.kill)
    killer.start()
    try:
        # Not process.wait(): it throws the resource usage away.
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        killer.cancel()
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"{' '.join(command)}\nended with {process.returncode}:\n{last_words(output)}")
    return _usage(wall_s, used)


class Process:
    """A process that runs until somebody ends it; what it says goes into the file `output`."""

    def __init__(self, process: subprocess.Popen[bytes], title: str, output: Path) -> None:
        self.pid = process.pid
        self.title = title
        self.output = output
        self._process = process

    def check(self) -> None:
        """Raise BenchError, with what it said last, when the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise BenchError(f"{self.title}\nended with {code}:\n{last_words(self.output)}")

    def end(self, limit_s: float) -> None:
        """Wait until the process ends by itself.  Raises BenchError when it fails, or is not done in `limit_s`."""
        try:
            code = self._process.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{self.title}\ndid not end:\n{last_words(self.output)}") from error
        if code != 0:
            raise BenchError(f"{self.title}\nended with {code}:\n{last_words(self.output)}")


@contextmanager
def running(command: list[str], core: int | None, output: Path) -> Iterator[Process]:
    """Run `command` on `core` while the block lasts."""
    process = _start(command, core, output)
    try:
        yield Process(process, " ".join(command), output)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(is_so: Callable[[], bool], process: Process, limit_s: float) -> None:
    """Wait until `is_so()`.  Raises BenchError when the process ends or `limit_s` seconds pass before that."""
    end_s = time.perf_counter() + limit_s
    while not is_so():
        process.check()
        if time.perf_counter() > end_s:
            raise BenchError(f"{process.title} was not ready after {limit_s:g} s:\n{last_words(process.output)}")
        time.sleep(POLL_S)


def last_words(output: Path) -> str:
    """Return the end of what a process said."""
    return output.read_text(errors="replace")[-LAST_CHARACTERS:]


def resident_bytes(pid: int) -> int:
    """Return the memory a process holds now.  Linux only."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Return the processor time a process has used so far.  Linux only."""
    # The name in parentheses may hold blanks; what follows it is counted from the third field.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _start(command: list[str], core: int | None, output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Before the program begins: what it forks at once would otherwise keep the core it was born on.
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )


def _usage(wall_s: float, used: struct_rusage) -> Usage:
    unit = 1024 if IS_LINUX else 1  # macOS counts ru_maxrss in bytes
    return Usage(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)
