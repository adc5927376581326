"""What a person types, turned into values: durations, stages, keys, addresses.

Says what to write instead when it cannot.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import click

from greenload.core.codec import LONGEST_NAME, MOST_WHOLE, is_name
from greenload.core.errors import GreenloadError
from greenload.core.label import parse_note, parse_tag
from greenload.core.messages import Resolved
from greenload.core.options import parse_setting
from greenload.core.shape import parse_duration_s, parse_rate, parse_rate_stages, parse_stages
from greenload.core.thresholds import parse_threshold
from greenload.key import JoinKey, KeyMalformed

KEY_VARIABLE = "GREENLOAD_KEY"
MOST_KEY_BYTES = 1_000  # of a key file; a key has 60


class Parsed(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """What `parse` makes of a text; where that raises a GreenloadError, its words are the answer."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # it has been parsed
        try:
            return self._parse(value)
        except GreenloadError as error:
            self.fail(str(error), param, ctx)


DURATION = Parsed("duration", parse_duration_s)
STAGES = Parsed("stages", parse_stages)
RATE = Parsed("rate", parse_rate)
RATE_STAGES = Parsed("stages", parse_rate_stages)
CONDITION = Parsed("condition", parse_threshold)
TAG = Parsed("tag", parse_tag)
NOTE = Parsed("note", parse_note)
SETTING = Parsed("setting", parse_setting)


class Seed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A whole number that every worker can be told."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        seed: int = click.INT.convert(value, param, ctx)
        if abs(seed) > MOST_WHOLE:
            self.fail(f"{value} is too large a seed; the largest is {MOST_WHOLE}", param, ctx)
        return seed


class Resolve(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A Resolved, from HOST:IP."""

    name = "resolve"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Resolved:
        host, _, address = str(value).partition(":")
        address = address.removeprefix("[").removesuffix("]")
        try:
            ip_address(address)
        except ValueError:
            host = ""
        if not host:
            self.fail(
                f"{value!r} is not HOST:IP; write for example api.example:10.0.0.1 or api.example:::1", param, ctx
            )
        return Resolved(host, address)


class WorkerName(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """What a worker is called."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_name(str(value)):
            self.fail(f"{value!r} is no name: 1 to {LONGEST_NAME} characters that can be printed", param, ctx)
        return str(value)


class KeyUnusable(GreenloadError):
    """A join key was given, and it cannot be read or is none."""


def _key(ctx: click.Context, param: click.Parameter, path: Path | None) -> JoinKey | None:
    """Return the join key in the file, else the one in the environment, else None."""
    if path is not None:
        return _parsed(_text_of(path), str(path))
    text = os.environ.get(KEY_VARIABLE)
    return None if text is None else _parsed(text, KEY_VARIABLE)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(MOST_KEY_BYTES).decode(errors="replace")
    except OSError as error:
        raise KeyUnusable(f"{path}: cannot read this key file: {error.strerror}") from error
    # Of somebody else's file the mode is not ours to change: a Secret of Kubernetes is root's, and read by a group.
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and status.st_mode & 0o077:
        click.echo(f"warning: others may read the key in {path}; say: chmod 600 {path}", err=True)
    return text


def _parsed(text: str, where: str) -> JoinKey:
    try:
        return JoinKey.parse(text)
    except KeyMalformed as error:
        raise KeyUnusable(f"{where}: {error}") from error


key_option = click.option(
    "--key-file",
    "key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    callback=_key,
    help=f"The join key, of `greenload key`; the same for all.  [default: what {KEY_VARIABLE} says, else none]",
)


def is_own_address(address: str) -> bool:
    """Return whether only this machine can reach `address`. What is not known to be so is not: names, interfaces."""
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0]
    try:
        return host == "localhost" or ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def master_address(typed: str, port: int) -> str:
    """Return where a worker finds the master that somebody called HOST[:PORT]; HOST may be an IPv6 address.

    What the master calls itself, tcp://HOST:PORT, will do as well.
    """
    typed = typed.removeprefix("tcp://")
    is_bare_ipv6 = typed.count(":") > 1 and not typed.startswith("[")
    host = f"[{typed}]" if is_bare_ipv6 else typed
    has_port = not is_bare_ipv6 and ":" in host.rpartition("]")[2]
    address = f"tcp://{host}" if has_port else f"tcp://{host}:{port}"
    check_address(address)
    return address


def check_address(address: str) -> None:
    """Raise UsageError for a TCP address without a host or with a port there cannot be: ZeroMQ takes any number."""
    if address.startswith("ipc://"):
        return
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not host or not (port == "*" or (port.isdecimal() and int(port) <= 65_535)):
        raise click.UsageError(f"{address} is not an address; write for example tcp://127.0.0.1:5557")


class Processes(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A number of processes, from 4, or auto for one on each core."""

    name = "processes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return usable_cores()
        try:
            count = int(value)
        except ValueError:
            count = 0
        if count < 1:
            self.fail(f"{value!r} is neither a number above 0 nor auto", param, ctx)
        return count


def usable_cores() -> int:
    """Return how many cores this process may use."""
    # Not every system can say so, and then all the machine has is the best guess.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


phases_option = click.option(
    "--phases",
    "has_phases",
    is_flag=True,
    help="Measure connecting, TLS, the first byte and receiving apart, for each request name.",
)


def processes_option(meaning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option --processes, which is the same for each command but for what it means there."""
    return click.option("--processes", type=Processes(), metavar="N|auto", help=meaning)
