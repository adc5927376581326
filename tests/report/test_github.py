"""Annotations: one line each, whatever stands in a name or a reason."""

from greenload.core.gate import Gate
from greenload.core.thresholds import parse_threshold
from greenload.report.github import workflow_commands
from greenload.report.summary import summarize
from tests.report.test_summary import RUN, request, results_of


def lines_for(*fail_if, sent=1):
    results = results_of([request(0.01)], sent=sent)
    return list(workflow_commands(summarize(RUN, results, Gate(tuple(map(parse_threshold, fail_if))).judge(results))))


def test_what_was_passed_is_no_annotation():
    assert lines_for("max > 1s") == []


def test_a_threshold_that_failed_is_an_error():
    assert lines_for("max > 1s", "max > 5ms") == [
        "::error title=threshold failed%3A max > 5ms::max > 5ms: failed, the value was 10 ms"
    ]


def test_a_suspect_verdict_is_a_warning():
    [line] = lines_for(sent=5)

    assert line.startswith("::warning title=SUSPECT::the numbers do not add up")


def test_what_would_end_a_line_or_a_title_is_escaped():
    line, _ = lines_for("GET /a,b::c%\r\nd: failures > 1%")

    title, _, message = line.removeprefix("::error title=").partition("::")
    assert title == "threshold not judged%3A GET /a%2Cb%3A%3Ac%25%0D%0Ad%3A failures > 1%25"
    assert message.startswith("GET /a,b::c%25%0D%0Ad: failures > 1%25: not judged")
