"""JUnit XML can be read, whatever stands in a name; and what was not passed is not shown as passed."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.gate import Breach, Gate
from greenload.core.thresholds import Threshold, parse_threshold
from greenload.report.junit import junit
from greenload.report.summary import summarize
from tests.report.test_summary import RUN, request, results_of

# Of the schema that Jenkins publishes (junit-10.xsd), and of Surefire's: what may stand in a test case, in this order.
IN_A_CASE = ["skipped", "error", "failure", "system-out", "system-err"]


def written(*fail_if, abort_if=(), breach=None, broken=None, is_strict=False, is_suspect=False):
    """Return the suite that a file has in it."""
    results = results_of([request(0.01)], sent=5 if is_suspect else 1)
    gate = Gate(tuple(map(parse_threshold, fail_if)), tuple(map(parse_threshold, abort_if)))
    document = summarize(RUN, results, gate.judge(results, breach))
    [suite] = assert_is_junit(junit(document, broken, is_strict))
    return suite


def assert_is_junit(data):
    """Check what the schemas ask for, and return the root."""
    root = ET.fromstring(data)
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert suite.get("name")
        cases = suite.findall("testcase")
        assert list(suite) == cases
        children = [child.tag for case in cases for child in case]
        found = [len(cases), *(children.count(tag) for tag in ("failure", "error", "skipped"))]
        assert [int(suite.get(each)) for each in ("tests", "failures", "errors", "skipped")] == found
        assert float(suite.get("time")) >= 0
        assert suite.get("timestamp") == "2026-11-22T20:00:00"
        for case in cases:
            assert case.get("classname")
            assert case.get("name")
            assert float(case.get("time")) >= 0
            places = [IN_A_CASE.index(child.tag) for child in case]
            assert places == sorted(places)
            assert sum(child.tag in ("skipped", "error", "failure") for child in case) <= 1
    return root


def outcome_of(case):
    """Return what a reader takes a test case for."""
    return next((child.tag for child in case if child.tag in ("skipped", "error", "failure")), "passed")


def test_there_is_a_case_for_each_threshold_and_one_for_the_verdict():
    suite = written("max > 1s", "max > 1ms", "p99 > 1s", abort_if=["min > 1ms"], breach=Breach(0, 4.0, 7.5))

    cases = {case.get("name"): case for case in suite}
    assert {name: outcome_of(case) for name, case in cases.items()} == {
        "fail if max > 1s": "passed",
        "fail if max > 1ms": "failure",
        "fail if p99 > 1s": "failure",
        "abort if min > 1ms": "failure",
        "the numbers can be believed": "skipped",
    }
    failures = {
        name: case.find("failure").get("message") for name, case in cases.items() if case.find("failure") is not None
    }
    assert failures["fail if max > 1ms"] == "max > 1ms: failed, the value was 10 ms"
    assert failures["fail if p99 > 1s"] == "p99 > 1s: not judged: p99 needs 100 requests or more, there were 1"
    assert failures["abort if min > 1ms"] == "min > 1ms: failed at 4.0 s, which stopped the run, the value was 7.5 ms"


@pytest.mark.parametrize(
    ("is_suspect", "is_strict", "broken", "outcome"),
    [
        (False, False, None, "passed"),
        (False, True, None, "passed"),
        (True, False, None, "skipped"),
        (True, True, None, "failure"),
        (True, False, "the run broke: KeyError", "error"),
    ],
)
def test_a_suspect_verdict_is_skipped_unless_it_is_an_error_and_a_run_that_broke_is_one(
    is_suspect, is_strict, broken, outcome
):
    [verdict] = written(is_suspect=is_suspect, is_strict=is_strict, broken=broken)

    assert outcome_of(verdict) == outcome
    assert ("do not add up" in verdict.find("system-out").text) == is_suspect


@given(st.text(min_size=1, max_size=60).map(str.strip).filter(bool))
def test_any_name_makes_a_file_that_can_be_read(name):
    threshold = Threshold(name, None, "failures", ">", 1.0, "%")
    results = results_of([])

    [suite] = assert_is_junit(junit(summarize(RUN, results, Gate((threshold,)).judge(results)), None, False))

    shown = suite[0].get("name")
    printable = "".join(each for each in name if each.isprintable())
    assert "".join(each for each in printable if each not in shown) == ""
