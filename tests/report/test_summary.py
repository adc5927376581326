"""The summary says what the results say, in milliseconds, and a dash's null where there is nothing to say."""

import json

import pytest

from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.stats import Sample, Stats
from greenload.report.summary import summarize

RUN = RunInfo("id", "2026-11-22T20:00:00+00:00", "users", "albums.py", "ab" * 32, "http://127.0.0.1:1", 7, "0.1.0")


def results_of(samples, sent=None, counted=None, exceptions=(), seconds=1):
    """A run of one worker whose samples all ended in its first second."""
    stats = Stats()
    for sample in samples:
        stats.record(sample)
    stats.sent = len(samples) if sent is None else sent
    for text in exceptions:
        stats.exceptions.count(text, 0)
    counted = len(samples) if counted is None else counted
    results = Results()
    results.add(Report("w1", 1, 1, 0.0, 1.0, stats, 3, 12.0, counted))
    for second in range(1, seconds):
        results.add(Report("w1", 1, second + 1, float(second), second + 1.0, Stats(), 2, 20.0, counted))
    return results


def request(took_s, name="/albums", error=None, late_s=0.0, size=100):
    return Sample("GET", name, 1.0, 1.0 + late_s, 1.0 + late_s + took_s, error, size)


def test_each_name_and_the_total_have_their_counts_and_times():
    document = summarize(RUN, results_of([request(0.010), request(0.030), request(0.020, name="/")], seconds=2))

    assert [(row["method"], row["name"], row["requests"], row["rps"]) for row in document["names"]] == [
        ("GET", "/", 1, 0.5),
        ("GET", "/albums", 2, 1.0),
    ]
    total = document["total"]
    assert (total["name"], total["requests"], total["bytes"]) == ("Total", 3, 300)
    assert total["service_ms"]["p50"] == pytest.approx(20, rel=0.001)
    assert (total["service_ms"]["min"], total["service_ms"]["max"], total["service_ms"]["mean"]) == (10.0, 30.0, 20.0)


def test_service_and_response_time_are_two_numbers():
    document = summarize(RUN, results_of([request(0.010, late_s=0.5)]))

    assert document["total"]["service_ms"]["max"] == 10.0
    assert document["total"]["response_ms"]["max"] == 510.0


def test_failures_are_listed_by_name_and_kind():
    failed = [request(0.01, error="HTTP 503"), request(0.01, error="HTTP 503"), request(0.01, error="read timed out")]

    document = summarize(RUN, results_of(failed))

    assert document["total"]["failures"] == 3
    assert [(row["name"], row["error"], row["count"], row["first_s"]) for row in document["failures"]] == [
        ("/albums", "HTTP 503", 2, 1),
        ("/albums", "read timed out", 1, 1),
    ]


def test_an_exception_is_told_apart_into_where_what_and_traceback():
    text = 'in task Shopper.buy\n  File "a.py", line 3, in buy\n    1 / 0\nZeroDivisionError: division by zero'

    [exception] = summarize(RUN, results_of([request(0.01)], exceptions=[text, text]))["exceptions"]

    assert exception["where"] == "task Shopper.buy"
    assert exception["message"] == "ZeroDivisionError: division by zero"
    assert exception["traceback"].startswith('  File "a.py"')
    assert exception["count"] == 2


def test_nothing_measured_is_null_and_never_nought():
    document = summarize(RUN, results_of([]))

    assert set(document["total"]["response_ms"].values()) == {None}
    assert document["generator"]["lag_ms"] == {"p50": None, "p99": None, "max": None}
    assert document["verdict"]["status"] == "suspect"


def test_what_does_not_add_up_is_said():
    document = summarize(RUN, results_of([request(0.01)], sent=5, counted=3))

    assert document["reconciliation"]["missing"] == [{"worker": "w1", "requests": 2, "from_s": 0.0, "until_s": 1.0}]
    assert document["verdict"]["reasons"] == ["requests are missing: 2 of w1"]


def test_the_workers_are_listed_with_the_most_users_they_had():
    [worker] = summarize(RUN, results_of([request(0.01)], seconds=3))["workers"]

    assert worker == {"id": "w1", "index": 0, "state": "done", "users": 3, "requests": 1}


def test_the_cpu_is_that_of_the_busiest_worker():
    generator = summarize(RUN, results_of([request(0.01)], seconds=2))["generator"]

    assert generator["cpu_percent"] == {"mean": 16.0, "max": 20.0}


def test_the_document_is_json_without_surprises():
    document = summarize(RUN, results_of([request(0.01, error="x")], exceptions=["in a\nb"]))

    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_lost_worker_is_named_with_what_is_known_to_be_missing_and_when():
    results = results_of([request(0.01)] * 3, sent=5)
    results.lose("w1", 6.0)

    document = summarize(RUN, results)

    assert document["reconciliation"]["missing"] == [{"worker": "w1", "requests": 2, "from_s": 1.0, "until_s": 6.0}]
    assert document["workers"][0]["state"] == "lost"
    assert "w1 at 6.0 s (its last report: 1.0 s)" in document["verdict"]["reasons"][0]
