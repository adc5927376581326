"""The tools that are measured: where each is, what a person would type to run it, and what it says it counted.

A tool that shall be measured, too, is one more Peer; whom it is to be compared with is one more of DUELS. Knows nothing
of servers, cores or clocks.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import greenload

USERS = Path(__file__).parent / "users"
SPAWN_RATE = 1000  # everybody at once: ramps are not what is measured
AB_MOST = 5_000_000  # ab ends at its number of requests if that comes first, and keeps room for each of them


@dataclass(frozen=True)
class Load:
    """One load: so many users on `url` for `seconds`; `behaviour` is Busy or Idle, see users/."""

    url: str
    users: int
    seconds: int
    behaviour: str


@dataclass(frozen=True)
class Count:
    """What a tool says it did. `sent` is None where the tool does not say what it sent."""

    ended: int
    failed: int
    sent: int | None


@dataclass(frozen=True)
class Written:
    """What a tool leaves behind: the .json file it was asked for, and what it printed."""

    result: Path
    output: Path


@dataclass(frozen=True)
class Peer:
    """One tool, or one kind of user in it.

    find       returns where the program is, or None when it is not installed
    command    (load, .json file to write the result into) -> arguments
    count      reads what it left behind
    exact      whether what it sent must be what the server counted
    has_users  whether it runs users of users/, which can be idle; the others only send
    """

    name: str
    find: Callable[[], str | None]
    command: Callable[[Load, Path], list[str]]
    count: Callable[[Written], Count]
    exact: bool = False
    has_users: bool = False


@dataclass(frozen=True)
class Duel:
    """Who is compared with whom. The kind of user and the rival's are the same, or both only send."""

    one: Peer
    rival: Peer
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.one.name} / {self.rival.name}")


def installed(peers: Sequence[Peer]) -> list[Peer]:
    """Return those of `peers` that can be run here."""
    return [peer for peer in peers if peer.find() is not None]


def beside_python(script: str) -> Callable[[], str | None]:
    """Find what belongs to this Python, whatever else is on the path."""
    path = Path(sys.executable).with_name(script)
    return lambda: str(path) if path.exists() else None


def on_path(program: str) -> Callable[[], str | None]:
    return lambda: shutil.which(program)


def _greenload_command(kind: str) -> Callable[[Load, Path], list[str]]:
    return lambda load, result: [
        *("run", str(USERS / f"greenload_{kind}.py"), "--class", load.behaviour, "-H", load.url),
        *("-u", str(load.users), "-r", str(SPAWN_RATE), "-t", f"{load.seconds}s"),
        *("--json", str(result), "--quiet"),
    ]


def _greenload_count(written: Written) -> Count:
    sums = json.loads(written.result.read_text())["reconciliation"]
    return Count(ended=sums["succeeded"] + sums["failed"], failed=sums["failed"], sent=sums["sent"])


def _locust_command(kind: str) -> Callable[[Load, Path], list[str]]:
    return lambda load, result: [
        *("-f", str(USERS / f"locust_{kind}.py"), load.behaviour, "--headless", "-H", load.url),
        *("-u", str(load.users), "-r", str(SPAWN_RATE), "-t", f"{load.seconds}s"),
        # Locust appends .json to the name, whether it is there or not.
        *("--json-file", str(result.with_suffix("")), "--only-summary"),
    ]


def _locust_count(written: Written) -> Count:
    entries = json.loads(written.result.read_text())
    return Count(
        ended=sum(entry["num_requests"] for entry in entries),
        failed=sum(entry["num_failures"] for entry in entries),
        sent=None,
    )


def _hey_command(load: Load, result: Path) -> list[str]:
    return ["-z", f"{load.seconds}s", "-c", str(load.users), f"{load.url}/albums"]


def _hey_count(written: Written) -> Count:
    text = written.output.read_text()
    answers = {int(status): int(count) for status, count in re.findall(r"\[(\d+)\]\t(\d+) responses", text)}
    errors = sum(int(count) for count in re.findall(r"^  \[(\d+)\]\t(?!\d+ responses)", text, re.MULTILINE))
    failed = errors + sum(count for status, count in answers.items() if status != 200)
    return Count(ended=sum(answers.values()) + errors, failed=failed, sent=None)


def _wrk_command(load: Load, result: Path) -> list[str]:
    return ["-t", "1", "-c", str(load.users), "-d", f"{load.seconds}s", f"{load.url}/albums"]


def _wrk_count(written: Written) -> Count:
    text = written.output.read_text()
    failed = _number(r"Non-2xx or 3xx responses: (\d+)", text)
    failed += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    return Count(ended=_number(r"(\d+) requests in", text), failed=failed, sent=None)


def _ab_command(load: Load, result: Path) -> list[str]:
    # -n after -t, which sets it to 50,000.
    amount = ["-t", str(load.seconds), "-n", str(AB_MOST)]
    return ["-q", "-k", "-c", str(load.users), *amount, f"{load.url}/albums"]


def _ab_count(written: Written) -> Count:
    text = written.output.read_text()
    failed = _number(r"Failed requests: +(\d+)", text) + _number(r"Non-2xx responses: +(\d+)", text)
    return Count(ended=_number(r"Complete requests: +(\d+)", text), failed=failed, sent=None)


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _greenload_peer(name: str, kind: str) -> Peer:
    command = _greenload_command(kind)
    return Peer(name, beside_python("greenload"), command, _greenload_count, exact=True, has_users=True)


def _locust_peer(name: str, kind: str) -> Peer:
    return Peer(name, beside_python("locust"), _locust_command(kind), _locust_count, has_users=True)


GREENLOAD = _greenload_peer("greenload HttpUser", "users")
LOCUST = _locust_peer("Locust HttpUser", "users")
GREENLOAD_FAST = _greenload_peer("greenload FastHttpUser", "fast_users")
LOCUST_FAST = _locust_peer("Locust FastHttpUser", "fast_users")
HEY = Peer("hey", on_path("hey"), _hey_command, _hey_count)
WRK = Peer("wrk", on_path("wrk"), _wrk_command, _wrk_count)
AB = Peer("ab", on_path("ab"), _ab_command, _ab_count)

# In the order in which they run: rivals one right after the other.
HAS_FAST = "FastHttpUser" in greenload.__all__
PEERS = (GREENLOAD, LOCUST, LOCUST_FAST, *((GREENLOAD_FAST,) if HAS_FAST else ()), HEY, WRK, AB)
DUELS = (Duel(GREENLOAD, LOCUST), Duel(GREENLOAD_FAST, LOCUST_FAST), Duel(GREENLOAD_FAST, HEY))
MUST_BE_THERE = (GREENLOAD, LOCUST, LOCUST_FAST)
# Of each program that is measured by how fast it starts, one.
STARTED = (GREENLOAD, LOCUST)
