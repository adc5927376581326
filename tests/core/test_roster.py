"""Everybody who hears the same entries, in whatever order, works out the same users for everybody."""

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.core.placement import Share
from greenload.core.roster import EDIT, JOIN, LOSE, Change, Edit, Roster, edit_to
from greenload.core.shape import Shape, ShapeError, Stage, ramp

SHARES = (Share("Reader", 3), Share("Writer", 1), Share("Admin", 1, 2))
WORKERS = ("one", "two", "three", "four")

shapes = st.lists(st.builds(Stage, st.integers(0, 30), st.integers(0, 10)), min_size=1, max_size=3).map(
    lambda stages: Shape(tuple(stages))
)
times = st.integers(0, 30).map(float)
changes = st.builds(Change, times, st.sampled_from([JOIN, LOSE]), st.sampled_from(WORKERS))
edits = st.builds(edit_to, st.integers(0, 30), st.sampled_from([0.5, 2.0, 1000.0]), times)
entries = st.lists(changes | changes | edits, unique=True, max_size=12)


def roster_of(shape, heard):
    roster = Roster(SHARES, shape)
    for change in heard:
        roster.hear(change)
    return roster


ALL_HERE = [Change(0.0, JOIN, worker) for worker in WORKERS]


def here_at(heard, at_s):
    here = set()
    for change in sorted(heard):
        if isinstance(change, Change) and change.at_s <= at_s:
            (here.add if change.kind == JOIN else here.discard)(change.worker)
    return here


def users_at(shape, heard, at_s):
    """Return how many users there shall be: as the shape says until the first edit, then one by one to the edits'."""
    edited = [entry for entry in sorted(heard) if isinstance(entry, Edit) and entry.at_s <= at_s]
    until_s = edited[0].at_s if edited else math.inf
    steps = [step.users for step in shape.steps() if step.at_s <= at_s and step.at_s < until_s]
    users = steps[-1] if steps else 0
    for entry, after in itertools.zip_longest(edited, edited[1:]):
        if after is None or after.at_s > entry.at_s:
            gone_by_s = at_s - entry.at_s if after is None else math.nextafter(after.at_s, 0.0) - entry.at_s
            most = math.floor(gone_by_s * entry.spawn_rate) + 1
            users += max(-most, min(most, entry.users - users))
    return users


@given(shapes, entries, st.integers(0, 80).map(lambda half: half / 2) | st.floats(0, 40))
def test_the_workers_that_are_here_have_all_users_between_them(shape, heard, at_s):
    roster = roster_of(shape, heard)

    counts = {worker: sum(roster.users_of(worker, at_s).values()) for worker in WORKERS}

    here = here_at(heard, at_s)
    assert sum(counts.values()) == (users_at(shape, heard, at_s) if here else 0)
    assert all(not counts[worker] for worker in WORKERS if worker not in here)
    assert not here or max(counts[worker] for worker in here) - min(counts[worker] for worker in here) <= 1


def users_everywhere(roster, at_s):
    return [roster.users_of(worker, at_s) for worker in WORKERS]


@given(
    shapes,
    entries,
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 40).map(float) | st.floats(0, 40), max_size=5),
)
@example(ramp(4, 1000), [Change(5.0, JOIN, "one"), Change(5.0, JOIN, "four")], None, [5.0])
def test_the_order_of_hearing_and_asking_makes_no_difference(shape, heard, random, asked):
    """One that came late for the very instant that had been asked for was passed over for good."""
    shuffled = heard[:]
    if random is not None:
        random.shuffle(shuffled)
    asking = Roster(SHARES, shape)
    for entry in shuffled:
        asking.hear(entry)
        for at_s in asked:
            asking.users_of("one", at_s)

    straight = roster_of(shape, sorted(heard))

    assert list(asking.entries) == list(straight.entries) == sorted(heard)
    for at_s in (*asked[-1:], 20.0, 60.0):
        assert users_everywhere(asking, at_s) == users_everywhere(straight, at_s)


@given(shapes, entries)
def test_between_entries_users_come_and_go_one_by_one_and_no_other_moves(shape, heard):
    """Each step is one user on one worker; all others have what they had."""
    roster = roster_of(shape, [entry for entry in heard if isinstance(entry, Edit)] + ALL_HERE)

    before = users_everywhere(roster, 0.0)
    while (at_s := roster.next_s()) is not None:
        nearby_s = math.nextafter(at_s, 0.0)
        assert users_everywhere(roster, nearby_s) == before or nearby_s == at_s == 0.0
        after = users_everywhere(roster, at_s)
        changed = [now[name] - then[name] for then, now in zip(before, after, strict=True) for name in now]
        assert sum(map(abs, changed)) == abs(sum(changed))
        before = after


