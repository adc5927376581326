"""Placement: whole users by weight, spread evenly, and as few of them moved as can be."""

import itertools
import math
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from greenload.core.placement import Placement, Share, class_sequence

few = settings(max_examples=60)

weights = st.sampled_from([0, 1, 1, 2, 3, 7, 100, 0.1, 0.5, 1 / 3]) | st.floats(0, 100)
fixed_counts = st.just(0) | st.integers(0, 5)


@st.composite
def some_shares(draw, fixed_counts=fixed_counts):
    pairs = draw(st.lists(st.tuples(weights, fixed_counts), min_size=1, max_size=6))
    assume(any(weight or fixed for weight, fixed in pairs))
    return [Share(f"class {order}", weight, fixed) for order, (weight, fixed) in enumerate(pairs)]


def counts_after_each_user(names):
    """Yield how many users of each class there are, after one user, two users, ..."""
    counts = Counter()
    for name in names:
        counts[name] += 1
        yield counts


# Of which class is user number i?


@given(some_shares(fixed_counts=st.just(0)), st.integers(1, 150))
@example([Share("a", 3), Share("b", 1)], 40)
@example([Share("a", 1), Share("b", 1_000)], 150)
def test_after_any_number_of_users_each_class_has_its_quota_rounded_up_or_down(shares, users):
    total = sum(Fraction(share.weight) for share in shares)

    for counts in counts_after_each_user(itertools.islice(class_sequence(shares), users)):
        for share in shares:
            quota = counts.total() * Fraction(share.weight) / total
            assert math.floor(quota) <= counts[share.name] <= math.ceil(quota)


@given(some_shares())
def test_the_fixed_ones_come_first_and_are_exact(shares):
    fixed = {share.name: share.fixed_count for share in shares if share.fixed_count}

    first = list(itertools.islice(class_sequence(shares), sum(fixed.values())))

    assert Counter(first) == fixed


@given(some_shares())
def test_among_the_fixed_ones_each_class_has_its_quota_rounded_up_or_down_too(shares):
    total = sum(share.fixed_count for share in shares)

    for counts in counts_after_each_user(itertools.islice(class_sequence(shares), total)):
        for share in shares:
            quota = Fraction(counts.total() * share.fixed_count, total)
            assert math.floor(quota) <= counts[share.name] <= math.ceil(quota)


@given(some_shares(), st.integers(0, 60))
def test_after_the_fixed_ones_the_others_have_their_quota_as_if_alone(shares, users):
    fixed = sum(share.fixed_count for share in shares)
    others = [share for share in shares if share.weight and not share.fixed_count]
    assume(others)

    after = list(itertools.islice(class_sequence(shares), fixed, fixed + users))

    assert after == list(itertools.islice(class_sequence(others), users))


def test_a_class_with_a_fixed_count_and_a_weight_has_its_fixed_count_only():
    shares = [Share("admin", weight=5, fixed_count=1), Share("shopper", weight=1)]

    assert list(itertools.islice(class_sequence(shares), 4)) == ["admin", "shopper", "shopper", "shopper"]


def test_when_no_class_has_a_weight_the_fixed_ones_are_all():
    shares = [Share("admin", weight=0, fixed_count=2), Share("shopper", weight=0, fixed_count=1)]

    assert sorted(class_sequence(shares)) == ["admin", "admin", "shopper"]


def test_a_class_of_weight_0_has_no_user():
    shares = [Share("shopper", 1), Share("never", 0)]

    assert set(itertools.islice(class_sequence(shares), 100)) == {"shopper"}


def test_weights_three_to_one_are_mixed_not_in_blocks():
    shares = [Share("shopper", 3), Share("admin", 1)]

    names = list(itertools.islice(class_sequence(shares), 8))

    assert [Counter(names[at : at + 4]) for at in (0, 4)] == [{"shopper": 3, "admin": 1}] * 2


@pytest.mark.parametrize(
    "share",
    [
        Share("odd", weight=-1),
        Share("odd", weight=-0.001),
        Share("odd", weight=math.nan),
        Share("odd", weight=math.inf),
        Share("odd", fixed_count=-1),
    ],
)
def test_a_weight_or_fixed_count_below_0_or_without_end_is_refused_by_name(share):
    with pytest.raises(ValueError, match=r"^odd: .* 0 or more"):
        class_sequence([Share("good"), share])


