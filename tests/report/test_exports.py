"""Each export says what was counted, to the program it is made for."""

import json
from collections import Counter
from urllib.parse import unquote

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from prometheus_client.parser import text_string_to_metric_families

from greenload.core.histogram import HIGHEST_US, LOWEST_US, SIGNIFICANT_DIGITS, Histogram, highest_us_in
from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.stats import Sample, Stats
from greenload.report.hlog import hlog
from greenload.report.locust_csv import LocustCsv
from greenload.report.ndjson import ndjson
from greenload.report.prometheus import prometheus
from greenload.report.summary import milliseconds
from tests.report.test_locust_csv import BEGAN, VALID

INFO = RunInfo("20300101-000000-beef", "2030-01-01T00:00:00+00:00", "users", "s.py", "ab" * 32, None, 7, "1.0")
NAMES = [("GET", "/albums"), ("GET", 'a, b "c"\\'), ("POST", "/albums/\u00e9%2C")]


def played(seconds=30, late_s=0.5):
    """A run in which the requests of one name begin late, and some of all names fail."""
    results = Results()
    for second in range(seconds):
        stats = Stats()
        for number, name in enumerate(NAMES):
            for request in range(20):
                took_s = 0.001 * (request + 1) * (number + 1) + second / 1000
                error = "HTTP 500" if request == number else None
                intended_s = second - (late_s if number == 0 else 0.0)
                stats.record(Sample(*name, intended_s, float(second), second + took_s, error, 10))
                stats.sent += 1
        stats.record_unfinished(*NAMES[0], 1.5)
        results.add(Report("w", 1, second + 1, float(second), second + 1.0, stats, 3, 1.0, 60 * (second + 1)))
    return results


@pytest.fixture(scope="module")
def results():
    return played()


def test_hdrhistograms_own_reader_finds_the_same_counts_by_name_and_clock(results, tmp_path):
    path = tmp_path / "run.hlog"
    path.write_text("".join(hlog(INFO, results.slots)))
    found = {}
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS))
    while (interval := reader.get_next_interval_histogram()) is not None:
        counts = memoryview(interval.counts).cast("B").cast("Q").tolist()
        found.setdefault(interval.get_tag(), Counter()).update({at: count for at, count in enumerate(counts) if count})
    reader.close()

    read = {unquote(tag): dict(counts) for tag, counts in found.items()}

    assert read == {
        f"{clock}:{method} {name}": getattr(results.total.tallies[method, name].ended(), clock).counts
        for method, name in NAMES
        for clock in ("response", "service")
    }
    assert all(not set(", \n") & set(tag) for tag in found)


def test_the_log_says_when_the_run_began_and_what_its_longest_request_was(results, tmp_path):
    path = tmp_path / "run.hlog"
    lines = list(hlog(INFO, results.slots))
    path.write_text("".join(lines))
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_US, HIGHEST_US, SIGNIFICANT_DIGITS))
    first = reader.get_next_interval_histogram()
    reader.close()

    assert lines[1] == "#[Histogram log format version 1.3]\n"
    assert first.get_start_time_stamp() == BEGAN.replace(year=2030, month=1, day=1, hour=0).timestamp() * 1000
    intervals = [line.split(",") for line in lines if line.startswith("Tag=")]
    longest_ms = max(float(interval[3]) for interval in intervals)
    assert longest_ms == results.total_tally.ended().response.max_us / 1000


def test_the_lines_of_json_add_up_to_the_run_and_each_has_its_own_percentiles(results):
    lines = [json.loads(line) for line in ndjson(INFO, results.slots, results.warmup_s)]

    assert len(lines) == 30 * len(NAMES)
    assert sum(line["requests"] for line in lines) == results.total_tally.requests
    assert sum(line["failures"] for line in lines) == results.total_tally.failed.service.count
    assert sum(line["unfinished"] for line in lines) == 30
    assert [line["from_s"] for line in lines] == sorted(line["from_s"] for line in lines)
    tally = results.slots[7].stats.tallies[NAMES[0]].ended()
    [line] = [line for line in lines if line["from_s"] == 7 and (line["method"], line["name"]) == NAMES[0]]
    assert line["response_ms"] == milliseconds(tally.response)
    assert line["service_ms"] == milliseconds(tally.service)
    assert line["response_ms"]["p50"] > line["service_ms"]["p50"] + 400


def test_prometheus_own_parser_reads_the_counters_and_histograms(results):
    families = {each.name: each for each in text_string_to_metric_families("".join(prometheus(INFO, results)))}

    requests = {
        (each.labels["method"], each.labels["name"]): each.value for each in families["greenload_requests"].samples
    }
    assert requests == dict.fromkeys(NAMES, 600)
    assert (
        sum(each.value for each in families["greenload_failures"].samples) == results.total_tally.failed.service.count
    )
    for clock in ("response", "service"):
        family = families[f"greenload_{clock}_time_seconds"]
        assert family.type == "histogram"
        for method, name in NAMES:
            histogram = getattr(results.total.tallies[method, name].ended(), clock)
            samples = [
                each for each in family.samples if (each.labels["method"], each.labels["name"]) == (method, name)
            ]
            buckets = {float(each.labels["le"]): each.value for each in samples if each.name.endswith("_bucket")}
            assert buckets == {end_s: _up_to(histogram, end_s) for end_s in buckets}
            assert buckets[float("inf")] == histogram.count
            [total] = [each.value for each in samples if each.name.endswith("_sum")]
            assert total == pytest.approx(histogram.sum_us / 1e6)


def _up_to(histogram: Histogram, end_s: float) -> int:
    return sum(count for bucket, count in histogram.counts.items() if highest_us_in(bucket) <= end_s * 1e6)


def test_the_history_of_a_run_that_is_over_is_the_one_written_while_it_went_on(tmp_path):
    now, later = LocustCsv(str(tmp_path / "now"), BEGAN), LocustCsv(str(tmp_path / "later"), BEGAN)
    whole = Results()
    for second in range(25):
        stats = Stats()
        for request in range(20):
            stats.record(Sample("GET", "/", float(second), float(second), second + 0.001 * (request + second), None, 1))
        whole.add(Report("w", 1, second + 1, float(second), second + 1.0, stats, 3, 1.0, 20 * (second + 1)))
        now.second(whole)
    now.finish(whole, VALID)

    later.history(whole.slots, whole.elapsed_s)
    later.finish(whole, VALID)

    for kind in ("stats", "stats_history", "failures", "exceptions", "verdict"):
        assert (tmp_path / f"later_{kind}.csv").read_text() == (tmp_path / f"now_{kind}.csv").read_text(), kind
