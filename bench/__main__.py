"""python -m bench: greenload's HttpUser against Locust's, on one core, in pairs.

Shows a table and, with --json, writes all that was measured. Wants an environment of its own with greenload and
bench/requirements.txt in it; runs in the repository's root.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.machine import circumstances
from bench.measure import Bench, Pair, Rate, spread
from bench.peers import GREENLOAD, LOCUST
from bench.process import IS_LINUX, BenchError, choose_cores
from bench.server import serving
from bench.table import Table

PACKAGES = ("greenload", "locust", "gevent", "urllib3", "requests")
PEERS = (GREENLOAD, LOCUST)
START_UPS = 5


def main() -> None:
    options = _options()
    # As Ctrl-C: the server and the tool under way are ended, not left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.json is not None:
            options.json.touch()  # whether it can be written is known before the minutes are spent
        document = _measure(options)
    except (BenchError, OSError) as error:
        sys.exit(f"bench: {error}")
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pairs", type=_above_zero, default=5, help="how often each tool runs, taking turns [%(default)s]"
    )
    parser.add_argument("--seconds", type=_above_zero, default=6, help="how long each run is [%(default)s]")
    parser.add_argument("--users", type=_above_zero, default=32, help="virtual users, without think time [%(default)s]")
    parser.add_argument(
        "--idle-users", type=int, default=1000, help="users in the memory measurement; 0 leaves it out [%(default)s]"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to this file")
    return parser.parse_args()


def _above_zero(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, show each result as soon as it is there, and return all of them."""
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name, serving(cores.server, Path(name)) as server:
        bench = Bench(server, cores, Path(name))
        around = circumstances(PACKAGES, server.name)
        table = Table(PEERS)
        table.circumstances(around, cores, options.users, options.seconds)

        pairs: list[Pair] = []
        for number in range(1, options.pairs + 1):
            pairs.append(bench.pair(*PEERS, options.users, options.seconds))
            table.pair(number, pairs[-1])
        ratio, cpu_ratio = spread([pair.ratio for pair in pairs]), spread([pair.cpu_ratio for pair in pairs])
        table.ratios(ratio, cpu_ratio)

        start_ups = bench.start_up(PEERS, START_UPS)
        table.start_ups(start_ups)

        idle_bytes: list[float] = []
        if options.idle_users > 1 and IS_LINUX:
            idle_bytes = [bench.bytes_per_idle_user(peer, options.idle_users) for peer in PEERS]
            table.idle(idle_bytes, options.idle_users)
    return {
        "schema": "greenload.bench/1",
        "circumstances": around,
        "cores": asdict(cores),
        "users": options.users,
        "peers": [peer.name for peer in PEERS],
        "pairs": [_pair_document(pair) for pair in pairs],
        "ratio": asdict(ratio),
        "cpu_ratio": asdict(cpu_ratio),
        "start_up": [[asdict(usage) for usage in usages] for usages in start_ups],
        "bytes_per_idle_user": idle_bytes,
    }


def _pair_document(pair: Pair) -> dict[str, Any]:
    return {
        "first": _rate_document(pair.first),
        "second": _rate_document(pair.second),
        "ratio": pair.ratio,
        "cpu_ratio": pair.cpu_ratio,
    }


def _rate_document(rate: Rate) -> dict[str, Any]:
    return {
        **asdict(rate),
        "requests_per_s": rate.per_s,
        "cpu_us_per_request": rate.cpu_us_per_request,
        "unreported": rate.unreported,
    }


if __name__ == "__main__":
    main()
