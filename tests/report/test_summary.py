"""The summary says what the results say, in milliseconds, and a dash's null where there is nothing to say."""

import json
from dataclasses import replace

import pytest

from greenload.core.gate import Gate
from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.run_info import PlannedTask, RunInfo
from greenload.core.stall import Stall
from greenload.core.stats import Sample, Stats
from greenload.core.thresholds import parse_threshold
from greenload.report.summary import excerpt, summarize

RUN = RunInfo("id", "2026-11-22T20:00:00+00:00", "users", "albums.py", "ab" * 32, "http://127.0.0.1:1", 7, "0.1.0")


def results_of(samples, sent=None, counted=None, exceptions=(), seconds=1, warmup_s=0):
    """A run of one worker whose samples all ended in its first second."""
    stats = Stats()
    for sample in samples:
        stats.record(sample)
    stats.sent = len(samples) if sent is None else sent
    for text in exceptions:
        stats.exceptions.count(text, 0)
    counted = len(samples) if counted is None else counted
    results = Results(warmup_s)
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


@pytest.mark.parametrize(
    ("requests", "missing"),
    [
        (1, {"p50", "p75", "p90", "p95", "p99", "p99.9"}),
        (19, {"p95", "p99", "p99.9"}),
        (20, {"p99", "p99.9"}),
        (99, {"p99", "p99.9"}),
        (100, {"p99.9"}),
        (999, {"p99.9"}),
        (1_000, set()),
    ],
)
def test_a_percentile_of_too_few_requests_is_no_number(requests, missing):
    document = summarize(RUN, results_of([request(0.01)] * requests))

    for clock in ("service_ms", "response_ms"):
        assert {key for key, value in document["total"][clock].items() if value is None} == missing


def test_whether_and_why_the_clocks_differ_is_said():
    alike = summarize(RUN, results_of([request(0.010)]))
    differing = summarize(RUN, results_of([request(0.010, late_s=0.5)]))

    assert alike["clocks"] == {"differ": False, "why": None}
    assert differing["clocks"]["differ"]
    assert differing["clocks"]["why"].startswith("response maximum 510 ms is 51 times service maximum 10.0 ms: ")


def test_missed_slots_and_the_longest_stall_are_in_it():
    results = results_of([request(0.01)])
    stats = Stats()
    stats.missed_slots, stats.longest_stall = 9, Stall(1.0204, 14.3001)

    results.add(Report("w1", 1, 2, 1.0, 2.0, stats, 3, 12.0, 1))

    document = summarize(RUN, results)
    assert document["missed_slots"] == 9
    assert document["longest_stall"] == {"length_s": 1.02, "from_s": 14.3}


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
    assert document["longest_stall"] is None
    assert document["generator"]["lag_ms"] == {"p50": None, "p99": None, "max": None}
    assert document["verdict"]["status"] == "suspect"


def test_what_does_not_add_up_is_said():
    document = summarize(RUN, results_of([request(0.01)], sent=5, counted=3))

    assert document["reconciliation"]["missing"] == [{"worker": "w1", "requests": 2, "from_s": 0.0, "until_s": 1.0}]
    assert document["verdict"]["reasons"] == ["requests are missing: 2 of w1"]


def test_the_workers_are_listed_with_the_most_users_they_had():
    [worker] = summarize(RUN, results_of([request(0.01)], seconds=3))["workers"]

    told = {key: worker[key] for key in ("id", "index", "state", "users", "requests")}
    assert told == {"id": "w1", "index": 0, "state": "done", "users": 3, "requests": 1}


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


def phased(*phases):
    """A run of one request that came through these phases, each of so many seconds."""
    stats = Stats()
    stats.record(request(0.050))
    for phase, took_s in phases:
        stats.record_phase("GET", "/albums", phase, took_s)
    results = Results()
    results.add(Report("w1", 1, 1, 0.0, 1.0, stats, 3, 12.0, 1))
    return results


def test_the_phases_that_were_measured_stand_in_order_with_how_often_and_how_long():
    document = summarize(RUN, phased(("receive_new", 0.004), ("connect", 0.010), ("connect", 0.020)))

    [row] = document["names"]
    assert row["phases"] == document["total"]["phases"]
    assert list(row["phases"]) == ["connect_ms", "receive_new_ms"]
    connect = row["phases"]["connect_ms"]
    assert list(connect) == ["count", *row["service_ms"]]
    assert (connect["count"], connect["min"], connect["mean"], connect["max"]) == (2, 10.0, 15.0, 20.0)


