"""What people see: the verdict first, a dash where nothing was measured, and nothing of a server's read as markup."""

import io

import pytest
from rich.console import Console

from greenload.core.results import Results
from greenload.report.console import LiveView, ProgressHandler, console_for, print_summary
from greenload.report.summary import summarize
from tests.report.test_summary import RUN, request, results_of


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


@pytest.mark.parametrize("width", [80, 140])
def test_a_narrow_terminal_folds_names_and_keeps_every_number(width):
    text = shown(summarize(RUN, results_of([request(0.0123, name="/albums/" + "Z" * 120)] * 7)), width)

    assert "12.3" in text
    assert text.count("Z") == 120


def test_where_there_is_no_terminal_progress_is_a_line_every_five_seconds():
    stream = io.StringIO()
    results = results_of([request(0.01)])

    with LiveView(console_for(stream), None) as view:
        for elapsed_s in range(1, 12):
            results.elapsed_s = elapsed_s
            view.show(results)

    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["5", "10"]


def test_on_a_terminal_the_view_is_drawn_in_place_with_the_time_left_and_each_name():
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True)

    with LiveView(console, 60) as view:
        view.show(results_of([request(0.0123)], seconds=3))

    text = stream.getvalue()
    assert "3 of 60 s" in text
    assert "GET /albums" in text
    assert "12.3" in text
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


def test_before_the_first_report_the_view_says_so():
    stream = io.StringIO()

    with LiveView(Console(file=stream, width=120, force_terminal=True), 60) as view:
        view.show(Results())

    assert "nothing was reported yet" in stream.getvalue()
