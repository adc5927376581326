"""python -m bench.placement: how long it takes to work out the whole plan of a very large run.

A ramp to 100,000 users of 50 classes on 1,000 workers, and then the numbers of every worker, from one Roster: what each
worker works out for itself while the users come. Every change of the number of users is a step of its own. Measured in
processor time, which others on the machine hardly change.
"""

from __future__ import annotations

import argparse
import time

from bench.command import new_parser
from bench.machine import circumstances
from bench.measure import spread
from greenload.core.placement import Share
from greenload.core.roster import JOIN, Change, Roster
from greenload.core.shape import ramp

WEIGHTS = 13  # different ones
RAMP_S = 100.0


def main() -> None:
    options = _options()
    for name, value in circumstances(("greenload",)).items():
        print(f"{name:<10} {value}")
    times_s = [_plan_s(options.users, options.classes, options.workers) for _ in range(options.times)]
    whole = spread(times_s)
    print(f"{'plan':<10} {options.users:,} users, {options.classes} classes, {options.workers:,} workers")
    print(f"{'whole plan':<10} {whole.median:.2f} s ({whole.least:.2f} to {whole.most:.2f})")


def _options() -> argparse.Namespace:
    parser = new_parser("bench.placement", __doc__)
    parser.add_argument("--users", type=int, default=100_000, help="[%(default)s]")
    parser.add_argument("--classes", type=int, default=50, help="[%(default)s]")
    parser.add_argument("--workers", type=int, default=1_000, help="[%(default)s]")
    parser.add_argument("--times", type=int, default=5, help="how often it is measured [%(default)s]")
    return parser.parse_args()


def _plan_s(users: int, classes: int, workers: int) -> float:
    """Return the processor time of the plan, from an empty roster to the users of each worker."""
    shares = [Share(f"Class{number}", 1 + number % WEIGHTS) for number in range(classes)]
    names = [f"worker-{number}" for number in range(workers)]
    began_s = time.process_time()
    roster = Roster(shares, ramp(users, users / RAMP_S))
    for name in names:
        roster.hear(Change(0.0, JOIN, name))
    placed = [roster.users_of(name, RAMP_S) for name in names]
    took_s = time.process_time() - began_s
    assert sum(sum(each.values()) for each in placed) == users
    return took_s


if __name__ == "__main__":
    main()
