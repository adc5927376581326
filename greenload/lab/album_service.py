"""The album service as a process, for a lesson that needs something to load. The only place that starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from greenload.lab.lesson import CHECKOUT, LabError

PATIENCE_S = 5.0


@dataclass(frozen=True)
class AlbumService:
    """One that answers."""

    url: str
    pid: int

    def requests(self) -> int:
        """Return how many requests it has seen."""
        with urlopen(f"{self.url}/stats") as answer:
            return int(json.load(answer)["requests"])

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
        yield AlbumService(url, process.pid)
    finally:
        _end(process)
        process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, and make it when it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
