"""When response and service time differ, a sentence says by how much and why."""

import pytest

from greenload.core.clocks import why_clocks_differ
from greenload.core.messages import Report
from greenload.core.offer import Offer
from greenload.core.results import Results
from greenload.core.stats import Sample, Stats


def results_of(name="/albums", requests=1_000, late=20, late_s=0.85, missed_slots=0, lags_us=(100,) * 100):
    """A run of requests of 5 ms, of which some began `late_s` after their time."""
    stats = Stats()
    for number in range(requests):
        intended_s = 1.0 - late_s if number < late else 1.0
        stats.record(Sample("GET", name, intended_s, 1.0, 1.005, None, 100))
    for lag_us in lags_us:
        stats.lag.record(lag_us)
    stats.missed_slots = missed_slots
    results = Results()
    results.add(Report("one", 1, 1, 1.0, 2.0, stats, 1, 10.0, requests))
    return results


def test_clocks_that_agree_need_no_words():
    assert why_clocks_differ(results_of(late=0)) is None
    assert why_clocks_differ(Results()) is None


def test_clocks_that_differ_for_fewer_than_one_request_in_a_hundred_agree_at_p99():
    assert why_clocks_differ(results_of(late=9)) is None


@pytest.mark.parametrize(("late_s", "differ"), [(0.0004, False), (0.0006, True)])
def test_a_tenth_is_no_difference(late_s, differ):
    assert (why_clocks_differ(results_of(late=1_000, late_s=late_s)) is not None) == differ


def test_missed_slots_are_the_reason_when_there_are_any():
    assert why_clocks_differ(results_of(missed_slots=231)) == (
        "response p99 855 ms is 171 times service p99 5.00 ms: requests waited for their turn because the iteration"
        " before had not ended when theirs was due; 231 slots were missed by a whole pace or more"
    )


def test_a_generator_as_late_as_its_requests_is_the_reason_before_all_others():
    why = why_clocks_differ(results_of(missed_slots=231, lags_us=[800_000] * 100))

    assert why.endswith("because the generator itself was late (1 in 100 times by 800 ms or more)")


def test_of_too_few_requests_for_a_p99_the_generator_is_the_reason_when_it_was_once_so_late():
    late = why_clocks_differ(results_of(requests=50, late=1, lags_us=[100, 450_000]))
    in_time = why_clocks_differ(results_of(requests=50, late=1, lags_us=[100, 400_000]))

    assert late.endswith("because the generator itself was late (once by 450 ms)")
    assert "generator" not in in_time


def test_a_generator_that_was_a_little_late_is_not_the_reason():
    assert "generator" not in why_clocks_differ(results_of(missed_slots=1, lags_us=[20_000] * 100))


def test_a_millisecond_is_what_a_timer_takes():
    why = why_clocks_differ(results_of(late=1_000, late_s=0.001))

    assert why == (
        "response p99 6.00 ms is 20% above service p99 5.00 ms: requests waited for their turn because a user that"
        " waits for its slot is woken up to a millisecond or two after it"
    )


@pytest.mark.parametrize(
    ("late_s", "queued", "reason"),
    [
        (0.001, 0, "the user that takes an arrival is woken up to a millisecond or two after its time"),
        (0.001, 9, "the user that takes an arrival is woken up to a millisecond or two after its time"),
        (0.001, 10, "no user was free when theirs was due; 10 arrivals found all busy, and --max-users allows no more"),
        (0.5, 1, "no user was free when theirs was due; 1 arrival found all busy, and --max-users allows no more"),
        (0.5, 0, "no user was free when theirs was due, and another one had to be started"),
    ],
)
def test_in_the_open_model_requests_waited_for_a_user_or_for_its_waking(late_s, queued, reason):
    why = why_clocks_differ(results_of(late=1_000, late_s=late_s), Offer(1_000, 1_000, 0, queued, 10.0))

    assert why.endswith(f"requests waited for their turn because {reason}")


def test_late_by_less_than_a_pace_is_not_called_a_missed_slot():
    why = why_clocks_differ(results_of(late_s=0.01))

    assert why.endswith(
        "3.0 times service p99 5.00 ms: requests waited for their turn because the iteration before had"
        " not ended when theirs was due"
    )


def test_a_name_whose_clocks_differ_is_named_when_those_of_all_do_not():
    results = results_of(late=0, requests=20_000)
    results.count(1, results_of("/slow", requests=100, late=100).total)

    assert why_clocks_differ(results).startswith("GET /slow: response p99 855 ms is 171 times")


def test_of_too_few_requests_for_a_p99_the_slowest_are_compared():
    assert why_clocks_differ(results_of(requests=50, late=1)).startswith(
        "response maximum 855 ms is 171 times service maximum 5.00 ms"
    )
