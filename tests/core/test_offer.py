"""What became of the arrivals a plan wanted."""

import math

import pytest

from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.messages import Plan, Report
from greenload.core.offer import offer_of
from greenload.core.placement import Share
from greenload.core.results import Results
from greenload.core.shape import Shape, constant_rate, parse_rate_stages, ramp
from greenload.core.stats import Stats

ARRIVALS = Arrivals(constant_rate(100), UNIFORM, 10, 5.0)


def plan_of(arrivals, duration_s=10.0):
    shape = Shape(()) if arrivals else ramp(1, 1.0)
    return Plan(shape, duration_s, (Share("Reader"),), None, 10.0, 1, (), arrivals)


def results_of(iterations, dropped=0, queued=0, until_s=10.0):
    stats = Stats()
    stats.iterations, stats.dropped, stats.queued = iterations, dropped, queued
    results = Results()
    results.expect("one")
    results.add(Report("one", 7, 1, 0.0, until_s, stats, 1, 5.0, 0, 1))
    return results


def test_there_is_no_offer_in_the_closed_model():
    assert offer_of(plan_of(None), results_of(100)) is None


def test_all_that_was_planned_and_begun_is_delivered():
    offer = offer_of(plan_of(ARRIVALS), results_of(1_000))

    assert (offer.planned, offer.started, offer.dropped, offer.missing) == (1_000, 1_000, 0, 0)
    assert (offer.offered_per_s, offer.delivered_per_s, offer.dropped_part) == (100.0, 100.0, 0.0)


def test_what_was_dropped_is_a_part_of_what_was_planned():
    offer = offer_of(plan_of(ARRIVALS), results_of(716, dropped=284, queued=400))

    assert (offer.dropped, offer.queued, offer.missing) == (284, 400, 0)
    assert (offer.delivered_per_s, offer.dropped_part) == (pytest.approx(71.6), pytest.approx(0.284))


def test_what_was_neither_begun_nor_dropped_is_missing():
    assert offer_of(plan_of(ARRIVALS), results_of(900, dropped=40)).missing == 60


def test_a_run_without_an_end_offers_as_much_as_has_come_due():
    offer = offer_of(plan_of(ARRIVALS, None), results_of(400, until_s=4.0))

    assert (offer.planned, offer.missing, offer.duration_s) == (400, 0, 4.0)


def test_in_a_run_that_was_stopped_what_was_made_is_what_was_wanted():
    """One worker hears of the stop a little later than another."""
    results = results_of(402, dropped=3, until_s=4.1)
    results.stopped_s = 4.0

    offer = offer_of(plan_of(ARRIVALS), results)

    assert (offer.planned, offer.missing, offer.duration_s) == (405, 0, pytest.approx(4.05))
    assert offer.offered_per_s == pytest.approx(100)  # 405 in 4.0 s would be more than was asked for


def test_more_poisson_arrivals_than_the_rate_has_area_came_until_the_stop():
    arrivals = Arrivals(parse_rate_stages("10/s@0s,10/s@1s,0/s@0s,0/s@9s"), POISSON, 10, 5.0)
    results = results_of(12, until_s=4.0)
    results.stopped_s = 4.0

    offer = offer_of(plan_of(arrivals), results)

    assert (offer.planned, offer.duration_s) == (12, 4.0)


def test_in_a_run_that_was_stopped_what_a_lost_worker_did_not_do_is_missing():
    results = results_of(300, until_s=4.0)
    results.stopped_s = 4.0
    results.workers["one"].lost_s = 3.5

    assert offer_of(plan_of(ARRIVALS), results).missing == 100


def test_a_run_that_never_began_offers_nothing():
    results = results_of(0, until_s=0.0)
    results.stopped_s = 0.0

    offer = offer_of(plan_of(ARRIVALS), results)

    assert (offer.planned, offer.offered_per_s, offer.delivered_per_s, offer.dropped_part) == (0, 0.0, 0.0, 0.0)
    assert math.isfinite(offer.duration_s)
