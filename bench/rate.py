"""python -m bench.rate: whether a rate is delivered, and how late each arrival begins, on one core.

greenload with --rate against a server on another core, several times; wrk2 beside it where it is installed. Lateness is
from when an arrival was due to when its user began with it. wrk2 does not say it; its latencies, like greenload's
response times, count from when a request was due. Before each run a process that does nothing but wait and compute, as
often and about as long, says how late that is on this machine: nobody on the same core can do better for long.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import circumstances
from bench.measure import MARGIN_S, spread
from bench.peers import USERS
from bench.process import BenchError, Cores, choose_cores, run
from bench.server import Server, serving

WORK_S = 0.0003  # about what greenload computes for an arrival
WRK2_CONNECTIONS = 32
WRK2_WORD = "Latency Distribution (HdrHistogram - Recorded Latency)"
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Delivery:
    """One run of greenload. Times are in ms: {"p50": ..., "p99": ..., "max": ...}."""

    served: int
    lateness_ms: dict[str, float]
    service_ms: dict[str, float]


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name:
        try:
            with serving(cores.server, Path(name)) as server:
                _show_circumstances(cores, server, options)
                _bench(cores, server, options, Path(name))
        except (BenchError, OSError) as error:
            sys.exit(f"bench: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.rate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=1_000, help="arrivals a second [%(default)s]")
    parser.add_argument("--seconds", type=int, default=20, help="how long each run is [%(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool runs [%(default)s]")
    return parser.parse_args()


def _show_circumstances(cores: Cores, server: Server, options: argparse.Namespace) -> None:
    for name, value in circumstances(("greenload",), server.name).items():
        print(f"{name:<10} {value}")
    apart = f"generator on core {cores.generator}, server on core {cores.server}"
    print(f"{'cores':<10} {apart if cores.are_apart else 'NOT APART: generator and server share their time'}")
    print(f"{'load':<10} {options.rate:,} arrivals/s for {options.seconds} s, {options.rounds} times")


def _bench(cores: Cores, server: Server, options: argparse.Namespace, folder: Path) -> None:
    wanted = options.rate * options.seconds
    heads = f"{'delivered':>10} {'late p50':>9} {'p99':>9} {'max':>9} {'service p99':>12} {'bare p99':>9}"
    print(f"\n{'greenload':<10} {heads}")
    runs, bare_ms = [], []
    for number in range(1, options.rounds + 1):
        bare_ms.append(_bare_wait_ms(cores, options, folder))
        runs.append(_greenload(cores, server, options, folder))
        _show(number, runs[-1], wanted, bare_ms[-1])
    late_ms = spread([each.lateness_ms["p99"] for each in runs])
    part = spread([each.served / wanted for each in runs])
    print(f"\n{'median':<10} delivered {part.median:.3%} of what was offered ({part.least:.3%} to {part.most:.3%})")
    print(f"{'':<10} late by {late_ms.median:.2f} ms at p99 ({late_ms.least:.2f} to {late_ms.most:.2f})")
    bare = spread(bare_ms)
    print(f"{'':<10} bare waiting: {bare.median:.2f} ms at p99 ({bare.least:.2f} to {bare.most:.2f})")
    wrk2 = shutil.which("wrk2")
    if wrk2 is None:
        print(f"\n{'wrk2':<10} not installed")
        return
    print(f"\n{'wrk2':<10} {'delivered':>10} {'p50':>9} {'p99':>9} {'max':>9}, from when each was due")
    for number in range(1, options.rounds + 1):
        served, response_ms = _wrk2(wrk2, cores, server, options, folder)
        times = " ".join(f"{response_ms[key]:>9.2f}" for key in ("p50", "p99", "max"))
        print(f"{number:<10} {served / wanted:>10.3%} {times}", flush=True)


def _show(number: int, delivery: Delivery, wanted: int, bare_ms: float) -> None:
    late = " ".join(f"{delivery.lateness_ms[key]:>9.3f}" for key in ("p50", "p99", "max"))
    service_ms = delivery.service_ms["p99"]
    print(f"{number:<10} {delivery.served / wanted:>10.3%} {late} {service_ms:>12.3f} {bare_ms:>9.3f}", flush=True)


def _bare_wait_ms(cores: Cores, options: argparse.Namespace, folder: Path) -> float:
    output = folder / "bare.txt"
    command = [sys.executable, "-m", "bench.bare_wait", str(options.rate), str(options.seconds), str(WORK_S)]
    run(command, cores.generator, options.seconds + MARGIN_S, output)
    return float(output.read_text())


def _greenload(cores: Cores, server: Server, options: argparse.Namespace, folder: Path) -> Delivery:
    result = folder / "result.json"
    # A quiet second at the end: what is due in the last moment of a run may find no time to begin.
    stages = f"{options.rate}/s@0s,{options.rate}/s@{options.seconds}s,0/s@0s,0/s@1s"
    command = [sys.executable, "-m", "greenload", "run", str(USERS / "rate.py"), "-H", server.url, "--quiet"]
    command += ["--rate-stages", stages, "--json", str(result)]
    before = server.requests()
    run(command, cores.generator, options.seconds + MARGIN_S, folder / "output.txt")
    document: dict[str, Any] = json.loads(result.read_text())
    names = {each["method"]: each for each in document["names"]}
    if names["GET"]["failures"]:
        raise BenchError(f"{names['GET']['failures']} requests failed: no measurement")
    return Delivery(
        server.requests() - before,
        names["BEGIN"]["response_ms"],
        names["GET"]["service_ms"],
    )


def _wrk2(
    program: str, cores: Cores, server: Server, options: argparse.Namespace, folder: Path
) -> tuple[int, dict[str, float]]:
    """Return how many requests the server counted, and their latencies as wrk2 says them."""
    output = folder / "wrk2.txt"
    command = [program, "-t", "1", "-c", str(WRK2_CONNECTIONS), "-d", f"{options.seconds}s", "-R", str(options.rate)]
    before = server.requests()
    run([*command, "--latency", f"{server.url}/albums"], cores.generator, options.seconds + MARGIN_S, output)
    said = output.read_text()
    if WRK2_WORD not in said:
        raise BenchError(f"wrk2 says no latencies that count from when a request was due:\n{said}")
    found = re.findall(r"^\s*(50|99|100)\.000%\s+([\d.]+)(us|ms|s|m)\s*$", said, re.MULTILINE)
    latencies_ms = {percent: float(number) * UNITS_MS[unit] for percent, number, unit in found}
    response_ms = {"p50": latencies_ms["50"], "p99": latencies_ms["99"], "max": latencies_ms["100"]}
    return server.requests() - before, response_ms


if __name__ == "__main__":
    main()