def test_where_no_phase_was_measured_the_document_does_not_speak_of_phases():
    document = summarize(RUN, phased())

    assert [key for row in (*document["names"], document["total"]) for key in row if "phase" in key] == []


def test_the_warm_up_is_left_out_of_names_total_and_failures_and_not_of_what_adds_up():
    results = results_of([request(0.5), request(0.5, error="HTTP 503")], exceptions=["in a\nb"], seconds=3, warmup_s=1)
    later = Stats()
    later.record(request(0.01))
    later.sent = 1
    results.count(1, later)

    document = summarize(RUN, results)

    assert document["run"]["warmup_s"] == 1
    assert (document["total"]["requests"], document["total"]["response_ms"]["max"]) == (1, 10.0)
    assert [(row["requests"], row["rps"]) for row in document["names"]] == [(1, 0.5)]
    assert document["failures"] == []
    assert document["reconciliation"]["sent"] == 3
    assert len(document["exceptions"]) == 1


def test_each_threshold_is_listed_with_its_value():
    gate = Gate((parse_threshold("GET /albums: service max > 5ms"),), (parse_threshold("p99 > 1s"),))
    results = results_of([request(0.01)])

    failed, not_judged = summarize(RUN, results, gate.judge(results))["thresholds"]

    assert failed == {
        "text": "GET /albums: service max > 5ms", "action": "fail", "name": "GET /albums", "clock": "service",
        "metric": "max", "comparison": ">", "limit": 5.0, "unit": "ms", "value": 10.0, "status": "failed",
        "reason": None, "aborted_at_s": None,
    }  # fmt: skip
    assert (not_judged["action"], not_judged["value"], not_judged["status"]) == ("abort", None, "not judged")
    assert not_judged["reason"] == "p99 needs 100 requests or more, there were 1"


def test_each_task_stands_beside_its_plan_whether_or_not_it_came():
    planned = (PlannedTask("Shopper", "look", 75.0), PlannedTask("Shopper", "Checkout", 25.0))
    planned += (PlannedTask("Shopper", "Checkout.pay", 100.0), PlannedTask("Admin", "count", None))
    results = results_of([request(0.01)])
    stats = Stats()
    stats.tasks.count([(("Shopper", "look"), 2), (("Shopper", "Checkout"), 1), (("Shopper", "Checkout.pay"), 5)])
    stats.tasks.count([(("Shopper", "Checkout.extra"), 3)])
    stats.tasks.others = 9
    results.add(Report("w1", 1, 2, 1.0, 2.0, stats, 3, 12.0, 1))

    document = summarize(replace(RUN, tasks=planned), results)

    keys = ("class", "task", "count", "planned_percent", "actual_percent")
    rows = [
        ("Shopper", "look", 2, 75.0, 66.667),
        ("Shopper", "Checkout", 1, 25.0, 33.333),
        ("Shopper", "Checkout.pay", 5, 100.0, 62.5),
        ("Admin", "count", 0, None, None),
        ("Shopper", "Checkout.extra", 3, None, 37.5),
        ("", "(other tasks)", 9, None, None),
    ]
    assert document["tasks"] == [dict(zip(keys, row, strict=True)) for row in rows]
    excerpted = excerpt(document, Stats(), 1.0)["tasks"]
    assert [(row["task"], row["count"], row["planned_percent"]) for row in excerpted] == [
        ("look", 0, 75.0), ("Checkout", 0, 25.0), ("Checkout.pay", 0, 100.0), ("count", 0, None),
        ("Checkout.extra", 0, None),
    ]  # fmt: skip


def test_of_each_worker_there_are_its_processor_time_and_its_lag():
    results = results_of([request(0.01)], seconds=2)
    stats = Stats()
    for _ in range(100):
        stats.lag.record(1_500)
    results.add(Report("w2", 1, 1, 0.0, 1.0, stats, 1, 30.0, 0))

    [one, two] = summarize(RUN, results)["workers"]

    assert (one["cpu_percent"], one["lag_p99_ms"]) == ({"mean": 16.0, "max": 20.0}, None)
    assert (two["cpu_percent"], two["lag_p99_ms"]) == ({"mean": 30.0, "max": 30.0}, 1.5)


def test_an_exception_names_ten_workers_and_says_how_many_more_there_are():
    results = Results()
    for number in range(12):
        stats = Stats()
        stats.exceptions.count("in task A.b\nboom", 0)
        results.add(Report(f"w{number}", 1, 1, 0.0, 1.0, stats, 1, 10.0, 0))

    [exception] = summarize(RUN, results)["exceptions"]

    assert exception["workers"] == [f"w{number}" for number in range(10)]
    assert exception["more_workers"] == 2
