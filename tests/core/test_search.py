"""The search for the highest rate that holds: whatever the limit is, it is found, in few steps, and nothing else is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.core.gate import FAIL, Outcome
from greenload.core.search import (
    CLOSE_PART,
    CLOSE_PER_S,
    FAILS,
    FOUND,
    GENERATOR,
    HIGHEST_HELD,
    HOLDS,
    LOWEST_FAILED,
    OPEN,
    STOPPED,
    Search,
    SearchError,
    result_of,
)
from greenload.core.thresholds import FAILED, NOT_JUDGED, PASSED, Judgement, parse_threshold
from greenload.core.verdict import Doubt, Verdict

RATES = st.floats(0.01, 1e6)
TWO_RATES = st.lists(RATES, min_size=2, max_size=2, unique=True).map(sorted)
THREE_RATES = st.lists(RATES, min_size=3, max_size=3, unique=True).map(sorted)


def search_for(limit, search):
    """Search a system in which a rate holds up to `limit`; return what is known then, and the rates that were tried."""
    tried = []
    while (rate := search.next_rate) is not None:
        tried.append(rate)
        search = search.after(rate, HOLDS if rate <= limit else FAILS)
        assert len(tried) <= 100, tried
    return search, tried


@given(THREE_RATES)
@example([10.0, 10.0, 11.5])
def test_a_limit_between_the_two_rates_is_found_to_5_percent_or_1_per_second(rates):
    lowest, limit, highest = rates

    found, _ = search_for(limit, Search(lowest, highest))

    assert found.outcome == FOUND
    assert found.held <= limit < found.failed
    assert found.failed - found.held <= max(CLOSE_PART * found.held, CLOSE_PER_S)


@given(TWO_RATES, RATES)
def test_each_rate_is_tried_once_at_most_and_lies_between_the_two(rates, limit):
    lowest, highest = rates

    _, tried = search_for(limit, Search(lowest, highest))

    assert len(set(tried)) == len(tried)
    assert all(lowest <= rate <= highest for rate in tried)


@given(TWO_RATES, RATES)
def test_there_are_no_more_steps_than_were_announced(rates, limit):
    lowest, highest = rates

    _, tried = search_for(limit, Search(lowest, highest))

    assert len(tried) <= Search(lowest, highest).most_steps


def test_rates_are_doubled_until_one_fails_and_then_the_gap_is_halved():
    _, tried = search_for(330, Search(50, 5000))

    assert tried == [50, 100, 200, 400, 300, 350, 325, 338]


def test_when_the_lowest_rate_fails_nothing_else_is_tried():
    found, tried = search_for(40, Search(50, 5000))

    assert (found.outcome, found.held, found.failed) == (LOWEST_FAILED, None, 50)
    assert tried == [50]


def test_the_highest_rate_is_tried_also_when_it_is_not_twice_the_one_before():
    found, tried = search_for(9999, Search(50, 210))

    assert (found.outcome, found.held, found.failed) == (HIGHEST_HELD, 210, None)
    assert tried == [50, 100, 200, 210]


def test_what_says_nothing_of_the_server_changes_nothing():
    search = Search(50, 5000, held=100)

    assert search.after(200, GENERATOR) == search.after(200, STOPPED) == search
    assert search.outcome == OPEN


@pytest.mark.parametrize(("lowest", "highest"), [(0, 10), (-1, 10), (10, 10), (20, 10), (1, float("inf"))])
def test_between_some_rates_nothing_can_be_found(lowest, highest):
    with pytest.raises(SearchError, match="below the highest one to try"):
        Search(lowest, highest)


# What came of one rate

SERVERS, GENERATORS = Doubt("arrivals were dropped", False), Doubt("the generator was late", True)


@pytest.mark.parametrize(
    ("doubts", "statuses", "result"),
    [
        ([], [PASSED], HOLDS),
        ([], [PASSED, FAILED], FAILS),
        ([], [NOT_JUDGED], FAILS),
        ([SERVERS], [PASSED], FAILS),
        ([GENERATORS], [PASSED], GENERATOR),
        ([SERVERS, GENERATORS], [FAILED], GENERATOR),
    ],
)
def test_a_rate_holds_when_it_is_known_to_and_the_generator_goes_before_all_else(doubts, statuses, result):
    threshold = parse_threshold("p99 > 300ms")
    outcomes = [Outcome(threshold, FAIL, Judgement(status, None)) for status in statuses]

    assert result_of(Verdict(tuple(doubts)), outcomes) == result
