"""python -m bench.profile: where the processor time of a request goes, for one kind of user.

Several times measures what a request costs, and then runs the same load under py-spy, which looks 200 times a second at
what Python is doing. Each look counts for one group: the innermost file of greenload or of the scenario decides, so a
library counts for who called it, and gevent's socket for the socket. Wants an environment of its own with greenload and
bench/requirements.txt in it; runs in the repository's root.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.command import conduct, new_parser
from bench.machine import circumstances
from bench.measure import MARGIN_S, Bench, Rate, Spread, spread
from bench.peers import GREENLOAD, GREENLOAD_FAST, HAS_FAST, USERS, Load, Peer, beside_python
from bench.process import IS_LINUX, BenchError, Cores, Process, choose_cores, last_words, running, wait_until
from bench.server import serving

PACKAGES = ("greenload", "gevent", "urllib3", "py-spy")
KINDS = {"HttpUser": GREENLOAD, **({"FastHttpUser": GREENLOAD_FAST} if HAS_FAST else {})}
LOOKS_PER_S = 200
START_S = 10.0
TOP = 3  # functions that are named of each group

SOCKET, PARSER, SESSION, RECORDING = "socket", "parser", "session", "recording"
SCHEDULING, TASK, REPORTS, OTHER = "scheduling", "task code", "reports", "other"
GROUPS = {
    SOCKET: "sending and receiving, and looking whether an idle connection still stands",
    PARSER: "from a request to bytes and from bytes to an answer",
    SESSION: "URL, headers, cookies, redirects, the response",
    RECORDING: "the clocks, the Sample, histograms and counters",
    SCHEDULING: "whose turn it is: gevent's loop, green threads, tasks and when the next is due",
    TASK: "the scenario itself",
    REPORTS: "each second: to the master, added up, shown",
    OTHER: "nothing of the above",
}
# The first that fits a file decides.
PLACES = (
    ("greenload/http/wire_socket.py", SOCKET),
    ("greenload/http/wire_connect.py", SOCKET),
    ("greenload/http/wire", PARSER),
    ("greenload/http/pooled", PARSER),
    ("greenload/http/decoding.py", PARSER),
    ("greenload/http/names.py", SOCKET),
    ("greenload/http/", SESSION),
    ("greenload/user/recorder.py", RECORDING),
    ("greenload/core/stats.py", RECORDING),
    ("greenload/core/histogram.py", RECORDING),
    ("greenload/engine.py", SCHEDULING),
    ("greenload/green.py", SCHEDULING),
    ("greenload/user/", SCHEDULING),
    ("greenload/", REPORTS),
    (f"{USERS.name}/greenload_", TASK),
)
SOCKET_FILES = ("gevent/_socket", "gevent/ssl.py", "gevent/_ssl", "lib/socket.py", "/socket.py")
SOCKET_FUNCTIONS = ("_is_quiet",)
CLOCK = "now"  # counts for who looks at it
# For stacks of which py-spy saw only the inner end.
LIBRARIES = (
    ("http/client.py", PARSER),
    ("/email/", PARSER),
    ("urllib3/", PARSER),
    ("gevent/", SCHEDULING),
)


class Frame(NamedTuple):
    """One function under way."""

    function: str
    file: str


@dataclass
class Profile:
    """How often each group was seen, and in which functions."""

    looks: Counter[str] = field(default_factory=Counter)
    functions: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, stack: list[Frame], count: int) -> None:
        group = group_of(stack)
        self.looks[group] += count
        self.functions.setdefault(group, Counter())[stack[-1].function] += count

    def share(self, group: str) -> float:
        """Return which part of all looks, of 1, `group` has."""
        return self.looks[group] / self.looks.total()


def group_of(stack: list[Frame]) -> str:
    """Return the group that `stack`, outermost first, counts for."""
    for frame in reversed(stack):
        if frame.function in SOCKET_FUNCTIONS or any(part in frame.file for part in SOCKET_FILES):
            return SOCKET
        if group := _first_that_fits(PLACES, frame):
            return group
    known = (_first_that_fits(LIBRARIES, frame) for frame in reversed(stack))
    return next((group for group in known if group), OTHER)


def _first_that_fits(places: tuple[tuple[str, str], ...], frame: Frame) -> str | None:
    if frame.function == CLOCK:
        return None
    return next((group for part, group in places if part in frame.file), None)


def read_stacks(text: str) -> Iterator[tuple[list[Frame], int]]:
    """Yield the stacks that py-spy wrote, outermost frame first, and how often each was seen.

    A name that was just changing may be any string, even of several lines; a line that is no stack is left out.
    """
    for line in text.split("\n"):
        stack, _, count = line.rpartition(" ")
        found = [re.fullmatch(r"(.+) \((.+?)(?::\d+)?\)", frame) for frame in stack.split(";")]
        frames = [Frame(each[1], each[2]) for each in found if each is not None]
        if frames and count.isdecimal():
            yield frames, int(count)


def profile_of(stacks: Iterable[tuple[list[Frame], int]]) -> Profile:
    """Return the profile of a run without its start: what was seen while modules were imported."""
    profile = Profile()
    for stack, count in stacks:
        if not any(frame.function == "_find_and_load" for frame in stack):
            profile.add(stack, count)
    return profile


def main() -> None:
    options = _options()
    conduct(lambda: _measure(KINDS[options.user], options.users, options.seconds, options.rounds))


def _options() -> argparse.Namespace:
    parser = new_parser("bench.profile", __doc__)
    parser.add_argument("--user", choices=list(KINDS), default="HttpUser", help="[%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often both runs are made [%(default)s]")
    parser.add_argument("--seconds", type=int, default=10, help="how long each of them is [%(default)s]")
    parser.add_argument("--users", type=int, default=32, help="virtual users, without think time [%(default)s]")
    return parser.parse_args()


def _measure(peer: Peer, users: int, seconds: int, rounds: int) -> None:
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name, serving(cores.server, Path(name)) as server:
        folder = Path(name)
        for key, value in circumstances(PACKAGES, server.name).items():
            print(f"{key:<10} {value}")
        bench, load = Bench(server, cores, folder), Load(server.url, users, seconds, "Busy")
        seen: list[tuple[Rate, Profile]] = []
        for _ in range(rounds):
            [(_, rate)] = bench.round([peer], users, seconds)
            seen.append((rate, profile_of(read_stacks(_spied(peer, load, cores, folder)))))
        _show(peer, seen)


def _spied(peer: Peer, load: Load, cores: Cores, folder: Path) -> str:
    """Run `load` under py-spy and return the stacks it wrote."""
    spy, program = beside_python("py-spy")(), peer.find()
    if spy is None or program is None:
        raise BenchError(f"py-spy and {peer.name} must be installed beside {sys.executable}")
    raw = folder / "stacks.txt"
    # Stopping the process for each look would take more time than all that is looked at.
    looking = [
        "--nonblocking",
        "--rate",
        str(LOOKS_PER_S),
        "--format",
        "raw",
        "--full-filenames",
        "--function",
        "--output",
        str(raw),
    ]
    command = [spy, "record", *looking, "--", program, *peer.command(load, folder / "spied.json")]
    with running(command, cores.generator, folder / "spied.txt") as process:
        _let_it_look_from(cores.server, process)
        process.end(load.seconds + MARGIN_S)
    if not raw.exists():
        raise BenchError(f"py-spy wrote nothing:\n{last_words(process.output)}")
    return raw.read_text(errors="replace")  # a look at what was just changing may bring anything


def _let_it_look_from(core: int | None, process: Process) -> None:
    """Move py-spy to `core`: on the core of what it looks at it would take that one's time."""
    if core is None or not IS_LINUX:
        return
    tasks = Path(f"/proc/{process.pid}/task")
    wait_until(lambda: any((task / "children").read_text() for task in tasks.iterdir()), process, START_S)
    for task in tasks.iterdir():
        os.sched_setaffinity(int(task.name), {core})


