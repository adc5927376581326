"""The album service as a process, for a lesson that needs something to load. The only place that starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from greenload.lab.lesson import CHECKOUT, LabError

PATIENCE_S = 5.0
PROC = Path("/proc/self/stat")


@dataclass(frozen=True)
class AlbumService:
    """One that answers."""

    url: str
    pid: int
    runs: Callable[[], bool]

    def requests(self) -> int:
        """Return how many requests it has seen."""
        with urlopen(f"{self.url}/stats") as answer:
            return int(json.load(answer)["requests"])

    def processor_s(self) -> float | None:
        """Return how many seconds of a processor it and its worker have used; None where that cannot be known."""
        if not PROC.exists():
            return None
        own = [used_s for pid, parent, used_s in _processes() if self.pid in (pid, parent)]
        return sum(own) if own else None

    def albums(self) -> list[dict[str, Any]]:
        """Return all albums that it has."""
        with urlopen(f"{self.url}/albums") as answer:
            albums: list[dict[str, Any]] = json.load(answer)
        return albums


@contextmanager
def album_service(*options: str) -> Iterator[AlbumService]:
    """Run the album service on a free port while the block lasts.  Raises LabError when it does not start."""
    if not (CHECKOUT / "service").exists():
        raise LabError("this needs examples/ and service/ beside greenload/: run it in a clone of the repository")
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--port", "0", *options],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # asked for above
    try:
        greeting = process.stdout.readline()
        url = next((word for word in greeting.split() if word.startswith("http://")), None)
        if url is None:
            raise LabError("the album service did not start; install it with: pip install -e '.[service]'")
        yield AlbumService(url, process.pid, lambda: process.poll() is None)
    finally:
        _end(process)
        process.stdout.close()


def _processes() -> Iterator[tuple[int, int, float]]:
    """Yield each process of this machine: its pid, its parent's, and the seconds of a processor that it has used."""
    for stat in PROC.parents[1].glob("[0-9]*/stat"):
        with suppress(OSError):  # it may have ended meanwhile
            # What stands in brackets is its name, which may be anything.
            fields = stat.read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            yield int(stat.parent.name), int(fields[1]), ticks / os.sysconf("SC_CLK_TCK")


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, and make it when it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
