"""python -m bench: greenload's users, Locust's, and hey, wrk and ab where they are installed, on one core, in turns.

Shows a table and, with --json, writes all that was measured. Wants an environment of its own with greenload and
bench/requirements.txt in it; runs in the repository's root.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.command import add_json, conduct_and_write, new_parser
from bench.machine import circumstances
from bench.measure import Bench, Rate, Ratio, Round, ratios, spread
from bench.peers import DUELS, MUST_BE_THERE, PEERS, STARTED, Duel, installed
from bench.process import IS_LINUX, choose_cores
from bench.server import serving
from bench.table import Table

PACKAGES = ("greenload", "locust", "gevent", "urllib3", "requests")
START_UPS = 5


def main() -> None:
    options = _options()
    conduct_and_write(lambda: _measure(options), options.json)


def _options() -> argparse.Namespace:
    parser = new_parser("bench", __doc__)
    parser.add_argument(
        "--rounds", type=_above_zero, default=5, help="how often each tool runs, taking turns [%(default)s]"
    )
    parser.add_argument("--seconds", type=_above_zero, default=4, help="how long each run is [%(default)s]")
    parser.add_argument("--users", type=_above_zero, default=32, help="virtual users, without think time [%(default)s]")
    parser.add_argument(
        "--idle-users", type=int, default=1000, help="users in the memory measurement; 0 leaves it out [%(default)s]"
    )
    parser.add_argument(
        "--unique-heads", action="store_true", help="no two answers have the same head; without, most of a second have"
    )
    add_json(parser)
    return parser.parse_args()


def _above_zero(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, show each result as soon as it is there, and return all of them."""
    cores = choose_cores()
    # Those that must be there fail by name when they are run.
    peers = [peer for peer in PEERS if peer in MUST_BE_THERE or peer in installed(PEERS)]
    with (
        tempfile.TemporaryDirectory(prefix="greenload-bench-") as name,
        serving(cores.server, Path(name), has_unique_heads=options.unique_heads) as server,
    ):
        bench = Bench(server, cores, Path(name))
        around = circumstances(PACKAGES, server.name)
        table = Table()
        table.circumstances(around, cores, options.users, options.seconds, has_unique_heads=options.unique_heads)
        table.missing([peer for peer in PEERS if peer not in peers])

        rounds: list[Round] = []
        for number in range(1, options.rounds + 1):
            rounds.append({})
            for peer, rate in bench.round(peers, options.users, options.seconds):
                rounds[-1][peer.name] = rate
                table.rate(number, peer, rate)
        table.medians(peers, rounds)
        duels = [(duel, ratios(duel, rounds)) for duel in DUELS if duel.one in peers and duel.rival in peers]
        table.duels(duels)

        start_ups = bench.start_up(STARTED, START_UPS)
        start_up_ratio = spread([one.wall_s / other.wall_s for one, other in zip(*start_ups, strict=True)])
        table.start_ups(STARTED, start_ups, start_up_ratio)

        idle_bytes: dict[str, float] = {}
        if options.idle_users > 1 and IS_LINUX:
            with_users = [peer for peer in peers if peer.has_users]
            idle_bytes = {peer.name: bench.bytes_per_idle_user(peer, options.idle_users) for peer in with_users}
            table.idle(idle_bytes, options.idle_users)
    return {
        "schema": "greenload.bench/2",
        "circumstances": around,
        "cores": asdict(cores),
        "users": options.users,
        "unique_heads": options.unique_heads,
        "peers": [peer.name for peer in peers],
        "rounds": [{peer: _rate_document(rate) for peer, rate in each.items()} for each in rounds],
        "duels": [_duel_document(*duel) for duel in duels],
        "start_up": {
            peer.name: [asdict(usage) for usage in usages] for peer, usages in zip(STARTED, start_ups, strict=True)
        },
        "start_up_ratio": asdict(start_up_ratio),
        "bytes_per_idle_user": idle_bytes,
    }


def _duel_document(duel: Duel, each: list[Ratio]) -> dict[str, Any]:
    return {
        "one": duel.one.name,
        "rival": duel.rival.name,
        "rounds": [asdict(ratio) for ratio in each],
        "requests": asdict(spread([ratio.requests for ratio in each])),
        "cpu": asdict(spread([ratio.cpu for ratio in each])),
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