def _show(peer: Peer, seen: Sequence[tuple[Rate, Profile]]) -> None:
    cost = spread([rate.cpu_us_per_request for rate, _ in seen])
    looks = sum(profile.looks.total() for _, profile in seen)
    print(f"{'measured':<10} {peer.name}: {cost.median:.0f} us of the processor a request, {_between(cost)}")
    print(f"{'profile':<10} {looks:,} looks, {LOOKS_PER_S} a second, those at the start left out\n")
    print(f"{'':<11} {'us':>6} {'%':>5} {'':<14} most of it in")
    for group in GROUPS:
        share = spread([100 * profile.share(group) for _, profile in seen])
        cost_us = spread([rate.cpu_us_per_request * profile.share(group) for rate, profile in seen]).median
        print(f"{group:<11} {cost_us:>6.1f} {share.median:>5.1f} {_between(share):<14} {_top(seen, group)}")
    print()
    for group, meaning in GROUPS.items():
        print(f"{group}: {meaning}")


def _between(measured: Spread) -> str:
    return f"({measured.least:.1f} to {measured.most:.1f})"


def _top(seen: Sequence[tuple[Rate, Profile]], group: str) -> str:
    functions = sum((profile.functions.get(group, Counter()) for _, profile in seen), Counter[str]())
    return ", ".join(f"{function} {count / functions.total():.0%}" for function, count in functions.most_common(TOP))


if __name__ == "__main__":
    main()
