"""The table a person reads: each line is printed as soon as it is known. Knows nothing of how anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.measure import Rate, Ratio, Round, Spread, spread
from bench.peers import Duel, Peer
from bench.process import Cores, Usage
from bench.server import ANSWER

INTRODUCTION = """
Requests per second on one core; CPU us/request without what starting and ending the tool costs. Where CPU is well below
100 %, somebody else had the core: then the ratio by CPU is the one to believe.
unreported: requests the server counted and the tool does not report.
"""
WIDTH = 46  # of the longest name of a duel


class Table:
    """Prints what is measured."""

    def circumstances(
        self, around: Mapping[str, str], cores: Cores, users: int, seconds: int, *, has_unique_heads: bool
    ) -> None:
        for name, value in around.items():
            print(f"{name:<10} {value}")
        apart = f"generator on core {cores.generator}, server on core {cores.server}"
        print(f"{'cores':<10} {apart if cores.are_apart else 'NOT APART: generator and server share their time'}")
        print(f"{'load':<10} {users} users, no think time, GET of {len(ANSWER)} bytes, {seconds} s a run")
        if has_unique_heads:
            print(f"{'answers':<10} each with a head of its own")

    def missing(self, peers: Sequence[Peer]) -> None:
        if peers:
            print(f"{'without':<10} {', '.join(peer.name for peer in peers)}: not installed (make system-deps)")
        print(INTRODUCTION)
        heads = f"{'requests/s':>10} {'CPU us/request':>14} {'CPU':>5} {'unreported':>10}"
        print(f"{'round':>5}  {'':<22} {heads}", flush=True)

    def rate(self, number: int, peer: Peer, rate: Rate) -> None:
        cpu = rate.usage.cpu_s / rate.usage.wall_s
        numbers = f"{rate.per_s:>10,.0f} {rate.cpu_us_per_request:>14,.1f} {cpu:>5.0%} {rate.unreported:>10,}"
        print(f"{number:>5}  {peer.name:<22} {numbers}", flush=True)

    def medians(self, peers: Sequence[Peer], rounds: Sequence[Round]) -> None:
        print(f"\n{'median of all rounds':<{WIDTH}} {'requests/s':>10} {'CPU us/request':>14}")
        for peer in peers:
            per_s = spread([each[peer.name].per_s for each in rounds]).median
            cpu_us = spread([each[peer.name].cpu_us_per_request for each in rounds]).median
            print(f"{peer.name:<{WIDTH}} {per_s:>10,.0f} {cpu_us:>14,.1f}", flush=True)

    def duels(self, ended: Sequence[tuple[Duel, Sequence[Ratio]]]) -> None:
        print(f"\n{'times as good':<{WIDTH}} {'by requests/s':<22} {'by CPU per request':<22}")
        for duel, ratios in ended:
            requests = spread([ratio.requests for ratio in ratios])
            cpu = spread([ratio.cpu for ratio in ratios])
            print(f"{duel.name:<{WIDTH}} {_shown(requests):<22} {_shown(cpu):<22}", flush=True)
        print(flush=True)

    def start_ups(self, peers: Sequence[Peer], start_ups: Sequence[Sequence[Usage]], ratio: Spread) -> None:
        for peer, usages in zip(peers, start_ups, strict=True):
            wall = spread([usage.wall_s for usage in usages])
            peak_mb = max(usage.peak_bytes for usage in usages) / 1e6
            command = peer.name.split()[0].lower() + " --help"
            print(
                f"{command:<22} {wall.median:.2f} s ({wall.least:.2f} to {wall.most:.2f}), {peak_mb:.0f} MB", flush=True
            )
        print(f"{'the first beside the second':<22} {_shown(ratio)} times the time")

    def idle(self, idle_bytes: Mapping[str, float], users: int) -> None:
        print(f"\nMemory of one idle user with an open connection ({users:,} users):")
        for name, each_bytes in idle_bytes.items():
            print(f"{name:<22} {each_bytes / 1024:.1f} KB", flush=True)


def _shown(measured: Spread) -> str:
    return f"{measured.median:.2f} ({measured.least:.2f} to {measured.most:.2f})"
