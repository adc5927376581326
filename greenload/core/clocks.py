"""The two clocks of a run: whether response time and service time differ, and why.

Where nothing has a schedule they cannot. Where something has, the difference is the time that requests waited for their
turn, and somebody has to say what they waited for. Looks only at Results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from greenload.core.histogram import fewest_for
from greenload.core.offer import Offer
from greenload.core.pause import Pause, no_pause
from greenload.core.results import Results
from greenload.core.stats import Tally

MOST_ALIKE = 1.10  # times the service time, up to which the response time is taken for the same
MAXIMUM = "maximum"
LATE_TIMER_US = 2_000  # a timer of the event loop wakes up to 1 ms late, and now and then a little more


class Difference(NamedTuple):
    """Response and service time of `of`, by the percentile, or the maximum, named `by`."""

    of: str
    by: str
    response_us: int
    service_us: int

    @property
    def times(self) -> float:
        return self.response_us / self.service_us

    @property
    def waited_us(self) -> int:
        return self.response_us - self.service_us


def why_clocks_differ(results: Results, offer: Offer | None = None, pause: Pause = no_pause) -> str | None:
    """Return one sentence when p99 of the two differ by more than 10 %, for all requests or else for one name.

    offer: what became of the arrivals, if there are any.
    """
    of_all = [_difference("", results.measured_tally)]
    of_names = (_difference(f"{method} {name}: ", t) for (method, name), t in list(results.measured.tallies.items()))
    for differences in (of_all, _pausing(of_names, pause)):
        found = [each for each in differences if each is not None and each.times > MOST_ALIKE]
        if found:
            return _sentence(results, offer, max(found, key=lambda each: (each.times, each.of)))
    return None


def _pausing(differences: Iterable[Difference | None], pause: Pause) -> Iterator[Difference | None]:
    for each in differences:
        pause()
        yield each


def _difference(of: str, tally: Tally) -> Difference | None:
    if tally.succeeded.are_alike and tally.failed.are_alike:
        return None
    timings = tally.ended()
    service, response = timings.service, timings.response
    if service.count < fewest_for(99):
        return Difference(of, MAXIMUM, response.max_us, service.max_us)
    return Difference(of, "p99", response.percentile(99), service.percentile(99))


def _sentence(results: Results, offer: Offer | None, difference: Difference) -> str:
    of, by, response_us, service_us = difference
    times = difference.times
    more = f"{times:.0f} times" if times >= 10 else f"{times:.1f} times" if times >= 2 else f"{times - 1:.0%} above"
    return (
        f"{of}response {by} {_ms(response_us)} is {more} service {by} {_ms(service_us)}:"
        f" requests waited for their turn because {next(_reasons(results, offer, difference))}"
    )


def _reasons(results: Results, offer: Offer | None, difference: Difference) -> Iterator[str]:
    """Yield what the requests that make the difference may have waited for, what explains most first.

    Whatever else lets a request begin after its time has its reason here.
    """
    lag, missed, waited_us = results.measured.lag, results.measured.missed_slots, difference.waited_us
    if difference.by == MAXIMUM and lag.count and lag.max_us >= waited_us / 2:
        yield f"the generator itself was late (once by {_ms(lag.max_us)})"
    if lag.count >= fewest_for(99) and lag.percentile(99) >= waited_us / 2:
        yield f"the generator itself was late (1 in 100 times by {_ms(lag.percentile(99))} or more)"
    if offer is not None and waited_us <= LATE_TIMER_US and offer.queued < 0.01 * offer.planned:
        yield "the user that takes an arrival is woken up to a millisecond or two after its time"
    if offer is not None and offer.queued:
        arrivals = "1 arrival" if offer.queued == 1 else f"{offer.queued} arrivals"
        yield f"no user was free when theirs was due; {arrivals} found all busy, and --max-users allows no more"
    if offer is not None:
        yield "no user was free when theirs was due, and another one had to be started"
    if missed:
        slots = "1 slot was" if missed == 1 else f"{missed} slots were"
        yield f"the iteration before had not ended when theirs was due; {slots} missed by a whole pace or more"
    if waited_us <= LATE_TIMER_US:
        yield "a user that waits for its slot is woken up to a millisecond or two after it"
    yield "the iteration before had not ended when theirs was due"


def _ms(us: float) -> str:
    ms = us / 1000
    return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"
