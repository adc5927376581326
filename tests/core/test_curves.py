"""What is drawn is what was counted: no request is lost between the seconds and the curves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.curves import SPECTRUM_STEPS, Span, Timeline, heat_of, joined, spans_of, spectrum
from greenload.core.histogram import Histogram
from greenload.core.messages import Account
from greenload.core.results import Results
from greenload.core.slots import Slot
from greenload.core.stats import Sample, Stats, Tally


def tally_of(*took_s):
    stats = Stats()
    for each in took_s:
        stats.record(Sample("GET", "/", 0.0, 0.0, each, None, 1))
    return stats.total()


def spans_of_counts(counts):
    """A span of one second for each number of requests, all of 10 ms."""
    return [Span(float(at), 1.0, tally=tally_of(*[0.01] * count)) for at, count in enumerate(counts)]


def account(worker, second, seq, users=1, sent=0, ended=0, until_s=None):
    until_s = second + 1.0 if until_s is None else until_s
    return Account(worker, 1, seq, float(second), until_s, users, 10.0, ended, sent, ended, 0)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 10), st.integers(0, 20))
def test_joining_keeps_every_request_and_every_second(counts, most, requests):
    spans = spans_of_counts(counts)

    found = joined(spans, most, requests, 0.5)

    assert sum(span.tally.requests for span in found) == sum(counts)
    assert [span.tally.requests for span in spans] == counts
    assert sum(span.width_s for span in found) == pytest.approx(len(counts))
    assert len(found) <= most + 1


def test_joining_goes_on_until_there_are_enough_requests_but_not_for_ever():
    found = joined(spans_of_counts([5] * 6 + [0] * 14), most=20, requests=10, part=0.25)

    assert [(span.first_s, span.width_s) for span in found[:4]] == [(0, 2), (2, 2), (4, 2), (6, 5)]


def test_where_nobody_reported_nothing_is_joined_over_it():
    first, *_, last = spans_of_counts([1, 1, 1])

    assert [span.width_s for span in joined([first, last], most=1)] == [1.0, 1.0]


def test_a_heatmap_has_each_request_in_its_column_and_its_band():
    spans = [Span(0.0, 2.0, tally=tally_of(0.010, 0.010, 1.0)), Span(3.0, 1.0, tally=tally_of(0.010))]

    heat = heat_of(spans)

    assert heat.edges_s == [0.0, 2.0, 3.0, 4.0]
    assert len(heat.rates) == len(heat.edges_us) - 1
    [low, *between, high] = heat.rates
    assert (low, high) == ([1.0, None, 1.0], [0.5, None, 0.0])
    assert {rate for row in between for rate in row} == {0.0, None}
    assert heat.edges_us[0] <= 10_000 < heat.edges_us[1]
    assert heat.edges_us[-2] <= 1_000_000 < heat.edges_us[-1] * 1.001


def test_a_heatmap_of_nothing_is_none():
    assert heat_of([Span(0.0, 1.0)]) is None


def test_a_spectrum_goes_from_the_minimum_to_the_maximum_and_no_further_than_one_request_in_all():
    histogram = Histogram()
    for value_us in range(1, 1001):
        histogram.record(value_us)

    points = spectrum(histogram)

    assert points[0] == (1.0, 1)
    assert points[-1] == (1000.0, 1000)
    assert points[SPECTRUM_STEPS] == (10.0, 900)
    assert points[2 * SPECTRUM_STEPS] == (100.0, 990)
    assert points == sorted(points)
    assert len({x for x, _ in points}) == len(points)
    assert spectrum(Histogram()) == []


def test_a_last_tenth_of_a_second_makes_no_rate():
    results = Results()
    for second, until_s in enumerate((1.0, 2.0, 2.1)):
        results.count(second, Stats())
        results.note_in(Slot(second), account("one", second, second + 1, until_s=until_s))

    assert [(span.first_s, span.width_s) for span in spans_of(results.slots, results.elapsed_s)] == [
        (0, 1), (1, pytest.approx(1.1)),
    ]  # fmt: skip


def test_a_timeline_measures_from_where_it_shall_and_shows_all():
    timeline = Timeline(0, 7, 5_000.0)
    for second in range(5_000):
        timeline.count(second, Stats(), [tally_of(0.010)])

    spans = timeline.spans()

    assert timeline.measured().service.count == 4_993
    assert sum(span.tally.requests for span in spans) == 5_000
    assert sum(span.width_s for span in spans) == 5_000
    assert len(spans) <= 302
    assert any(span.first_s == 7 for span in spans)


def test_a_timeline_knows_the_users_of_all_workers_and_what_is_under_way():
    timeline = Timeline(1, 1, 3.0)

    timeline.note(
        [
            account("one", 0, 1, users=1, sent=5, ended=4),
            account("one", 1, 2, users=2, sent=1, ended=0),
            account("two", 1, 1, users=3, sent=2, ended=2),
            account("two", 2, 2, users=3, sent=0, ended=0),
        ]
    )

    assert [(span.first_s, span.users, span.in_flight) for span in timeline.spans()] == [(1, 5, 2), (2, 3, 0)]


def test_a_span_takes_in_the_one_that_follows():
    span = Span(0.0, 1.0, 3, 1, 10, 1, Tally())

    span.append(Span(1.0, 2.0, 5, 0, 20, 2, tally_of(0.01)))

    assert (span.end_s, span.users, span.in_flight, span.iterations, span.dropped) == (3.0, 5, 0, 30, 3)
    assert span.tally.requests == 1
