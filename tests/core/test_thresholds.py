"""Thresholds: what is written is what is meant, what is not says where, and each is judged against all it is about."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.core.stats import Sample, Stats
from greenload.core.thresholds import (
    COUNTS,
    DROPPED,
    FAILED,
    LONGEST_THRESHOLD,
    NOT_JUDGED,
    OPERATORS,
    PASSED,
    RESPONSE,
    SERVICE,
    TIMES,
    US_IN,
    Measured,
    Threshold,
    ThresholdError,
    parse_threshold,
)


def tally_of(*took_ms, late_ms=0, failed=0):
    """Return what was counted of requests that took so long, of which the first `failed` failed."""
    stats = Stats()
    for number, each_ms in enumerate(took_ms):
        started_s = 1.0 + late_ms / 1000
        error = "HTTP 503" if number < failed else None
        stats.record(Sample("GET", "/", 1.0, started_s, started_s + each_ms / 1000, error, 0))
    return stats.total()


def judged(text, tally, seconds=1.0):
    return parse_threshold(text).judge(Measured(tally, seconds))


# The grammar

percentiles = st.integers(1, 999_999).map(lambda number: f"p{number / 10_000:g}")
limits = st.floats(0, 1e12, allow_nan=False).map(abs)
names = st.text(min_size=1, max_size=40).map(str.strip).filter(bool)
times = st.builds(
    Threshold,
    name=st.none() | names,
    clock=st.sampled_from([RESPONSE, SERVICE]),
    metric=st.sampled_from(TIMES) | percentiles,
    comparison=st.sampled_from([*OPERATORS]),
    limit=limits,
    unit=st.sampled_from([*US_IN]),
)
counts = st.sampled_from([(metric, unit) for metric, units in COUNTS.items() for unit in units]).flatmap(
    lambda counted: st.builds(
        Threshold,
        name=st.none() if counted[0] == DROPPED else st.none() | names,
        clock=st.none(),
        metric=st.just(counted[0]),
        comparison=st.sampled_from([*OPERATORS]),
        limit=st.floats(0, 100) if counted[1] else limits,
        unit=st.just(counted[1]),
    )
)


@given(times | counts)
@example(Threshold("GET http://[::1]: p99 > 3ms", RESPONSE, "p99", ">", 1e-9, "s"))
def test_a_threshold_that_is_written_down_and_read_is_the_same_one(threshold):
    assert parse_threshold(str(threshold)) == threshold


METRICS = ["p99", "p101", "p", "median", "failures", "rps", "requests", "response ", "service"]
OTHERS = ["GET /", ":", ">", "<=", "=", "99", "1.5", ".9", "ms", "s", "%", " ", "\x00", "é", "\n", "日"]
pieces = st.sampled_from(METRICS) | st.sampled_from(OTHERS)


def refused_at(text):
    """Return the place at which a text is refused, None when it is a threshold."""
    try:
        parse_threshold(text)
    except ThresholdError as error:
        return error.at
    return None


@given(st.text() | st.lists(pieces, max_size=9).map("".join))
@example("9" * 400 + "ms")
@example("p99 > " + "9" * 400 + "ms")
def test_any_text_is_a_threshold_or_is_refused_with_a_place_in_it(text):
    at = refused_at(text)

    if at is None:
        assert parse_threshold(str(parse_threshold(text))) == parse_threshold(text)
    else:
        assert 0 <= at <= len(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("p99 > 300ms", Threshold(None, RESPONSE, "p99", ">", 300, "ms")),
        ("response p99>300 ms", Threshold(None, RESPONSE, "p99", ">", 300, "ms")),
        ("service p99.9 >= 0.3s", Threshold(None, SERVICE, "p99.9", ">=", 0.3, "s")),
        ("  median <5us ", Threshold(None, RESPONSE, "median", "<", 5, "us")),
        ("GET /albums: p95 > 100ms", Threshold("GET /albums", RESPONSE, "p95", ">", 100, "ms")),
        ("GET /a b:c: max <= 1s", Threshold("GET /a b:c", RESPONSE, "max", "<=", 1, "s")),
        ("failures > 1%", Threshold(None, None, "failures", ">", 1, "%")),
        ("JOB work: failures >= 3", Threshold("JOB work", None, "failures", ">=", 3, "")),
        ("rps < 100", Threshold(None, None, "rps", "<", 100, "")),
        ("requests < 1000", Threshold(None, None, "requests", "<", 1000, "")),
    ],
)
def test_a_threshold_is_read_as_it_is_meant(text, meant):
    assert parse_threshold(text) == meant


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("p99 > 300", 9, "a unit: us, ms or s; did you mean 300ms?"),
        ("p99 > 300 m", 10, "did you mean ms?"),
        ("p99 = 3ms", 4, "one of > >= < <=, for when it fails; did you mean >?"),
        ("p99 =< 3ms", 4, "did you mean <=?"),
        ("p101 > 1ms", 0, "a percentile above 0 and below 100"),
        ("p100 > 1ms", 0, "did you mean max?"),
        ("p0 > 1ms", 0, "a percentile above 0 and below 100"),
        ("medain > 1ms", 0, "did you mean median?"),
        ("GET /: p9x > 1ms", 7, "a percentile such as p99, median"),
        ("GET /albums:", 12, "a percentile such as p99, median"),
        ("", 0, "a percentile such as p99, median"),
        (" : p99 > 1ms", 1, "a name before the colon"),
        ("service failures > 1%", 8, "a time after service"),
        ("p99", 3, "one of > >= < <="),
        ("rps <", 5, "a number"),
        ("p99 > -1ms", 6, "a number"),
        ("rps < 5%", 7, "nothing more"),
        ("failures > 1 ms", 13, "nothing more"),
        ("failures > 101%", 11, "at most 100 %"),
        ("p99 > 3ms 4", 10, "nothing more"),
        ("rps < " + "9" * 400, 6, "a smaller number"),
    ],
)
def test_what_is_no_threshold_is_refused_with_the_place_and_what_was_expected_there(text, at, said):
    with pytest.raises(ThresholdError) as refused:
        parse_threshold(text)

    expected, shown, mark = str(refused.value).split("\n")
    assert refused.value.at == at
    assert said in expected
    assert (shown, mark) == (f"  {text}", f"  {' ' * at}^")


def test_the_mark_stands_below_the_place_also_after_what_is_wide_or_cannot_be_printed():
    with pytest.raises(ThresholdError) as refused:
        parse_threshold("日\x1b: p99 > 3")

    _, shown, mark = str(refused.value).split("\n")
    assert shown == "  日?: p99 > 3"
    assert mark == "  \u3000" + " " * 10 + "^"


def test_a_threshold_is_not_a_book():
    with pytest.raises(ThresholdError, match="at most 1000 characters"):
        parse_threshold("x" * LONGEST_THRESHOLD + ": p99 > 1ms")


# The judgement


@pytest.mark.parametrize(
    ("text", "status", "value"),
    [
        ("max > 30ms", PASSED, 30),
        ("max >= 30ms", FAILED, 30),
        ("min < 10ms", PASSED, 10),
        ("min <= 10ms", FAILED, 10),
        ("mean > 19.9ms", FAILED, 20),
        ("mean > 0.02s", PASSED, 0.02),
        ("median > 20100us", PASSED, pytest.approx(20_000, rel=0.001)),
        ("failures > 33%", FAILED, pytest.approx(100 / 3)),
        ("failures > 1", PASSED, 1),
        ("failures >= 1", FAILED, 1),
        ("rps < 1.5", PASSED, 1.5),
        ("rps <= 1.5", FAILED, 1.5),
        ("requests < 4", FAILED, 3),
        ("requests < 3", PASSED, 3),
    ],
)
def test_a_threshold_fails_when_its_condition_is_so(text, status, value):
    judgement = judged(text, tally_of(10, 20, 30, failed=1), seconds=2.0)

    assert (judgement.status, judgement.value, judgement.reason) == (status, value, None)


def test_service_and_response_time_are_judged_apart():
    tally = tally_of(5, 5, late_ms=800)

    assert judged("response max > 300ms", tally).status == judged("max > 300ms", tally).status == FAILED
    assert judged("service max > 300ms", tally).status == PASSED


@pytest.mark.parametrize(
    ("metric", "needed"), [("p99", 100), ("p99.9", 1000), ("p99.99", 10_000), ("p95", 20), ("median", 2), ("p1", 2)]
)
def test_a_percentile_of_too_few_requests_is_not_judged(metric, needed):
    enough = tally_of(*[1] * needed)
    too_few = tally_of(*[1] * (needed - 1))

    assert judged(f"{metric} > 0ms", enough).status == FAILED
    judgement = judged(f"{metric} > 0ms", too_few)
    assert (judgement.status, judgement.value) == (NOT_JUDGED, None)
    assert judgement.reason == f"{metric} needs {needed} requests or more, there were {needed - 1}"


@pytest.mark.parametrize("text", ["p50 > 1ms", "max > 1ms", "mean > 1ms", "failures > 1%", "failures > 0"])
def test_nothing_measured_is_neither_slow_nor_fast_nor_without_failures(text):
    judgement = judged(text, tally_of())

    assert (judgement.status, judgement.value, judgement.reason) == (NOT_JUDGED, None, "no request ended")


def test_no_requests_are_too_few_requests():
    assert judged("requests < 1", tally_of()).status == FAILED
    assert judged("rps < 1", tally_of()).status == FAILED
    assert judged("rps < 1", tally_of(), seconds=0.0).status == NOT_JUDGED


# Arrivals


@pytest.mark.parametrize(
    ("text", "status", "value"),
    [
        ("dropped > 0", FAILED, 25),
        ("dropped > 25", PASSED, 25),
        ("dropped >= 2.5%", FAILED, 2.5),
        ("dropped > 2.5%", PASSED, 2.5),
    ],
)
def test_what_was_dropped_is_judged_as_a_number_and_as_a_part_of_all_arrivals(text, status, value):
    judgement = parse_threshold(text).judge(Measured(tally_of(1), 1.0, arrivals=1_000, dropped=25))

    assert (judgement.status, judgement.value) == (status, value)


def test_without_an_arrival_nobody_knows_what_was_dropped():
    judgement = parse_threshold("dropped > 1%").judge(Measured(tally_of(1), 1.0))

    assert (judgement.status, judgement.reason) == (NOT_JUDGED, "no arrival was due")


def test_arrivals_have_no_name():
    with pytest.raises(ThresholdError, match="no name: what is dropped are arrivals") as caught:
        parse_threshold("GET /albums: dropped > 1%")

    assert caught.value.at == 0
