"""Everybody who hears the same changes, in whatever order, works out the same users for everybody."""

from hypothesis import given
from hypothesis import strategies as st

from greenload.core.placement import Share
from greenload.core.roster import JOIN, LOSE, Change, Roster
from greenload.core.shape import Shape, Stage, ramp

SHARES = (Share("Reader", 3), Share("Writer", 1), Share("Admin", 1, 2))
WORKERS = ("one", "two", "three", "four")

shapes = st.lists(st.builds(Stage, st.integers(0, 30), st.integers(0, 10)), min_size=1, max_size=3).map(
    lambda stages: Shape(tuple(stages))
)
changes = st.lists(
    st.builds(Change, st.integers(0, 30).map(float), st.sampled_from([JOIN, LOSE]), st.sampled_from(WORKERS)),
    unique=True,
    max_size=12,
)


def roster_of(shape, heard):
    roster = Roster(SHARES, shape)
    for change in heard:
        roster.hear(change)
    return roster


def here_at(heard, at_s):
    here = set()
    for change in sorted(heard):
        if change.at_s <= at_s:
            (here.add if change.kind == JOIN else here.discard)(change.worker)
    return here


def users_at(shape, at_s):
    return next((step.users for step in reversed(list(shape.steps())) if step.at_s <= at_s), 0)


@given(shapes, changes, st.floats(0, 40))
def test_the_workers_that_are_here_have_all_users_between_them(shape, heard, at_s):
    roster = roster_of(shape, heard)

    counts = {worker: sum(roster.users_of(worker, at_s).values()) for worker in WORKERS}

    here = here_at(heard, at_s)
    assert sum(counts.values()) == (users_at(shape, at_s) if here else 0)
    assert all(not counts[worker] for worker in WORKERS if worker not in here)
    assert not here or max(counts[worker] for worker in here) - min(counts[worker] for worker in here) <= 1


@given(shapes, changes, st.randoms(), st.lists(st.floats(0, 40), max_size=5))
def test_the_order_of_hearing_and_asking_makes_no_difference(shape, heard, random, asked):
    shuffled = heard[:]
    random.shuffle(shuffled)
    asking = Roster(SHARES, shape)
    for change in shuffled:
        asking.hear(change)
        for at_s in asked:
            asking.users_of("one", at_s)

    straight = roster_of(shape, sorted(heard))
    assert [asking.users_of(worker, 20.0) for worker in WORKERS] == [
        straight.users_of(worker, 20.0) for worker in WORKERS
    ]


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

    assert list(roster.changes) == [Change(0.0, JOIN, "one")]
