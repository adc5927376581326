"""Turns: each arrival of the plan is exactly one worker's, whoever comes and goes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.arrivals import POISSON, UNIFORM, Arrivals
from greenload.core.placement import Share
from greenload.core.roster import JOIN, LOSE, RATE, Change, RateEdit, Roster
from greenload.core.shape import Shape, constant_rate
from greenload.core.turns import SETTLE_S, Turns, as_edited

WORKERS = ("one", "two", "three", "four")
END_S = 12.0
SHARES = (Share("Reader", 3), Share("Writer", 1))

times_s = st.floats(0, END_S) | st.integers(0, 12).map(float)
changes = st.builds(Change, times_s, st.sampled_from([JOIN, LOSE]), st.sampled_from(WORKERS))
rate_edits = st.builds(RateEdit, times_s, st.just(RATE), st.floats(0, 40))
entries = changes | rate_edits


def arrivals_of(per_s, spacing=UNIFORM, max_users=100):
    return Arrivals(constant_rate(per_s), spacing, max_users, 5.0)


def turns_of(worker, heard, arrivals, shares=SHARES, from_s=0.0):
    roster = Roster(shares, Shape(()))
    for entry in heard:
        roster.hear(entry)
    return Turns(arrivals, shares, 1, roster, worker, from_s)


def always(*workers):
    return [Change(0.0, JOIN, worker) for worker in workers]


def play(worker, heard, news_s, arrivals, step_s):
    """Return the turns of a worker that hears of each entry so many seconds after it, in an order of its own."""
    joined = [entry.at_s for entry in heard if entry[1:] == (JOIN, worker)]
    if not joined:
        return []
    roster = Roster(SHARES, Shape(()))
    turns = Turns(arrivals, SHARES, 1, roster, worker, min(joined))
    taken, at_s = [], 0.0
    while at_s < END_S + SETTLE_S:
        # What is due until then is decided at `at_s`; all that counts by then was heard before.
        for entry in heard:
            if entry.at_s + news_s.get((worker, entry), 0.0) <= at_s:
                roster.hear(entry)
        taken += turns.until(min(at_s + step_s, END_S))
        at_s += step_s
    return taken


@given(
    st.lists(entries, unique=True, max_size=8),
    st.sampled_from([UNIFORM, POISSON]),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.data(),
)
def test_each_arrival_is_exactly_one_worker_s_as_long_as_all_know_in_time_who_is_here(later, spacing, step_s, data):
    """Each worker hears of each change at another moment, up to SETTLE_S after it was made less what it looks ahead."""
    heard = list(dict.fromkeys([*always("one"), *later]))
    arrivals = arrivals_of(10, spacing)
    late_s = st.floats(0, SETTLE_S - 2 * step_s)
    news_s = {(worker, entry): data.draw(late_s) for worker in WORKERS for entry in heard if entry.at_s}

    taken = [turn.due_s for worker in WORKERS for turn in play(worker, heard, news_s, arrivals, step_s)]

    told = Roster(SHARES, Shape(()))
    for entry in heard:
        told.hear(entry)
    wanted = [arrival.due_s for arrival in as_edited(arrivals, told.entries).between(0.0, END_S, 1)]
    assert sorted(taken) == [due_s for due_s in wanted if told.here_at(max(0.0, due_s - SETTLE_S))]


def test_a_rate_that_is_changed_holds_from_a_second_after_and_what_was_due_before_stays_as_it_was():
    edit = RateEdit(4.0, RATE, 30.0)
    before = turns_of("one", always("one"), arrivals_of(10)).until(4.0 + SETTLE_S)

    turns = turns_of("one", [*always("one"), edit], arrivals_of(10)).until(10.0)

    assert turns[: len(before)] == before
    assert len(before) == 10 * 5
    assert len(turns) == 10 * 5 + 30 * 5


def test_workers_that_are_there_from_the_beginning_share_also_the_first_second():
    turns = [turns_of(worker, always("one", "two"), arrivals_of(100)).until(1.0) for worker in ("one", "two")]

    assert len(turns[0]) + len(turns[1]) == 100
    assert abs(len(turns[0]) - 50) <= 3


def test_no_turn_is_returned_twice():
    turns = turns_of("one", always("one"), arrivals_of(100))

    assert len(turns.until(0.5)) == 50
    assert turns.until(0.5) == []
    assert turns.until(0.2) == []
    assert len(turns.until(1.0)) == 50


def test_a_worker_that_joins_late_gets_none_of_what_is_over_and_its_part_from_a_second_after():
    heard = [*always("one"), Change(5.0, JOIN, "two")]

    due_s = [turn.due_s for turn in turns_of("two", heard, arrivals_of(100), from_s=5.0).until(8.0)]

    assert min(due_s) >= 6.0
    assert len(due_s) == pytest.approx(100, abs=4)


def test_the_turns_of_a_lost_worker_go_to_the_others_a_second_after():
    heard = [*always("one", "two"), Change(5.0, LOSE, "two")]

    due_s = [turn.due_s for turn in turns_of("one", heard, arrivals_of(100)).until(8.0)]

    assert sum(each_s < 6.0 for each_s in due_s) == pytest.approx(300, abs=4)
    assert sum(each_s >= 6.0 for each_s in due_s) == 200


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_each_class_gets_its_part_by_weight_within_a_few(weights):
    shares = [Share(f"Class{number}", weight) for number, weight in enumerate(weights)]

    turns = turns_of("one", always("one"), arrivals_of(1_000), shares).until(1.0)

    seen = Counter(turn.class_name for turn in turns)
    for share in shares:
        assert abs(seen[share.name] - 1_000 * share.weight / sum(weights)) <= 5


@pytest.mark.parametrize("place", [0, 1])
def test_a_class_without_weight_has_no_turns_and_no_users(place):
    shares = [Share("Reader", 1)]
    shares.insert(place, Share("Nobody", 0))

    turns = turns_of("one", always("one"), arrivals_of(100, max_users=1), shares)

    assert {turn.class_name for turn in turns.until(1.0)} == {"Reader"}
    assert turns.names == ["Reader"]
    assert turns.users_allowed(0.0) == 1


@given(st.integers(1, 50), st.integers(1, 4))
def test_the_users_allowed_come_to_as_many_as_there_may_be_or_one_for_each_class(max_users, workers):
    here = always(*WORKERS[:workers])
    arrivals = arrivals_of(10, max_users=max_users)

    allowed = [turns_of(worker, here, arrivals).users_allowed(3.0) for worker in WORKERS[:workers]]

    assert max(allowed) - min(allowed) <= 1
    if max_users >= len(SHARES) * workers:
        assert sum(allowed) == max_users
    else:
        assert min(allowed) == len(SHARES)


def test_who_is_not_here_may_have_a_user_of_each_class():
    assert turns_of("two", always("one"), arrivals_of(10)).users_allowed(3.0) == len(SHARES)


def test_weights_may_be_as_large_as_numbers_go():
    shares = (Share("Reader", 1e308), Share("Writer", 1e308))

    turns = turns_of("one", always("one"), arrivals_of(100), shares).until(END_S)

    assert Counter(turn.class_name for turn in turns) == pytest.approx({"Reader": 600, "Writer": 600}, abs=3)