@pytest.mark.parametrize("shares", [[], [Share("a", weight=0)], [Share("a", weight=0), Share("b", weight=0)]])
def test_classes_of_which_none_may_have_a_user_are_refused(shares):
    with pytest.raises(ValueError, match="there is no user to run"):
        class_sequence(shares)


@pytest.mark.parametrize("shares", [[Share("a", weight=0)], [Share("a", weight=-1)]])
def test_a_placement_refuses_what_the_sequence_refuses(shares):
    with pytest.raises(ValueError, match="weight"):
        Placement(shares)


# Where does user number i live?


class Move(NamedTuple):
    verb: str
    number: int = 1


class Seen(NamedTuple):
    """A placement before and after one move, as counts by worker and class."""

    move: Move
    worker: str | None
    before: dict[str, Counter]
    after: dict[str, Counter]
    users: int


one_more = st.just(Move("grow"))
joins = st.just(Move("join"))
losses = st.builds(Move, st.just("lose"), st.integers(0, 9))
growths = st.builds(Move, st.just("grow"), st.integers(0, 30))
shrinkings = st.builds(Move, st.just("shrink"), st.integers(0, 30))


def after_a_beginning(moves):
    """Let some workers and users be there, or most histories would be about nobody."""
    return st.builds(
        lambda workers, users, more: [Move("join")] * workers + [Move("grow", users)] + more,
        st.integers(0, 5),
        st.integers(0, 40),
        moves,
    )


ramps = after_a_beginning(st.lists(one_more | one_more | one_more | joins | losses, min_size=10, max_size=60))
histories = after_a_beginning(st.lists(growths | joins | losses | shrinkings, min_size=5, max_size=25))
quiet_histories = st.lists(growths | shrinkings, min_size=2, max_size=20)


def where(placement, workers):
    return {worker: Counter(placement.on(worker)) for worker in workers}


def played(placement, moves):
    """Make the moves, and yield what was Seen at each."""
    workers, names = [], (f"worker {number}" for number in itertools.count())
    for move in moves:
        worker, before = None, where(placement, workers)
        if move.verb == "join":
            worker = next(names)
            placement.join(worker)
            workers.append(worker)
        elif move.verb == "lose":
            if not workers:
                continue
            worker = workers.pop(move.number % len(workers))
            placement.lose(worker)
        else:
            by = move.number if move.verb == "grow" else -move.number
            placement.resize(max(0, placement.users + by))
        yield Seen(move, worker, before, where(placement, workers), placement.users)


@given(some_shares(), ramps)
def test_at_every_step_of_a_ramp_workers_differ_by_one_user_at_most_whoever_joins_or_is_lost(shares, moves):
    for seen in played(Placement(shares), moves):
        users = [counts.total() for counts in seen.after.values()]
        assert not users or max(users) - min(users) <= 1


@given(some_shares(), histories)
def test_workers_differ_by_one_user_at_most_when_users_leave_too(shares, moves):
    for seen in played(Placement(shares), moves):
        users = [counts.total() for counts in seen.after.values()]
        assert not users or max(users) - min(users) <= 1


@given(some_shares(), histories)
def test_together_the_workers_have_the_classes_of_the_first_users_of_the_sequence(shares, moves):
    for seen in played(Placement(shares), moves):
        if seen.after:
            everyone = sum(seen.after.values(), Counter())
            assert everyone == Counter(itertools.islice(class_sequence(shares), seen.users))


@given(some_shares(), histories)
def test_growing_moves_nobody(shares, moves):
    for seen in played(Placement(shares), moves):
        if seen.move.verb == "grow":
            assert all(seen.before[worker] <= counts for worker, counts in seen.after.items())


@given(some_shares(), st.integers(1, 6), quiet_histories)
def test_shrinking_moves_nobody_when_no_worker_came_or_went(shares, workers, moves):
    joined = [Move("join")] * workers

    for seen in played(Placement(shares), joined + moves):
        if seen.move.verb == "shrink":
            assert all(counts <= seen.before[worker] for worker, counts in seen.after.items())


@given(some_shares(), histories)
def test_a_loss_moves_only_the_lost_workers_users(shares, moves):
    for seen in played(Placement(shares), moves):
        if seen.move.verb == "lose" and seen.after:
            assert all(seen.before[worker] <= counts for worker, counts in seen.after.items())
            assert sum(seen.after.values(), Counter()) == sum(seen.before.values(), Counter())


