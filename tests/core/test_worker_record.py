"""What a worker was like lately, and in the whole run; and nothing is claimed that nobody knows."""

import pytest

from greenload.core.kinds import MOST_KINDS
from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.slots import Slot
from greenload.core.worker_record import LATELY_S, MOST_LATE_REPORTS
from tests.conftest import requests_of


def report(second, worker="one", requests=0, cpu_percent=10.0, covered_s=1.0, lag_us=(), exceptions=()):
    stats = requests_of(requests)
    for each in lag_us:
        stats.lag.record(each)
    for text in exceptions:
        stats.exceptions.count(text, int(second))
    return Report(worker, 1, 1, float(second), second + covered_s, stats, 1, cpu_percent, 0)


def results_of(*reports):
    results = Results()
    for each in reports:
        results.add(each)
    return results


def test_the_rate_and_the_lag_of_a_worker_are_those_of_its_last_seconds():
    busy = [report(second, requests=100, lag_us=[900] * 20) for second in range(30)]
    quiet = [report(second, requests=second % 2, lag_us=[5] * 20) for second in range(30, 40)]

    worker = results_of(*busy, *quiet).workers["one"]

    assert worker.lately.rps == 0.5
    assert (worker.lately.lag().count, worker.lately.lag().max_us) == (200, 5)
    assert (worker.lag.count, worker.lag.max_us) == (800, 900)


def test_the_processor_time_of_a_worker_is_that_of_its_last_second():
    reports = [report(0, cpu_percent=50), report(1, cpu_percent=80), report(2, cpu_percent=5_000, covered_s=0.01)]

    assert results_of(*reports).workers["one"].lately.cpu_percent == 80


def test_a_worker_that_has_reported_nothing_did_nothing_lately():
    results = Results()
    results.expect("one")

    lately = results.workers["one"].lately
    assert (lately.rps, lately.cpu_percent, lately.lag().count) == (0.0, 0.0, 0)


def test_one_long_report_is_all_that_counts_of_its_time():
    worker = results_of(report(0, requests=9), report(1, requests=60, covered_s=30.0)).workers["one"]

    assert worker.lately.rps == pytest.approx(2.0)


def test_many_reports_of_hardly_any_time_take_no_more_room():
    reports = [report(5, requests=1, covered_s=0.0) for _ in range(10 * MOST_LATE_REPORTS)]

    lately = results_of(*reports).workers["one"].lately

    assert (len(lately._parts), lately.rps) == (MOST_LATE_REPORTS, 0.0)
    assert MOST_LATE_REPORTS > LATELY_S


def test_the_lag_of_a_worker_of_which_a_part_is_unknown_is_unknown():
    results = Results()
    results.note_in(Slot(0), report(0).account)

    results.add(report(1, lag_us=[5] * 20))

    assert results.workers["one"].lag is None
    assert results.workers["one"].lately.lag().count == 20


def test_reports_that_wait_are_known_of_who_takes_part_and_make_nobody_take_part():
    results = Results()
    results.expect("one")

    results.note_unacknowledged("one", 3)
    results.note_unacknowledged("stranger", 3)

    assert {worker: record.unacknowledged for worker, record in results.workers.items()} == {"one": 3}


# Where exceptions came from


def test_an_exception_is_known_to_come_from_each_worker_that_reported_it():
    results = results_of(
        report(0, "two", exceptions=["boom"]),
        report(0, "one", exceptions=["boom", "bang"]),
        report(1, "two", exceptions=["boom"]),
    )

    assert [list(results.exception_came_from(text)) for text in ("boom", "bang", "other")] == [
        ["two", "one"], ["one"], [],
    ]  # fmt: skip


def test_of_exceptions_that_differ_each_time_no_more_are_remembered_than_are_shown():
    results = Results()

    for second in range(50):
        results.add(report(second, exceptions=[f"boom {second} {number}" for number in range(MOST_KINDS)]))

    assert len(results._origins._workers) <= 3 * MOST_KINDS
    for text in results.total.exceptions.kept:
        assert results.exception_came_from(text) == ["one"]


def test_who_has_no_exception_is_not_named():
    results = results_of(report(0, "one"), report(0, "two", exceptions=["boom"]))

    assert results.exception_came_from("boom") == ["two"]
