"""The album service as a process, for a lesson that needs something to load. The only place that starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

from greenload.lab.lesson import CHECKOUT, LabError
from greenload.lab.processes import end

PATIENCE_S = 30.0
PROC = Path("/proc/self/stat")


@dataclass(frozen=True)
class AlbumService:
    """One that answers."""

    url: str
    pid: int
    runs: Callable[[], bool]

    def requests(self) -> int:
        """Return how many requests it has seen."""
        return int(self._ask("/stats")["requests"])

    def processor_s(self) -> float | None:
        """Return how many seconds of a processor it and its worker have used; None where that cannot be known."""
        if not PROC.exists():
            return None
        own = [used_s for pid, parent, used_s in _processes() if self.pid in (pid, parent)]
        return sum(own) if own else None

    def albums(self) -> list[dict[str, Any]]:
        """Return all albums that it has."""
        albums: list[dict[str, Any]] = self._ask("/albums")
        return albums

    def _ask(self, path: str) -> Any:
        try:
            with urlopen(f"{self.url}{path}", timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except (OSError, HTTPException) as error:
            raise LabError(f"the album service did not answer GET {path}: {error}") from error


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
        url = next((word for word in _greeting(process.stdout).split() if word.startswith("http://")), None)
        if url is None:
            raise LabError("the album service did not start; install it with: pip install -e '.[service]'")
        yield AlbumService(url, process.pid, lambda: process.poll() is None)
    finally:
        end(process)
        process.stdout.close()


def _greeting(stdout: IO[str]) -> str:
    """Return the first line, or nothing when none comes in time."""
    said: list[str] = []
    # A thread of its own, as a read of a pipe has no time limit; it ends with the process.
    reader = threading.Thread(target=lambda: said.append(stdout.readline()), daemon=True)
    reader.start()
    reader.join(PATIENCE_S)
    return "".join(said)


def _processes() -> Iterator[tuple[int, int, float]]:
    """Yield each process of this machine: its pid, its parent's, and the seconds of a processor that it has used."""
    for stat in PROC.parents[1].glob("[0-9]*/stat"):
        with suppress(OSError):  # it may have ended meanwhile
            # What stands in brackets is its name, which may be anything.
            fields = stat.read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            yield int(stat.parent.name), int(fields[1]), ticks / os.sysconf("SC_CLK_TCK")
