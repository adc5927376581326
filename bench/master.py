"""python -m bench.master: how many workers one core of a master keeps up with.

Runs `greenload master` on one core and, on another, processes that play workers to it (bench/simulated.py): each
reports once a second, ten names a report. Shows what the master used, how long reports took to be acknowledged, whether
that grew, and whether it counted exactly what was put.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.command import add_json, conduct_and_write, new_parser
from bench.machine import circumstances
from bench.peers import USERS
from bench.process import (
    IS_LINUX,
    BenchError,
    Cores,
    Process,
    Usage,
    choose_cores,
    cpu_s,
    resident_bytes,
    run,
    running,
    wait_until,
)

PACKAGES = ("greenload", "gevent", "pyzmq", "msgpack", "hdrhistogram")
SCENARIO = USERS / "nothing.py"
WORKERS_A_PROCESS = 125
START_S = 30.0
MARGIN_S = 90.0  # for workers to come, and for what is left at the end
LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Look:
    """What the master had used at one moment of this machine's monotonic clock."""

    at_s: float
    cpu_s: float
    resident_bytes: int


@dataclass(frozen=True)
class Delays:
    """How long after it was put a report was acknowledged."""

    p50_s: float
    p99_s: float
    most_s: float


@dataclass(frozen=True)
class Measured:
    """One run of a master.  cpu_* are of the seconds in which all workers reported; unequal: what does not add up."""

    reports: int
    cpu_percent: float
    cpu_us_per_report: float
    delays: Delays
    first_third: Delays
    last_third: Delays
    resident_bytes: list[int]
    workers_cpu_percent: float
    unequal: list[str]


