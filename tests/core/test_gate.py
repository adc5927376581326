"""The gate: what a run must pass, over what was measured of it; what aborts it, and not before its time."""

import pytest

from greenload.core.gate import ABORT, FAIL, Breach, Gate
from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.stats import Sample, Stats
from greenload.core.thresholds import FAILED, NOT_JUDGED, PASSED, parse_threshold


def results_of(*seconds, warmup_s=0):
    """Return the results of a run in whose seconds these requests ended, each (name, took in ms)."""
    results = Results(warmup_s)
    for second, requests in enumerate(seconds):
        stats = Stats()
        for name, took_ms in requests:
            stats.record(Sample("GET", name, second, second, second + took_ms / 1000, None, 0))
        stats.sent = len(requests)
        results.add(Report("one", 1, second + 1, float(second), second + 1.0, stats, 1, 10.0, 0))
    return results


def gate_of(*fail_if, abort_if=(), grace_s=0.0):
    return Gate(tuple(map(parse_threshold, fail_if)), tuple(map(parse_threshold, abort_if)), grace_s)


def judged(results, *fail_if):
    return [outcome.judgement for outcome in gate_of(*fail_if).judge(results)]


def test_a_threshold_with_a_name_is_about_the_requests_of_that_name():
    results = results_of([("/slow", 500), ("/fast", 5)])

    slow, fast, all_of_them = judged(results, "GET /slow: max > 100ms", "GET /fast: max > 100ms", "max > 100ms")

    assert (slow.status, slow.value) == (FAILED, 500)
    assert (fast.status, fast.value) == (PASSED, 5)
    assert (all_of_them.status, all_of_them.value) == (FAILED, 500)


def test_a_name_under_which_nothing_was_measured_is_not_passed_and_a_near_one_is_named():
    [outcome] = gate_of("GET /album: failures > 1%").judge(results_of([("/albums", 5)]))

    assert outcome.judgement.status == NOT_JUDGED
    assert outcome.judgement.reason == "nothing was measured under this name; did you mean GET /albums?"
    assert not outcome.has_passed


def test_names_that_look_alike_in_the_table_are_judged_together():
    results = results_of([("/a b", 5)])
    stats = Stats()
    stats.record(Sample("GET /a", "b", 1, 1, 1.5, None, 0))
    results.count(0, stats)

    [judgement] = judged(results, "GET /a b: requests < 2")

    assert (judgement.status, judgement.value) == (PASSED, 2)


def test_what_was_counted_in_the_warm_up_is_not_judged():
    results = results_of([("/", 900)] * 3, [("/", 900)], [("/", 5)], [("/", 5)], warmup_s=2)

    slowest, requests, rate = judged(results, "max > 100ms", "requests < 2", "rps < 1")

    assert (slowest.status, slowest.value) == (PASSED, 5)
    assert (requests.status, requests.value) == (PASSED, 2)
    assert (rate.status, rate.value) == (PASSED, 1.0)


def test_a_run_that_ended_in_its_warm_up_passes_nothing():
    results = results_of([("/", 5)], warmup_s=2)

    assert [each.status for each in judged(results, "max > 1s", "rps < 1", "GET /: max > 1s")] == [NOT_JUDGED] * 3


@pytest.mark.parametrize(("seconds", "is_aborted"), [(3, False), (4, False), (5, True)])
def test_nothing_aborts_a_run_before_its_grace_which_begins_with_the_end_of_the_warm_up(seconds, is_aborted):
    results = results_of(*[[("/", 500)]] * seconds, warmup_s=2)

    breach = gate_of(abort_if=["rps < 0.5", "max > 100ms"], grace_s=3.0).breach(results)

    assert breach == (Breach(1, 5.0, 500.0) if is_aborted else None)


def test_a_threshold_that_can_not_be_judged_yet_aborts_nothing():
    results = results_of([("/", 500)])

    assert gate_of(abort_if=["p99 > 1ms", "GET /none: failures > 0"]).breach(results) is None


def test_what_a_run_was_aborted_for_stays_failed_whatever_came_in_afterwards():
    results = results_of([("/", 500)], *[[("/", 5)]] * 99)
    gate = gate_of("max > 1s", abort_if=["mean > 1s", "mean > 400ms"])

    outcomes = gate.judge(results, Breach(1, 1.0, 500.0))

    assert [(each.action, each.judgement.status, each.judgement.value, each.aborted_at_s) for each in outcomes] == [
        (FAIL, PASSED, 0.5, None),
        (ABORT, PASSED, pytest.approx(0.00995), None),
        (ABORT, FAILED, 500.0, 1.0),
    ]


def test_after_a_reset_a_threshold_judges_what_came_since_and_aborts_nothing_before_the_grace_period():
    gate = Gate(
        fail_if=(parse_threshold("failures > 10%"),), abort_if=(parse_threshold("failures > 10%"),), grace_s=2.0
    )
    results = Results()
    for second, error in enumerate(["HTTP 503"] * 4 + [None] * 4):
        if second == 4:
            results.reset(4)
        stats = Stats()
        stats.sent = 1
        stats.record(Sample("GET", "/", second, second, second + 0.1, error, 1))
        results.add(Report("one", 1, second + 1, float(second), second + 1.0, stats, 1, 1.0, second + 1))
        assert (gate.breach(results) is None) == (second < 1 or second >= 4)

    assert [outcome.judgement.status for outcome in gate.judge(results)] == [PASSED, PASSED]
