"""The verdict: may these numbers be believed?

A generator that is itself late or out of breath measures itself. Looks only at Results; the reasons are sentences for
somebody who never heard of lag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenload.core.gate import Outcome
from greenload.core.offer import Offer
from greenload.core.results import Results
from greenload.core.thresholds import NOT_JUDGED
from greenload.core.worker_record import BUSY_CPU_PERCENT

MOST_LAG_PART = 0.10
FEWEST_TICKS = 100  # of fewer, "1 in 100" would be whichever was the worst
# There and back between two green threads over a socket takes 21 us, at least 15 (CPython 3.11, 2026-11-23). What takes
# less waited for nobody, so being woken late cannot be in it.
SHORTEST_WAIT_US = 20
MOST_BUSY_S = 3
MOST_UNFINISHED_PART = 0.001
MOST_DROPPED_PART = 0.001

# Why arrivals were dropped, and what to do.
NOBODY_FREE = "nobody was free to begin them in time"
TOO_LITTLE_POWER = (
    f"{NOBODY_FREE}; that is the generator's doing, at least in part, and need not be the server's: see above; use more"
    " workers or a less busy machine, or ask for a lower rate"
)
NO_USERS = f"{NOBODY_FREE}; users that could not go on begin nothing: see above"
TOO_FEW_USERS = (
    f"{NOBODY_FREE}; with so little load the server may look faster than it is; allow more users (--max-users), or ask"
    " for a lower rate"
)
HELD_UP = (
    "nobody began them in time, and not for want of users: the generator was held up, or users take long to start"
    " (on_start); use a less busy machine, or a longer run"
)


def _kinds(*said: str) -> frozenset[str]:
    """Return the kinds of failure in which the operating system says so, in its own words and in an exception's."""
    return frozenset(kind for text in said for kind in (text.lower(), text, f"OSError: [Errno N] {text}"))


NO_FILES = _kinds("Too many open files", "Too many open files in system")
NO_PORTS = _kinds("Cannot assign requested address", "Can't assign requested address")


@dataclass(frozen=True)
class Doubt:
    """A reason for doubt, as a sentence.  is_generators: it lies with whoever made the load, not with the server."""

    reason: str
    is_generators: bool


@dataclass(frozen=True)
class Verdict:
    """VALID when there is no doubt, else SUSPECT."""

    doubts: tuple[Doubt, ...]

    @property
    def status(self) -> str:
        return "suspect" if self.doubts else "valid"

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(doubt.reason for doubt in self.doubts)

    @property
    def generator_reasons(self) -> tuple[str, ...]:
        """Those for which the numbers say less about the server than about the generator."""
        return tuple(doubt.reason for doubt in self.doubts if doubt.is_generators)


Judge = Callable[[Results, Offer | None, Sequence[Outcome]], Verdict]


def judge(results: Results, offer: Offer | None = None, outcomes: Sequence[Outcome] = ()) -> Verdict:
    """Return the verdict on `results` as they stand now.

    offer: what became of the arrivals, if there are any;  outcomes: of the thresholds
    """
    found = [(reason(results), reason in GENERATORS) for reason in REASONS]
    if offer is not None:
        found += [(_dropped(results, offer), False), (_missing(offer), True)]
    if results.measured_tally.requests:  # else that has been said
        found += [(_unjudged(outcome), False) for outcome in outcomes]
    return Verdict(tuple(Doubt(reason, is_generators) for reason, is_generators in found if reason))


def judge_so_far(results: Results, offer: Offer | None = None, outcomes: Sequence[Outcome] = ()) -> Verdict:
    """Return what can be said of `results` while the run goes on.

    Requests are still under way then, arrivals are not reported yet, and of thresholds there is time to know more.
    """
    found = [(reason(results), reason in GENERATORS) for reason in REASONS if reason is not _numbers]
    if offer is not None:
        found.append((_dropped(results, offer), False))
    return Verdict(tuple(Doubt(reason, is_generators) for reason, is_generators in found if reason))


def _nothing_measured(results: Results) -> str | None:
    if results.measured_tally.requests:
        return None
    since = f" from {results.warmup_s} s on" if results.warmup_s else ""
    return f"no request ended{since}, so there is nothing to judge"


