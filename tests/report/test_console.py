"""What people see: the verdict first, a dash where nothing was measured, and nothing of a server's read as markup."""

import io

import pytest
from rich.console import Console

from greenload.core.gate import Breach, Gate
from greenload.core.messages import Report
from greenload.core.offer import Offer
from greenload.core.phases import PHASES
from greenload.core.results import Results
from greenload.core.stall import Stall
from greenload.core.stats import Stats
from greenload.core.thresholds import parse_threshold
from greenload.report.console import print_summary
from greenload.report.live import LiveView, ProgressHandler
from greenload.report.summary import summarize
from greenload.report.terminal import console_for
from greenload.report.thresholds import NOTHING
from tests.report.test_summary import RUN, phased, request, results_of


def shown(document, width=140):
    stream = io.StringIO()
    print_summary(Console(file=stream, width=width), document)
    return stream.getvalue()


def test_the_verdict_comes_first():
    valid = shown(summarize(RUN, results_of([request(0.01)])))
    suspect = shown(summarize(RUN, Results()))

    assert valid.split()[0] == "VALID"
    assert suspect.split()[0] == "SUSPECT"
    assert "no request ended" in suspect


def test_the_line_that_adds_up_is_there():
    text = shown(summarize(RUN, results_of([request(0.01)] * 1_234)))

    assert "planned 1 234  sent 1 234  succeeded 1 234  failed 0  unfinished 0  dropped 0" in text


def test_requests_and_arrivals_are_not_added_to_one_another():
    """An iteration makes as many requests as it likes: requests sent and arrivals dropped make no plan."""
    results = results_of([request(0.01)] * 2_700)
    none_missing = shown(summarize(RUN, results, (), Offer(1_000, 900, 100, 100, 10.0)))
    some_missing = shown(summarize(RUN, results, (), Offer(1_000, 900, 60, 100, 10.0)))

    assert "offered 100.0/s, delivered 90.0/s, dropped 100 (10.0 %)\n" in none_missing
    assert "arrivals: planned 1 000  started 900  dropped 100\n" in none_missing
    assert "requests: sent 2 700  succeeded 2 700  failed 0  unfinished 0\n" in none_missing
    assert "arrivals: planned 1 000  started 900  dropped 60  missing 40\n" in some_missing


def test_messages_that_nobody_of_the_run_meant_are_shown_when_there_were_any():
    results = results_of([request(0.01)])
    without = shown(summarize(RUN, results))
    results.ignored = 1_234

    document = summarize(RUN, results)

    assert document["reconciliation"]["ignored_messages"] == 1_234
    assert "ignored: 1 234 message(s)" in shown(document)
    assert "ignored" not in without


def test_no_data_is_a_dash_and_never_0_ms():
    [row] = [line for line in shown(summarize(RUN, Results())).splitlines() if line.startswith("Total")]

    assert row.split() == ["Total", "0", "0", "0.0", "–", "–", "–", "–", "–", "0"]


def test_failures_have_their_share_and_their_kind():
    text = shown(summarize(RUN, results_of([request(0.01)] * 3 + [request(0.01, error="HTTP 503")])))

    assert "1 (25.0%)" in text
    assert "GET /albums: HTTP 503" in text


def test_what_looks_like_markup_is_shown_as_it_is():
    odd = "[bold red]x[/nothing]"

    text = shown(
        summarize(RUN, results_of([request(0.01, name=odd, error=odd)], exceptions=[f"in {odd}\n{odd}\n{odd}"]))
    )

    assert text.count(odd) >= 4


def test_clocks_that_agree_have_one_row_a_name_and_a_title_that_says_so():
    text = shown(summarize(RUN, results_of([request(0.01)] * 3)))

    assert "response time = service time, in ms" in text
    assert [line.split()[0] for line in text.splitlines() if "10.0" in line] == ["GET", "Total"]


def test_where_clocks_differ_a_second_row_has_the_service_time():
    samples = [request(0.010, late_s=0.5)] * 20 + [request(0.010, name="/")] * 20

    lines = shown(summarize(RUN, results_of(samples))).splitlines()

    at = next(number for number, line in enumerate(lines) if line.startswith("GET /albums"))
    assert "response time in ms, and service time below it" in lines[at - 3]
    assert not lines[at - 1].startswith("  service")
    assert lines[at].split()[5:9] == ["510", "510", "–", "510"]
    assert lines[at + 1].split() == ["service", "10.0", "10.0", "–", "10.0", "10.0"]


