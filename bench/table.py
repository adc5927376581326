"""The table a person reads: each line is printed as soon as it is known. Knows nothing of how anything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.measure import Pair, Rate, Spread, spread
from bench.peers import Peer
from bench.process import Cores, Usage
from bench.server import ANSWER

INTRODUCTION = """
Requests per second on one core; CPU of the whole process, its start included. Where CPU is well below 100 %, somebody
else had the core: then the ratio by CPU is the one to believe.
unreported: requests the server counted and the tool does not report.
"""


class Table:
    """Prints what `peers`, in that order, have done."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._peers = peers

    def circumstances(self, around: Mapping[str, str], cores: Cores, users: int, seconds: int) -> None:
        for name, value in around.items():
            print(f"{name:<10} {value}")
        apart = f"generator on core {cores.generator}, server on core {cores.server}"
        print(f"{'cores':<10} {apart if cores.are_apart else 'NOT APART: generator and server share their time'}")
        print(f"{'load':<10} {users} users, no think time, GET of {len(ANSWER)} bytes, {seconds} s a run")
        print(INTRODUCTION)
        heads = f"{'requests/s':>10} {'CPU us/request':>14} {'CPU':>5} {'unreported':>10} {'ratio':>6}"
        print(f"{'pair':>4}  {'':<18} {heads}", flush=True)

    def pair(self, number: int, pair: Pair) -> None:
        self._rate(str(number), self._peers[0], pair.first, "")
        self._rate("", self._peers[1], pair.second, f"{pair.ratio:.2f}")

    def ratios(self, requests: Spread, cpu: Spread) -> None:
        print()
        for name, ratio in (("requests/s", requests), ("CPU per request", cpu)):
            print(f"ratio by {name:<16} median {ratio.median:.2f}, {ratio.least:.2f} to {ratio.most:.2f}", flush=True)
        print(flush=True)

    def start_ups(self, start_ups: Sequence[Sequence[Usage]]) -> None:
        for peer, usages in zip(self._peers, start_ups, strict=True):
            wall = spread([usage.wall_s for usage in usages])
            peak_mb = max(usage.peak_bytes for usage in usages) / 1e6
            seconds = f"{wall.median:.2f} s ({wall.least:.2f} to {wall.most:.2f})"
            print(f"{peer.script + ' --help':<18} {seconds}, {peak_mb:.0f} MB", flush=True)

    def idle(self, idle_bytes: Sequence[float], users: int) -> None:
        print(f"\nMemory of one idle user with an open connection ({users:,} users):")
        for peer, each_bytes in zip(self._peers, idle_bytes, strict=True):
            print(f"{peer.name:<18} {each_bytes / 1024:.1f} KB")

    def _rate(self, number: str, peer: Peer, rate: Rate, ratio: str) -> None:
        cpu = rate.usage.cpu_s / rate.usage.wall_s
        numbers = f"{rate.per_s:>10,.0f} {rate.cpu_us_per_request:>14,.0f} {cpu:>5.0%} {rate.unreported:>10}"
        print(f"{number:>4}  {peer.name:<18} {numbers} {ratio:>6}", flush=True)