def _lag(results: Results) -> str | None:
    lag, timings = results.measured.lag, results.measured_tally.ended()
    if lag.count < FEWEST_TICKS or not timings.service.count:
        return None
    # A generator that cannot keep up makes arrivals wait for seconds; beside a response time with that in it, its lag
    # would look like nothing.
    lag_us, median_us = lag.percentile(99), timings.service.percentile(50)
    clock = "response" if timings.are_alike else "service"
    if median_us < SHORTEST_WAIT_US or lag_us <= MOST_LAG_PART * median_us:
        return None
    return (
        f"the generator itself was late: 1 in 100 times it woke {lag_us / 1000:.2f} ms or more after it should have,"
        f" which is over {MOST_LAG_PART:.0%} of the median {clock} time ({median_us / 1000:.2f} ms), so part of what"
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


def _files(results: Results) -> str | None:
    count = _failed_for(results, NO_FILES)
    if not count:
        return None
    return (
        f"the generator ran out of open files: {_requests(count)} failed before reaching the server (too many open"
        " files); raise the limit (ulimit -n), or share the users among more processes"
    )


def _ports(results: Results) -> str | None:
    count = _failed_for(results, NO_PORTS)
    if not count:
        return None
    return (
        f"the generator's machine ran out of local ports: {_requests(count)} failed before reaching the server (cannot"
        " assign requested address); let users keep their connections, allow more ports (net.ipv4.ip_local_port_range),"
        " or share the users among more machines"
    )


def _failed_for(results: Results, kinds: frozenset[str]) -> int:
    # By the few that are looked for, not by the many there may be: a verdict is asked for each second.
    failures = (tally.failures.kept for tally in results.total.tallies.values())
    return sum(kept[kind].count for kept in failures for kind in kept.keys() & kinds)


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


def _unfinished(results: Results) -> str | None:
    total = results.total
    if not total.succeeded + total.failed or total.unfinished <= MOST_UNFINISHED_PART * total.sent:
        return None
    part = total.unfinished / total.sent
    return (
        f"{total.unfinished} of {_requests(total.sent)} ({part:.1%}) had not ended when they were cut off; how long"
        " they would have taken is in no number, and they may be the slowest ones; give them more time to end"
        " (--stop-timeout)"
    )


def _clock(results: Results) -> str | None:
    furthest = max(results.workers.items(), key=lambda item: abs(item[1].clock_step_s), default=None)
    if furthest is None or not furthest[1].clock_step_s:
        return None
    worker, record = furthest
    way, step_s = "forward" if record.clock_step_s > 0 else "back", abs(record.clock_step_s)
    return (
        f"the clock of {worker} was set {way} by {step_s:.1f} s in second {record.clock_step_at_s} of the run, or its"
        " machine slept: times of day in the files may be off by that; durations are not, as they are counted on a"
        " clock that nobody can set"
    )


def _users(results: Results) -> str | None:
    died = results.total.users_died
    if not died:
        return None
    times = "once" if died == 1 else f"{died} times"
    return (
        f"{times} a user could not go on and was started anew, so there was less load than planned; see the exceptions"
    )


def _dropped(results: Results, offer: Offer) -> str | None:
    if offer.dropped <= MOST_DROPPED_PART * offer.planned:
        return None
    return (
        f"the rate was not reached: {offer.dropped} of {offer.planned} arrivals ({offer.dropped_part:.1%}) were"
        f" dropped, because {_why_dropped(results, offer)}"
    )


def _why_dropped(results: Results, offer: Offer) -> str:
    if _users(results):
        return NO_USERS
    if _lag(results) or _cpu(results):
        return TOO_LITTLE_POWER
    return TOO_FEW_USERS if offer.queued else HELD_UP


def _missing(offer: Offer) -> str | None:
    if abs(offer.missing) <= MOST_DROPPED_PART * offer.planned:
        return None
    if offer.missing > 0:
        return (
            f"{offer.missing} of {offer.planned} arrivals were due at workers that were lost or had left, and no"
            " report says that they were begun"
        )
    return (
        f"{-offer.missing} arrivals were begun twice, by workers that could not be reached and by those who took over"
        " for them, so there was more load than planned"
    )


def _unjudged(outcome: Outcome) -> str | None:
    if outcome.judgement.status != NOT_JUDGED:
        return None
    return f"nobody knows whether the threshold '{outcome.threshold}' holds: {outcome.judgement.reason}"


def _lost(results: Results) -> str | None:
    lost = [
        f"{gap.worker} at {gap.until_s:.1f} s (its last report: {gap.from_s:.1f} s)"
        for gap in results.reconcile().missing
        if gap.is_lost
    ]
    if not lost:
        return None
    return "workers were lost, and what they did after their last report is missing: " + ", ".join(lost)


def _numbers(results: Results) -> str | None:
    sums = results.reconcile()
    if sums.adds_up or any(gap.is_lost for gap in sums.missing):  # which has been said
        return None
    missing = [f"{gap.requests} of {gap.worker}" for gap in sums.missing if gap.requests > 0]
    if missing:
        return "requests are missing: " + ", ".join(missing)
    doubled = [f"{-gap.requests} of {gap.worker}" for gap in sums.missing]
    if doubled:
        return "requests were counted twice: " + ", ".join(doubled)
    ended = f"{sums.succeeded} succeeded + {sums.failed} failed + {sums.unfinished} unfinished"
    return f"the numbers do not add up: {sums.sent} requests were sent, but {ended}"


REASONS = (_nothing_measured, _lag, _cpu, _files, _ports, _unfinished, _users, _clock, _lost, _numbers)
# Those that lie with the generator. What was cut off or dropped may be the server's slowness, and users die of what the
# scenario and the server say to each other.
GENERATORS = {_lag, _cpu, _files, _ports, _clock, _lost, _numbers}