def test_below_the_table_stands_why_the_clocks_differ_and_what_was_missed_and_stalled():
    results = results_of([request(0.010, late_s=0.5)] * 200)
    stats = Stats()
    stats.missed_slots, stats.longest_stall = 1_009, Stall(5.62, 14.3)
    results.add(Report("w1", 1, 2, 1.0, 2.0, stats, 3, 12.0, 200))

    text = " ".join(shown(summarize(RUN, results)).split())

    assert "response p99 510 ms is 51 times service p99 10.0 ms: requests waited for their turn because the" in text
    assert "missed slots: 1 009" in text
    assert "longest stall: 5.62 s, from 14.3 s on: requests were under way and none was answered" in text


@pytest.mark.parametrize(("took_s", "stall_s", "said"), [(0.01, 0.49, False), (0.01, 0.5, True), (2.0, 19.9, False)])
def test_a_stall_is_told_when_it_is_long_for_anybody_and_for_this_service(took_s, stall_s, said):
    results = results_of([request(took_s)] * 2)
    stats = Stats()
    stats.longest_stall = Stall(stall_s, 1.0)
    results.add(Report("w1", 1, 2, 1.0, 2.0, stats, 3, 12.0, 2))

    assert ("longest stall" in shown(summarize(RUN, results))) == said


def test_a_percentile_that_is_a_dash_for_want_of_requests_is_explained():
    few = shown(summarize(RUN, results_of([request(0.01)] * 19)))
    more = shown(summarize(RUN, results_of([request(0.01)] * 99)))
    enough = shown(summarize(RUN, results_of([request(0.01)] * 100)))

    assert "–: too few requests for that percentile: p95 needs 20, p99 needs 100" in few
    assert "–: too few requests for that percentile: p99 needs 100" in more
    assert "too few" not in enough + shown(summarize(RUN, Results()))


def test_thresholds_stand_below_the_verdict_and_those_not_passed_are_red():
    gate = Gate(
        (parse_threshold("max > 1s"), parse_threshold("p99 > 1s"), parse_threshold("GET /x\x1b[2J: max > 1s")),
        (parse_threshold("max > 9ms"),),
    )
    results = results_of([request(0.0104)])
    stream = io.StringIO()
    console = Console(file=stream, width=140, force_terminal=True, color_system="standard")

    print_summary(console, summarize(RUN, results, gate.judge(results, Breach(0, 4.0, 10.4))))

    lines = stream.getvalue().splitlines()
    at = next(number for number, line in enumerate(lines) if "Thresholds" in line)
    passed, not_judged, unknown, aborted = lines[at + 1 : at + 5]
    assert at < next(number for number, line in enumerate(lines) if "service time, in ms" in line)
    assert "fail if max > 1s" in passed
    assert "0.01 s" in passed
    assert "31m" not in passed
    assert "\x1b[31mnot judged: p99 needs 100 requests or more, there were 1" in not_judged
    assert NOTHING in not_judged
    assert "GET /x?[2J" in unknown
    assert "\x1b[31mfailed at 4.0 s, which stopped the run" in aborted
    assert "10.4 ms" in aborted


def test_a_warm_up_is_said():
    assert "measured from 5 s on" in shown(summarize(RUN, results_of([request(0.01)], warmup_s=5)))
    assert "without the first" not in shown(summarize(RUN, results_of([request(0.01)])))


@pytest.mark.parametrize("width", [80, 140])
def test_a_narrow_terminal_folds_names_and_keeps_every_number(width):
    text = shown(summarize(RUN, results_of([request(0.0123, name="/albums/" + "Z" * 120)] * 7)), width)

    assert "12.3" in text
    assert text.count("Z") == 120


def test_a_narrow_terminal_leaves_out_columns_before_it_cuts_numbers_or_loses_names():
    samples = [request(4.4691, late_s=8.0, error="HTTP 404", name="/albums/:id")] * 13_080
    document = summarize(RUN, results_of(samples))

    narrow, wide = shown(document, 80), shown(document, 140)

    assert "…" not in narrow
    assert "albums" in narrow.split("Failures ", 2)[1]
    assert "13 080 (100.0%)" in narrow
    assert "12 469" in narrow
    assert "Bytes" not in narrow
    assert "Bytes" in wide
    assert max(len(line) for line in narrow.splitlines()) <= 80


def test_on_a_narrow_terminal_the_view_breaks_its_lines_between_two_numbers_and_not_within_one():
    stream = io.StringIO()

    with LiveView(Console(file=stream, width=80, force_terminal=True), 60) as view:
        view.show(results_of([request(0.01, late_s=0.5)] * 100))

    assert "in flight, 0 dropped,\n  0 slots missed\n" in stream.getvalue().replace("\r", "")
    assert "0.0 failures/s\n  median 510  p95 510  p99 510 ms  service p99 10.0 ms  lag" in stream.getvalue()


