"""Lesson: what patching changes, and what it is good for."""

from __future__ import annotations

import queue
import sched
import select
import socket
import subprocess
import threading
import time
from types import ModuleType

import gevent

from greenload.lab.findings import Claim, Findings, Measure, Table, number, spread_of
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.probe import bare, patched

SLEEPERS = 10
NAP_S = 0.05
MODULES: tuple[ModuleType, ...] = (queue, select, socket, subprocess, threading, time)
SHOWN = (
    ("time", "sleep"), ("socket", "socket"), ("socket", "getaddrinfo"), ("threading", "Lock"),
    ("threading", "get_ident"), ("queue", "SimpleQueue"), ("select", "select"), ("subprocess", "Popen"),
)  # fmt: skip


def nap_together() -> float:
    """Ten green threads sleep as ordinary code does; return how long that took altogether."""
    began_s = time.perf_counter()
    gevent.joinall([gevent.spawn(time.sleep, NAP_S) for _ in range(SLEEPERS)])
    return time.perf_counter() - began_s


def naps(rounds: int) -> list[float]:
    """Return the seconds of each round."""
    return [nap_together() for _ in range(rounds)]


def code_of_a_caller() -> str:
    """Return what somebody who calls `time.sleep` was compiled to, in hexadecimal: sched, of the standard library."""
    return sched.scheduler.run.__code__.co_code.hex()


def whose() -> dict[str, dict[str, str]]:
    """Return for each public name of the modules where what it stands for was made."""
    return {
        module.__name__: {
            name: str(getattr(value, "__module__", None) or type(getattr(value, "__self__", value)).__name__)
            for name, value in vars(module).items()
            if not name.startswith("__") and callable(value)
        }
        for module in MODULES
    }


def measure(effort: Effort) -> Findings:
    """Look at the same names, and take the same nap, in a process as it comes and in a patched one."""
    before, after, code = bare(whose), patched(whose), bare(code_of_a_caller)
    changed = {
        module: [name for name, where in names.items() if after[module].get(name) != where]
        for module, names in before.items()
    }
    plain_s = spread_of(bare(naps, rounds=effort.rounds))
    green_s = spread_of(patched(naps, rounds=effort.rounds))
    return Findings(
        measures=[
            Measure(f"{SLEEPERS} green threads call time.sleep({NAP_S}), unpatched", "s", plain_s),
            Measure("the same, patched", "s", green_s),
        ],
        tables=[
            Table("the same name in both processes", ["name", "unpatched: made in", "patched: made in"],
                  [[f"{module}.{name}", before[module][name], after[module][name]] for module, name in SHOWN
                   if name in before[module] and name in after[module]]),
            Table("how many names were exchanged", ["module", "of its names", "exchanged"],
                  [[module, str(len(before[module])), str(len(names))] for module, names in changed.items()]),
        ],
        claims=[
            Claim("Unpatched they sleep one after the other", plain_s.median > 0.9 * SLEEPERS * NAP_S,
                  f"{number(plain_s.median)} s for {SLEEPERS} naps of {NAP_S} s"),
            Claim("Patched they sleep side by side", green_s.median < 0.5 * SLEEPERS * NAP_S,
                  f"{number(green_s.median)} s"),
            Claim("Nobody's code was changed: only what its names stand for",
                  before["time"]["sleep"] != after["time"]["sleep"] and code == patched(code_of_a_caller),
                  f"time.sleep is {after['time']['sleep']}'s; the {len(code) // 2} bytes of who calls it are the same",
                  needs_quiet=False),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="monkey",
    question="what does monkey patching change?",
    code=[nap_together, whose],
    measure=measure,
    reading=(
        "Patching exchanges functions and classes in modules of the standard library: `time.sleep` is another "
        "function afterwards, and so whoever calls it waits green without knowing. It must come first: who said "
        "`from time import sleep` before keeps the old one. greenload patches in the first line of its own process "
        "and nowhere else, so `import greenload` changes nothing in yours."
    ),
    following="heart",
)