def delays_of(delays_s: Sequence[float]) -> Delays:
    ascending = sorted(delays_s)
    return Delays(ascending[len(ascending) // 2], ascending[len(ascending) * 99 // 100], ascending[-1])


class MasterBench:
    """One master, and the processes that play its workers."""

    def __init__(self, options: argparse.Namespace, cores: Cores, folder: Path) -> None:
        self._options = options
        self._cores = cores
        self._folder = folder
        self._result = folder / "result.json"

    def run(self) -> Measured:
        """Raises BenchError when somebody did not see the run through."""
        options = self._options
        limit_s = options.seconds + MARGIN_S
        # The workers' last report is that of the plan's last second: who leaves earlier is a change of the roster, and
        # everybody is told of it.
        command = [
            *(sys.executable, "-m", "greenload", "master", "--headless", str(SCENARIO), "--bind", "tcp://127.0.0.1:0"),
            *("--expect-workers", str(options.workers), "-u", str(10 * options.workers), "-t", f"{options.seconds}s"),
            *("--quiet", "--json", str(self._result)),
        ]
        with running(command, self._cores.server, self._folder / "master.log") as master:
            address = self._address(master)
            looks: list[Look] = []
            with ThreadPoolExecutor() as pool:
                playing = [pool.submit(self._play, address, each, limit_s) for each in self._processes()]
                while not all(each.done() for each in playing):
                    looks.append(Look(time.perf_counter(), cpu_s(master.pid), resident_bytes(master.pid)))
                    time.sleep(LOOK_EVERY_S)
                usages = [each.result() for each in playing]
            master.end(START_S)
        return self._measured(looks, usages)

    def _address(self, master: Process) -> str:
        def said() -> re.Match[str] | None:
            return re.search(r"tcp://[\d.]+:\d+", master.output.read_text())

        wait_until(lambda: said() is not None, master, START_S)
        found = said()
        assert found is not None
        return found[0]

    def _processes(self) -> list[tuple[int, int]]:
        """Return (number, workers) of each process."""
        workers = self._options.workers
        firsts = range(0, workers, WORKERS_A_PROCESS)
        return [(number, min(WORKERS_A_PROCESS, workers - first)) for number, first in enumerate(firsts)]

    def _play(self, address: str, process: tuple[int, int], limit_s: float) -> Usage:
        number, workers = process
        options = self._options
        command = [
            *(sys.executable, "-m", "bench.simulated", "--master", address, "--prefix", f"simulated-{number}"),
            *("--scenario-sha256", sha256(SCENARIO.read_bytes()).hexdigest(), "--workers", str(workers)),
            *("--names", str(options.names), "--seconds", str(options.seconds)),
            *("--output", str(self._folder / f"played-{number}.json"), *(["--late"] if options.late else [])),
        ]
        return run(command, self._cores.generator, limit_s, self._folder / f"simulated-{number}.log")

    def _measured(self, looks: Sequence[Look], usages: Sequence[Usage]) -> Measured:
        played = [json.loads(path.read_text()) for path in sorted(self._folder.glob("played-*.json"))]
        acknowledged = sorted(tuple(each) for one in played for each in one["acknowledged"])
        delays_s = [delay_s for _, delay_s in acknowledged]
        third = len(delays_s) // 3
        # The first and last seconds are those in which workers come and go.
        from_s, to_s = acknowledged[0][0] + 2, acknowledged[-1][0] - 2
        steady = [look for look in looks if from_s <= look.at_s <= to_s]
        if len(steady) < 2:
            raise BenchError("the run was too short to measure; give it more --seconds")
        spent_s, took_s = steady[-1].cpu_s - steady[0].cpu_s, steady[-1].at_s - steady[0].at_s
        taken = sum(steady[0].at_s < at_s <= steady[-1].at_s for at_s, _ in acknowledged)
        return Measured(
            reports=len(delays_s),
            cpu_percent=100 * spent_s / took_s,
            cpu_us_per_report=1e6 * spent_s / taken,
            delays=delays_of(delays_s),
            first_third=delays_of(delays_s[:third]),
            last_third=delays_of(delays_s[-third:]),
            resident_bytes=[look.resident_bytes for look in looks if look.resident_bytes],  # none once it has ended
            workers_cpu_percent=100 * sum(usage.cpu_s for usage in usages) / max(usage.wall_s for usage in usages),
            unequal=_unequal(json.loads(self._result.read_text()), played),
        )


def _unequal(summary: dict[str, Any], played: Sequence[dict[str, Any]]) -> list[str]:
    """Return where the master's numbers are not those that were put."""
    put: Counter[str] = sum((Counter(one["counted"]) for one in played), Counter())
    merged = {each["name"]: each["requests"] for each in summary["names"]}
    sums = summary["reconciliation"]
    unequal = [f"{name}: put {put[name]}, merged {merged.get(name)}" for name in put if merged.get(name) != put[name]]
    for key in ("sent", "succeeded", "counted_by_workers", "merged_by_master"):
        if sums[key] != put.total():
            unequal.append(f"{key}: put {put.total()}, the master says {sums[key]}")
    return unequal


def main() -> None:
    options = _options()
    document = conduct_and_write(lambda: _measure(options), options.json)
    if document["measured"]["unequal"]:
        sys.exit(1)


def _options() -> argparse.Namespace:
    parser = new_parser("bench.master", __doc__)
    parser.add_argument("--workers", type=int, default=500, help="how many workers are played [%(default)s]")
    parser.add_argument("--names", type=int, default=10, help="request names in each report [%(default)s]")
    parser.add_argument("--seconds", type=int, default=30, help="reports of each worker, one a second [%(default)s]")
    parser.add_argument(
        "--late", action="store_true", help="requests begin late: response and service time differ, reports are larger"
    )
    add_json(parser)
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, show what came out, and return it."""
    if not IS_LINUX:
        raise BenchError("this bench reads /proc and pins processes; it needs Linux")
    cores = choose_cores()
    around = circumstances(PACKAGES)
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name:
        measured = MasterBench(options, cores, Path(name)).run()
    load = {key: getattr(options, key) for key in ("workers", "names", "seconds", "late")}
    _show(around, cores, load, measured)
    return {
        "schema": "greenload.bench.master/1",
        "circumstances": around,
        "cores": asdict(cores),
        "load": load,
        "measured": asdict(measured),
    }


def _show(around: dict[str, str], cores: Cores, load: dict[str, Any], measured: Measured) -> None:
    for name, value in around.items():
        print(f"{name:<12} {value}")
    apart = f"master on core {cores.server}, workers on core {cores.generator}"
    print(f"{'cores':<12} {apart if cores.are_apart else 'NOT APART: master and workers share their time'}")
    print(f"{'load':<12} {load['workers']} workers, {load['names']} names, {load['seconds']} s, a report a second")
    print(f"\n{'master':<12} {measured.cpu_percent:.0f} % of its core, {measured.cpu_us_per_report:,.0f} us a report")
    print(f"{'workers':<12} {measured.workers_cpu_percent:.0f} % of theirs\n")
    print(f"{'put to acknowledged':<20} {'p50':>8} {'p99':>8} {'max':>8}")
    for name, delays in (
        ("whole run", measured.delays),
        ("first third", measured.first_third),
        ("last third", measured.last_third),
    ):
        print(f"{name:<20} {delays.p50_s:>6.2f} s {delays.p99_s:>6.2f} s {delays.most_s:>6.2f} s")
    print("\nmaster's memory, each minute and at the end, in MB:")
    held = [*measured.resident_bytes[:: round(60 / LOOK_EVERY_S)], measured.resident_bytes[-1]]
    print("  " + " ".join(f"{each / 1e6:.0f}" for each in held))
    print(
        f"\n{measured.reports:,} reports: " + ("exactly what was put" if not measured.unequal else "NOT what was put")
    )
    for each in measured.unequal:
        print(f"  {each}")


if __name__ == "__main__":
    main()