def test_where_there_is_no_terminal_progress_is_a_line_every_five_seconds():
    stream = io.StringIO()
    results = results_of([request(0.01)])

    with LiveView(console_for(stream), None) as view:
        for elapsed_s in range(1, 12):
            results.elapsed_s = elapsed_s
            view.show(results)

    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["5", "10"]


def test_progress_has_both_clocks_where_they_differ_and_what_is_under_way():
    stream = io.StringIO()
    results = results_of([request(0.01, late_s=0.5)] * 100, sent=107)
    results.elapsed_s = 5

    with LiveView(console_for(stream), None) as view:
        view.show(results)

    assert "  7 in flight" in stream.getvalue()
    assert "p99 510 ms  service p99 10.0 ms" in stream.getvalue()


def test_the_last_second_is_one_that_all_workers_have_reported():
    stream = io.StringIO()
    results = results_of([request(0.01)] * 9)
    results.add(Report("w2", 1, 1, 0.0, 1.0, Stats(), 1, 12.0, 0))
    results.add(Report("w1", 1, 2, 1.0, 2.0, Stats(), 1, 12.0, 9))

    with LiveView(Console(file=stream, width=120, force_terminal=True), 60) as view:
        view.show(results)

    last_second = "the last second: 9 started, 9 completed, 0 failed, 0 in flight, 0 dropped, 0 slots missed"
    assert last_second in stream.getvalue()


def test_on_a_terminal_the_view_is_drawn_in_place_with_the_time_left_and_each_name():
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True)

    with LiveView(console, 60) as view:
        view.show(results_of([request(0.0123)] * 2, seconds=3))

    text = stream.getvalue()
    assert "3 of 60 s" in text
    assert "GET /albums" in text
    assert "12.3" in text
    assert "2 in flight" not in text
    assert "the last second: 0 started, 0 completed, 0 failed, 0 in flight" in text
    assert "Service p99" in text
    assert "\x1b[2K" in text  # and taken away again


def test_a_log_record_goes_through_the_view():
    import logging

    stream = io.StringIO()
    handler = ProgressHandler(Console(file=stream, width=80))

    handler.emit(logging.makeLogRecord({"msg": "stopping [now]"}))

    assert stream.getvalue() == "stopping [now]\n"


def test_what_a_terminal_would_obey_is_shown_as_a_question_mark():
    text = shown(summarize(RUN, results_of([request(0.01, name="/a\x1b[31m\nb")])))

    assert "/a?[31m?b" in text


def test_nothing_that_a_server_said_is_obeyed_by_a_terminal():
    """What failed, what was raised, and the reasons and thresholds that quote a name."""
    name = "/\x1b[31m"
    samples = [request(0.01, name, error="no \x1b[2J"), request(0.01, name, late_s=1.0), *[request(0.01)] * 300]
    gate = Gate((parse_threshold(f"GET {name}: p99 > 1s"),))
    results = results_of(samples, exceptions=["in task Reader.look\n  File \x1b]0;x\x07\nValueError: \x1b[2J"])

    document = summarize(RUN, results, gate.judge(results))

    assert name in "".join(document["verdict"]["reasons"])
    assert name in document["clocks"]["why"]
    assert "Exception in" in shown(document)
    assert not {"\x1b", "\x07"} & set(shown(document))


def test_before_the_first_report_the_view_says_so():
    stream = io.StringIO()

    with LiveView(Console(file=stream, width=120, force_terminal=True), 60) as view:
        view.show(Results())

    assert "nothing was reported yet" in stream.getvalue()


def test_each_phase_has_a_row_under_the_name_it_was_measured_for():
    results = phased(*((phase, 0.0123 * (place + 1)) for place, phase in enumerate(PHASES)))

    lines = shown(summarize(RUN, results)).splitlines()

    first = lines.index(next(line for line in lines if line.startswith("phases of requests"))) + 2
    assert lines[first].strip() == "GET /albums"
    assert [line.split("  ")[1] for line in lines[first + 1 : first + 7]] == [
        "connect",
        "TLS",
        "first byte, new connection",
        "first byte, reused connection",
        "receive, new connection",
        "receive, reused connection",
    ]
    assert lines[first + 1].split() == ["connect", "1", "–", "–", "–", "12.3", "12.3"]
    assert lines[first + 7].strip() == "Total"


def test_where_no_phase_was_measured_there_is_no_table_of_them():
    text = shown(summarize(RUN, results_of([request(0.01)])))

    assert "phases" not in text