@given(some_shares(), histories)
def test_a_join_moves_only_the_joiners_part(shares, moves):
    for seen in played(Placement(shares), moves):
        if seen.move.verb == "join":
            joiner = seen.after[seen.worker]
            assert joiner.total() == seen.users // len(seen.after)
            assert all(seen.after[worker] <= counts for worker, counts in seen.before.items())


@given(some_shares(), histories)
def test_who_repeats_the_same_calls_gets_the_same_placement(shares, moves):
    one, other = Placement(shares), Placement(shares)

    assert list(played(one, moves)) == list(played(other, moves))


@pytest.mark.parametrize("workers", [2, 4, 8])
def test_a_cycle_of_classes_as_long_as_the_workers_puts_no_class_on_one_worker(workers):
    """Dealt round and round, user i to worker i, each worker would have one class only."""
    names = [f"class {number}" for number in range(workers)]
    placement = Placement([Share(name) for name in names])
    hosts = [f"worker {number}" for number in range(workers)]
    for host in hosts:
        placement.join(host)

    placement.resize(workers * workers)

    assert where(placement, hosts) == {host: Counter(names) for host in hosts}


def test_a_joiner_takes_of_every_class():
    placement = Placement([Share("shopper", 3), Share("admin", 1)])
    placement.join("first")
    placement.resize(80)

    placement.join("second")

    assert placement.on("first") == placement.on("second") == {"shopper": 30, "admin": 10}


def test_a_lost_workers_classes_are_spread_over_the_others():
    placement = Placement([Share("shopper", 3), Share("admin", 1)])
    for worker in ("first", "second", "third"):
        placement.join(worker)
    placement.resize(48)

    placement.lose("second")

    assert placement.on("first") == placement.on("third") == {"shopper": 18, "admin": 6}


def test_after_the_last_worker_was_lost_the_next_to_join_has_all_users():
    placement = Placement([Share("shopper", 3), Share("admin", 1)])
    placement.join("first")
    placement.resize(8)

    placement.lose("first")
    placement.join("second")

    assert placement.users == 8
    assert placement.on("second") == {"shopper": 6, "admin": 2}


def test_users_that_were_asked_for_while_nobody_was_here_wait_for_the_first_to_join():
    placement = Placement([Share("shopper", 3), Share("admin", 1)])
    placement.resize(12)
    placement.resize(8)

    placement.join("first")

    assert placement.on("first") == {"shopper": 6, "admin": 2}


def test_there_are_no_more_users_than_the_fixed_ones_when_no_class_has_a_weight():
    placement = Placement([Share("admin", weight=0, fixed_count=3)])
    placement.join("first")

    placement.resize(10)

    assert placement.users == 3
    assert placement.on("first") == {"admin": 3}


def test_a_worker_without_users_of_a_class_has_0_of_it():
    placement = Placement([Share("shopper"), Share("never", weight=0)])
    placement.join("first")
    placement.resize(1)

    assert placement.on("first") == {"shopper": 1, "never": 0}


def test_a_worker_cannot_join_twice_and_nothing_changes():
    placement = Placement([Share("shopper")])
    placement.join("first")
    placement.resize(4)

    with pytest.raises(ValueError, match="first is here already"):
        placement.join("first")

    assert placement.on("first") == {"shopper": 4}


def test_a_worker_that_was_lost_may_join_again():
    placement = Placement([Share("shopper")])
    for worker in ("first", "second"):
        placement.join(worker)
    placement.resize(4)
    placement.lose("first")

    placement.join("first")

    assert (placement.on("first"), placement.on("second")) == ({"shopper": 2}, {"shopper": 2})


@few
@given(st.integers(2, 40), st.integers(0, 200))
def test_many_workers_each_have_their_part(workers, users):
    placement = Placement([Share("shopper", 5), Share("admin", 2), Share("guest", 1)])
    hosts = [f"worker {number}" for number in range(workers)]
    for host in hosts:
        placement.join(host)

    placement.resize(users)

    sizes = sorted(counts.total() for counts in where(placement, hosts).values())
    assert sizes == [users // workers] * (workers - users % workers) + [users // workers + 1] * (users % workers)
