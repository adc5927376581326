"""The tools that are measured: what a person would type to run each, and where each writes what it counted.

A tool that shall be measured, too, is one more Peer. Knows nothing of servers, cores or clocks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

USERS = Path(__file__).parent / "users"
SPAWN_RATE = 1000  # everybody at once: ramps are not what is measured


@dataclass(frozen=True)
class Load:
    """One load: so many users of the class `user_class` on `url` for `seconds`."""

    url: str
    users: int
    seconds: int
    user_class: str


@dataclass(frozen=True)
class Count:
    """What a tool says it did. `sent` is None where the tool does not say what it sent."""

    ended: int
    failed: int
    sent: int | None


@dataclass(frozen=True)
class Peer:
    """One tool.

    script   what it installs beside python
    command  (load, .json file to write the result into) -> arguments
    count    reads that file
    exact    whether what it sent must be what the server counted
    """

    name: str
    script: str
    command: Callable[[Load, Path], list[str]]
    count: Callable[[Path], Count]
    exact: bool


def _greenload_command(load: Load, result: Path) -> list[str]:
    return [
        *("run", str(USERS / "greenload_users.py"), "--class", load.user_class, "-H", load.url),
        *("-u", str(load.users), "-r", str(SPAWN_RATE), "-t", f"{load.seconds}s"),
        *("--json", str(result), "--quiet"),
    ]


def _greenload_count(result: Path) -> Count:
    sums = json.loads(result.read_text())["reconciliation"]
    return Count(ended=sums["succeeded"] + sums["failed"], failed=sums["failed"], sent=sums["sent"])


def _locust_command(load: Load, result: Path) -> list[str]:
    return [
        *("-f", str(USERS / "locust_users.py"), load.user_class, "--headless", "-H", load.url),
        *("-u", str(load.users), "-r", str(SPAWN_RATE), "-t", f"{load.seconds}s"),
        # Locust appends .json to the name, whether it is there or not.
        *("--json-file", str(result.with_suffix("")), "--only-summary"),
    ]


def _locust_count(result: Path) -> Count:
    entries = json.loads(result.read_text())
    return Count(
        ended=sum(entry["num_requests"] for entry in entries),
        failed=sum(entry["num_failures"] for entry in entries),
        sent=None,
    )


GREENLOAD = Peer("greenload HttpUser", "greenload", _greenload_command, _greenload_count, exact=True)
LOCUST = Peer("Locust HttpUser", "locust", _locust_command, _locust_count, exact=False)
