"""Scripts written for Locust's files read ours: the names, the headers, the rows."""

import csv
from datetime import datetime, timezone

import pytest

from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.stats import Sample, Stats
from greenload.report.locust_csv import LocustCsv

BEGAN = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)

# As Locust 2.47 writes them.
PERCENTS = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
HEADERS = {
    "stats": "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    f"Max Response Time,Average Content Size,Requests/s,Failures/s,{PERCENTS}",
    "stats_history": f"Timestamp,User Count,Type,Name,Requests/s,Failures/s,{PERCENTS},Total Request Count,"
    "Total Failure Count,Total Median Response Time,Total Average Response Time,Total Min Response Time,"
    "Total Max Response Time,Total Average Content Size",
    "failures": "Method,Name,Error,Occurrences,First Seen,Last Seen",
    "exceptions": "Count,Message,Traceback,Nodes",
}
# Behind them, and in a file that Locust does not write.
OWN_HEADERS = dict.fromkeys(("stats", "stats_history"), ",Service 50%,Service 95%,Service 99%,Service Max")
OWN_HEADERS["verdict"] = "Status,Reason"


VALID = {"status": "valid", "reasons": []}


def played(prefix, seconds=2, samples_per_s=4, late_s=0.0, warmup_s=0, verdict=VALID):
    """A run in which each second has successes of 1, 2, 3... ms and one failure; returns its Results.

    late_s: how long after its time each request began
    """
    results = Results(warmup_s)
    files = LocustCsv(str(prefix), BEGAN)
    counted = 0
    for second in range(seconds):
        stats = Stats()
        for number in range(samples_per_s):
            error = "HTTP 503" if number == 0 else None
            ended_s = second + (number + 1) / 1000
            stats.record(Sample("GET", "/albums", second - late_s, float(second), ended_s, error, 100))
        stats.sent = samples_per_s
        stats.exceptions.count("in task A.b\n  File\nValueError: bad", second)
        counted += samples_per_s
        results.add(Report("w1", 1, second + 1, float(second), second + 1.0, stats, 5, 1.0, counted))
        files.second(results)
    files.finish(results, verdict)
    return results


def rows(prefix, kind):
    return list(csv.DictReader((prefix.parent / f"{prefix.name}_{kind}.csv").read_text().splitlines()))


@pytest.mark.parametrize("kind", HEADERS | OWN_HEADERS)
def test_the_headers_are_locusts_with_ours_behind_them_and_the_lines_end_as_csv_does(tmp_path, kind):
    played(tmp_path / "out")

    text = (tmp_path / f"out_{kind}.csv").read_bytes().decode()
    assert text.splitlines()[0] == HEADERS.get(kind, "") + OWN_HEADERS.get(kind, "")
    assert text.endswith("\r\n")


def test_the_stats_have_a_row_a_name_and_the_aggregated_one_last(tmp_path):
    played(tmp_path / "out")

    found = rows(tmp_path / "out", "stats")
    assert [(row["Type"], row["Name"]) for row in found] == [("GET", "/albums"), ("", "Aggregated")]
    assert (found[1]["Request Count"], found[1]["Failure Count"]) == ("8", "2")
    assert float(found[1]["Requests/s"]) == 4.0
    assert float(found[1]["Median Response Time"]) == pytest.approx(2, rel=0.001)
    assert float(found[1]["Average Response Time"]) == pytest.approx(2.5, rel=0.001)
    assert float(found[1]["100%"]) == float(found[1]["Max Response Time"]) == 4.0
    assert float(found[1]["Average Content Size"]) == 100.0


def test_the_history_has_a_row_a_second_with_the_rates_and_percentiles_of_the_last_ten(tmp_path):
    played(tmp_path / "out", seconds=15)

    found = rows(tmp_path / "out", "stats_history")
    assert [int(row["Timestamp"]) - int(BEGAN.timestamp()) for row in found] == list(range(1, 16))
    assert {row["Name"] for row in found} == {"Aggregated"}
    assert [row["User Count"] for row in found] == ["5"] * 15
    assert float(found[-1]["Requests/s"]) == 4.0
    assert [row["Total Request Count"] for row in found] == [str(4 * second) for second in range(1, 16)]


def test_failures_and_exceptions_are_counted_with_the_time_of_day(tmp_path):
    played(tmp_path / "out", seconds=3)

    [failure] = rows(tmp_path / "out", "failures")
    assert (failure["Error"], failure["Occurrences"]) == ("HTTP 503", "3")
    assert (failure["First Seen"], failure["Last Seen"]) == ("2026-11-22T20:00:00Z", "2026-11-22T20:00:02Z")
    text = (tmp_path / "out_exceptions.csv").read_text()
    assert "3,ValueError: bad," in text
    assert text.rstrip().endswith(",w1")


@pytest.mark.parametrize("kind", ["stats", "stats_history"])
def test_service_times_stand_beside_response_times(tmp_path, kind):
    played(tmp_path / "out", late_s=0.5)

    last = rows(tmp_path / "out", kind)[-1]
    assert float(last["50%"]) == pytest.approx(502, rel=0.001)
    assert float(last["Service 50%"]) == pytest.approx(2, rel=0.001)
    assert (float(last["100%"]), float(last["Service Max"])) == (504.0, 4.0)


def test_the_verdict_has_a_row_for_each_reason(tmp_path):
    played(tmp_path / "out", verdict={"status": "suspect", "reasons": ["it was late", "it was busy"]})

    assert rows(tmp_path / "out", "verdict") == [
        {"Status": "suspect", "Reason": "it was late"},
        {"Status": "suspect", "Reason": "it was busy"},
    ]


def test_a_valid_verdict_has_one_row_without_a_reason(tmp_path):
    played(tmp_path / "out")

    assert rows(tmp_path / "out", "verdict") == [{"Status": "valid", "Reason": ""}]


def test_without_a_request_there_is_no_number(tmp_path):
    played(tmp_path / "out", samples_per_s=0)

    [total] = rows(tmp_path / "out", "stats")
    assert total["50%"] == total["Service 50%"] == total["Service Max"] == "N/A"
    assert total["Median Response Time"] == "0"


def test_a_path_that_cannot_be_written_is_found_at_once(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        LocustCsv(str(tmp_path / "nowhere" / "out"), BEGAN)


def test_the_warm_up_is_in_the_history_and_in_no_other_number(tmp_path):
    played(tmp_path / "out", seconds=4, warmup_s=3)

    [name, total] = rows(tmp_path / "out", "stats")
    history = rows(tmp_path / "out", "stats_history")
    [failure] = rows(tmp_path / "out", "failures")
    assert (name["Request Count"], total["Request Count"], total["Requests/s"]) == ("4", "4", "4.0")
    assert failure["Occurrences"] == "1"
    assert [row["Total Request Count"] for row in history] == ["4", "8", "12", "16"]
