"""What a file is, its content says; what it is not, a sentence says."""

import csv
import io
import json

import pytest

from greenload.core.sheet import CSV, LOCUST, SUMMARY
from greenload.core.strip import RESPONSE, SERVICE, TOTAL
from greenload.report.locust_csv import LocustCsv
from greenload.report.sheets import NotComparable, sheet_of_text
from greenload.report.summary import summarize
from tests.report.test_exports import INFO, NAMES, played
from tests.report.test_locust_csv import BEGAN, HEADERS, VALID

STATS = (
    f"{HEADERS['stats']}\r\n"
    "GET,/a,200,1,140,136.715,0.4,273.03,100.0,65.5,0.3,140,180,210,220,250,260,270,270,270,270,270\r\n"
    "POST,/b,0,0,0,0,0,0,0,0.0,0.0,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A\r\n"
    ",Aggregated,200,1,140,136.715,0.4,273.03,100.0,65.5,0.3,140,180,210,220,250,260,270,270,270,270,270\r\n"
)
PERCENTILES = "150,160,170,180,190,200,210,220,230,240,250"
NO_PERCENTILES = ",".join(["N/A"] * 11)
HISTORY = (
    f"{HEADERS['stats_history']}\r\n"
    f"1795376300,0,,Aggregated,0,0,{NO_PERCENTILES},0,0,0,0,0,0,0\r\n"
    f"1795376301,2,,Aggregated,0,0,{PERCENTILES},10,1,149,299.2,0.4,2848.7,95.4\r\n"
    f"1795376310,2,,Aggregated,22,0,{PERCENTILES},220,2,150,299.2,0.4,2848.7,95.4\r\n"
)


def entry(name, times, began=100.0, ended=110.0):
    return {
        "name": name, "method": "GET", "last_request_timestamp": ended, "start_time": began,
        "num_requests": sum(times.values()), "num_none_requests": 0, "num_failures": 3, "total_response_time": 1.0,
        "max_response_time": 123.4, "min_response_time": 1.2, "total_content_length": 5,
        "response_times": {str(ms): count for ms, count in times.items()}, "num_reqs_per_sec": {},
    }  # fmt: skip


def test_locusts_stats_csv_is_known_by_its_header():
    sheet = sheet_of_text("x.txt", STATS, SERVICE)

    assert sheet.kind == LOCUST
    row = sheet.rows["GET", "/a"]
    assert (row.requests, row.failures, row.requests_per_s) == (200, 1, 65.5)
    assert row.times_ms == {"median": 140, "p95": 260, "p99": 270, "max": 273.03}
    assert sheet.rows["POST", "/b"].times_ms["p95"] is None
    assert sheet.rows[TOTAL].requests == 200


def test_of_locusts_history_the_end_counts():
    sheet = sheet_of_text("x", HISTORY, SERVICE)

    assert (sheet.kind, set(sheet.rows)) == (LOCUST, {TOTAL})
    row = sheet.rows[TOTAL]
    assert (row.requests, row.failures, row.requests_per_s) == (220, 2, 22.0)
    assert row.times_ms == {"median": 150, "p95": 200, "p99": 220, "max": 2848.7}


def test_percentiles_of_the_last_seconds_are_none_of_the_run():
    """Locust's full history has rows of single names, and percentiles of the last 10 s."""
    full = HISTORY + f"1795376310,2,GET,/a,22,0,{PERCENTILES},110,2,151,299.2,0.4,2848.7,95.4\r\n"

    sheet = sheet_of_text("x", full, SERVICE)

    assert sheet.rows["GET", "/a"].times_ms == {"median": 151, "p95": None, "p99": None, "max": 2848.7}


def test_of_locusts_json_percentiles_are_taken_by_locusts_rank_and_the_total_is_the_sum():
    text = json.dumps([entry("/a", {10: 50, 20: 50}), entry("/b", {1000: 100}, ended=120.0)], indent=4)

    sheet = sheet_of_text("x", text, SERVICE)

    assert sheet.kind == LOCUST
    assert sheet.rows["GET", "/a"].times_ms == {"median": 20, "p95": 20, "p99": 20, "max": 123.4}
    assert sheet.rows[TOTAL].requests == 200
    assert sheet.rows[TOTAL].times_ms["median"] == 1000
    assert sheet.rows[TOTAL].requests_per_s == 10.0


@pytest.mark.parametrize("clock", [RESPONSE, SERVICE])
def test_our_summary_and_our_csv_say_the_same_by_either_clock(clock, tmp_path):
    results = played()
    files = LocustCsv(str(tmp_path / "run"), BEGAN)
    files.finish(results, VALID)
    summary = sheet_of_text("s", json.dumps(summarize(INFO, results)), clock)
    stats = sheet_of_text("c", (tmp_path / "run_stats.csv").read_text(), clock)

    assert (summary.kind, stats.kind) == (SUMMARY, CSV)
    assert summary.rows.keys() == stats.rows.keys() == {*NAMES, TOTAL}
    for name, row in summary.rows.items():
        assert row.requests == stats.rows[name].requests
        assert row.times_ms == stats.rows[name].times_ms
    assert (summary.rows[NAMES[0]].times_ms["median"] > 500) == (clock == RESPONSE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x is neither"),
        ("[]", "x is neither"),
        ("{}", "x is neither"),
        ("[[1]]", "x is neither"),
        ("[" * 5000, "x is neither"),
        ('{"schema": 5}', "x is neither"),
        ("a,b\r\n1,2\r\n", "x is neither"),
        (STATS.replace("200", "many"), "x is neither"),
        ('{"schema": "greenload.summary/2"}', "x is greenload.summary/2, which this version cannot read"),
        (STATS.splitlines()[0], "x has no requests"),
        (json.dumps([entry("/a", {})]), "x has no requests"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(text, said):
    with pytest.raises(NotComparable, match=said) as refused:
        sheet_of_text("x", text, SERVICE)

    assert "\n" not in str(refused.value)


def test_a_file_with_a_mark_at_its_beginning_and_other_columns_behind_is_still_locusts():
    lines = list(csv.reader(io.StringIO(STATS)))
    text = "\n".join(",".join([*line, "more"]) for line in lines)

    assert sheet_of_text("x", text, SERVICE).rows == sheet_of_text("y", STATS, SERVICE).rows


@pytest.mark.parametrize(("clock", "is_known"), [(RESPONSE, True), (SERVICE, False)])
def test_our_history_has_response_times_of_the_run_and_service_times_of_its_last_seconds_only(
    clock, is_known, tmp_path
):
    results = played()
    files = LocustCsv(str(tmp_path / "run"), BEGAN)
    files.history(results.slots, results.elapsed_s)
    files.finish(results, VALID)

    row = sheet_of_text("h", (tmp_path / "run_stats_history.csv").read_text(), clock).rows[TOTAL]

    assert row.requests == 1800
    assert (row.times_ms["median"] is not None, row.times_ms["max"] is not None) == (is_known, is_known)
    assert (row.times_ms["p95"], row.times_ms["p99"]) == (None, None)
