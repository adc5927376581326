"""The verdict: may these numbers be believed?

A generator that is itself late or out of breath measures itself. Looks only at Results; the reasons are sentences for
somebody who never heard of lag.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenload.core.results import BUSY_CPU_PERCENT, Results

MOST_LAG_PART = 0.10
FEWEST_TICKS = 100  # of fewer, "1 in 100" would be whichever was the worst
MOST_BUSY_S = 3


@dataclass(frozen=True)
class Verdict:
    """VALID when there is no reason for doubt, else SUSPECT."""

    reasons: tuple[str, ...]

    @property
    def status(self) -> str:
        return "suspect" if self.reasons else "valid"


def judge(results: Results) -> Verdict:
    """Return the verdict on `results` as they stand now."""
    reasons = (_nothing_measured(results), _lag(results), _cpu(results), _users(results), _numbers(results))
    return Verdict(tuple(reason for reason in reasons if reason))


def _nothing_measured(results: Results) -> str | None:
    if results.total.succeeded + results.total.failed:
        return None
    return "no request ended, so there is nothing to judge"


def _lag(results: Results) -> str | None:
    lag, response = results.total.lag, results.total_tally.ended().response
    if lag.count < FEWEST_TICKS or not response.count:
        return None
    lag_us, median_us = lag.percentile(99), response.percentile(50)
    if lag_us <= MOST_LAG_PART * median_us:
        return None
    return (
        f"the generator itself was late: 1 in 100 times it woke {lag_us / 1000:.2f} ms or more after it should have,"
        f" which is over {MOST_LAG_PART:.0%} of the median response time ({median_us / 1000:.2f} ms), so part of what"
        " was measured is its own delay; use fewer users, tasks that compute less, or a less busy machine"
    )


def _cpu(results: Results) -> str | None:
    busiest = max(results.workers.items(), key=lambda item: item[1].busy_s, default=None)
    if busiest is None or busiest[1].busy_s < MOST_BUSY_S:
        return None
    worker, record = busiest
    return (
        f"the generator was out of breath: {worker} used over {BUSY_CPU_PERCENT:.0f} % of its core for"
        f" {record.busy_s:.0f} s on end, so the server may be faster than it looks;"
        " use fewer users or tasks that compute less"
    )


def _users(results: Results) -> str | None:
    died = results.total.users_died
    if not died:
        return None
    times = "once" if died == 1 else f"{died} times"
    return (
        f"{times} a user could not go on and was started anew, so there was less load than planned; see the exceptions"
    )


def _numbers(results: Results) -> str | None:
    sums = results.reconcile()
    if sums.adds_up:
        return None
    lost = [
        f"{gap.worker} at {gap.until_s:.1f} s (its last report: {gap.from_s:.1f} s)"
        for gap in sums.missing
        if gap.is_lost
    ]
    if lost:
        return "workers were lost, and what they did after their last report is missing: " + ", ".join(lost)
    missing = [f"{gap.requests} of {gap.worker}" for gap in sums.missing if gap.requests > 0]
    if missing:
        return "requests are missing: " + ", ".join(missing)
    doubled = [f"{-gap.requests} of {gap.worker}" for gap in sums.missing]
    if doubled:
        return "requests were counted twice: " + ", ".join(doubled)
    ended = f"{sums.succeeded} succeeded + {sums.failed} failed + {sums.unfinished} unfinished"
    return f"the numbers do not add up: {sums.sent} requests were sent, but {ended}"
