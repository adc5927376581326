"""python -m bench.alarms: how often `greenload compare` says that two runs differ which do not.

Plays pairs of runs, each with times around 20 ms whose level wanders: a part of it stays each second. Says how many of
the judgements of median, p95 and p99 are "faster" or "slower"; of twenty one should be, at most.
"""

from __future__ import annotations

import argparse
import math
from random import Random

from bench.command import new_parser
from bench.machine import circumstances
from greenload.core.compare import FASTER, PERCENTS, SLOWER, Side, judge
from greenload.core.stats import Stats, Tally
from greenload.core.strip import RESPONSE, TOTAL, Strip, strip_of

SECONDS = (60, 300)
# By how much the level wanders, and the part of it that stays from one second to the next.
WANDERS = ((0.0, 0.0), (0.1, 0.5), (0.05, 0.8), (0.1, 0.8), (0.3, 0.8))
MEDIAN_US, SIGMA = 20_000, 0.4  # log-normal


def main() -> None:
    options = _options()
    for name, value in circumstances(("greenload",)).items():
        print(f"{name:<10} {value}")
    print(f"{'runs':<10} {options.pairs} pairs, {options.rate} requests/s")
    print(f"\n{'run':>6} {'wanders':>8} {'stays':>6} " + " ".join(f"{f'p{percent:g}':>6}" for percent in PERCENTS))
    for seconds in SECONDS:
        for wander, stays in WANDERS:
            alarms = _alarms(options.pairs, seconds, options.rate, wander, stays)
            shown = " ".join(f"{100 * alarms[percent] / options.pairs:>4.1f} %" for percent in PERCENTS)
            print(f"{seconds:>4} s {wander:>8.0%} {stays:>6} {shown}", flush=True)


def _options() -> argparse.Namespace:
    parser = new_parser("bench.alarms", __doc__)
    parser.add_argument("--pairs", type=int, default=400, help="of runs, for each line [%(default)s]")
    parser.add_argument("--rate", type=int, default=50, help="requests a second [%(default)s]")
    return parser.parse_args()


def _alarms(pairs: int, seconds: int, rate: int, wander: float, stays: float) -> dict[float, int]:
    """Return how many judgements of each percentile were alarms."""
    alarms = dict.fromkeys(PERCENTS, 0)
    for pair in range(pairs):
        one, other = (
            Side(f"{pair} {side}", [_played(f"{pair} {side}", seconds, rate, wander, stays)]) for side in "ab"
        )
        for percent, judged in judge(one, other, TOTAL).items():
            alarms[percent] += judged.word in (FASTER, SLOWER)
    return alarms


def _played(seed: str, seconds: int, rate: int, wander: float, stays: float) -> Strip:
    draw = Random(seed)
    level = draw.gauss(0, wander)
    played = []
    for second in range(seconds):
        level = stays * level + math.sqrt(1 - stays**2) * draw.gauss(0, wander)
        stats = Stats()
        tally = stats.tallies["GET", "/"] = Tally()
        for _ in range(rate):
            tally.succeeded.response.record(int(MEDIAN_US * math.exp(level + draw.gauss(0, SIGMA))))
        played.append((second, stats))
    return strip_of(RESPONSE, float(seconds), played)


if __name__ == "__main__":
    main()