@pytest.mark.parametrize(("users", "at"), [(20, [10, 11, 12, 13]), (6, [8, 7, 6, 6]), (9, [9, 9, 9, 9])])
def test_an_edit_goes_on_from_where_the_users_are_at_its_own_rate(users, at):
    roster = roster_of(ramp(9, 1000), [*ALL_HERE, edit_to(users, 2.0, 5.0)])

    levels = [sum(map(sum, map(dict.values, users_everywhere(roster, 5.0 + half / 2)))) for half in range(4)]

    assert levels == at


def test_an_edit_cuts_off_what_was_left_of_the_shape():
    shape = Shape((Stage(10, 10), Stage(10, 20), Stage(0, 0)))
    roster = roster_of(shape, [*ALL_HERE, edit_to(3, 1000.0, 4.5)])

    totals = [sum(map(sum, map(dict.values, users_everywhere(roster, at_s)))) for at_s in (4.4, 4.6, 12.0, 100.0)]

    assert totals == [5, 3, 3, 3]


def test_an_edit_while_nobody_is_here_holds_for_who_comes():
    roster = roster_of(ramp(9, 1000), [edit_to(4, 1000.0, 5.0), Change(6.0, JOIN, "one")])

    assert sum(roster.users_of("one", 7.0).values()) == 4


def test_fixed_users_are_the_last_to_go():
    roster = roster_of(ramp(9, 1000), [*ALL_HERE, edit_to(2, 1000.0, 5.0)])

    assert sum(each["Admin"] for each in users_everywhere(roster, 6.0)) == 2


@pytest.mark.parametrize("spawn_rate", [0.0, -1.0, math.inf, math.nan])
def test_an_edit_needs_a_spawn_rate(spawn_rate):
    with pytest.raises(ShapeError, match="a spawn rate must be above 0"):
        edit_to(5, spawn_rate, 1.0)


def test_an_edit_needs_a_number_of_users():
    with pytest.raises(ShapeError, match="0 to 1000000 users, not -1"):
        edit_to(-1, 1.0, 1.0)


def test_an_edit_says_what_it_is():
    assert edit_to(0, 0.5, 3.0) == Edit(3.0, EDIT, 0, 0.5)


def test_a_lost_worker_s_users_are_taken_by_the_others_and_nobody_else_moves():
    roster = roster_of(ramp(9, 1000), [Change(0.0, JOIN, worker) for worker in WORKERS[:3]])
    before = {worker: roster.users_of(worker, 5.0) for worker in WORKERS[:3]}

    roster.hear(Change(6.0, LOSE, "two"))

    for worker in ("one", "three"):
        after = roster.users_of(worker, 6.0)
        assert all(after[name] >= before[worker][name] for name in after)
    assert sum(sum(roster.users_of(worker, 6.0).values()) for worker in WORKERS) == 9


def test_it_says_when_the_next_change_comes():
    roster = roster_of(ramp(2, 1), [Change(0.0, JOIN, "one"), Change(0.5, JOIN, "two")])

    roster.users_of("one", 0.0)

    assert roster.next_s() == 0.5
    roster.users_of("one", 0.5)
    assert roster.next_s() == 1.0
    roster.users_of("one", 1.0)
    assert roster.next_s() is None


def test_a_change_that_is_known_changes_nothing():
    roster = roster_of(ramp(2, 1), [Change(0.0, JOIN, "one")] * 3)

    assert list(roster.entries) == [Change(0.0, JOIN, "one")]


def naive_here_at(heard, at_s):
    """Return who is here, in the order of coming, from all entries and nothing kept."""
    here = []
    for entry in sorted(heard):
        if isinstance(entry, Change) and entry.at_s <= at_s:
            if entry.kind == LOSE:
                here = [worker for worker in here if worker != entry.worker]
            elif entry.worker not in here:
                here.append(entry.worker)
    return here


@given(st.lists(changes | edits, unique=True, max_size=12), st.lists(st.floats(0, 40), min_size=1, max_size=4))
def test_who_is_here_is_what_all_entries_heard_so_far_come_to_in_whatever_order(heard, asked):
    roster = Roster(SHARES, ramp(4, 1000))

    for count, entry in enumerate(heard, 1):
        roster.hear(entry)
        for at_s in (*asked, entry.at_s):
            assert roster.here_at(at_s) == naive_here_at(heard[:count], at_s)
