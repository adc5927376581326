"""How often each task was begun: sums that depend on no order, and no more room than is allowed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenload.core import task_counts as task_counts_module
from greenload.core.task_counts import MOST_TASKS, TaskCounts

# What three_tasks patches is the same for every example, so it may stay from one to the next.
law = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
keys = st.tuples(st.sampled_from(["A", "B", "Shopper"]), st.sampled_from(["look", "buy", "Checkout.pay", "a"]))
counts = st.lists(st.tuples(keys, st.integers(1, 5)), max_size=8)


def counted(*parts):
    """Return what `parts` come to, each counted apart and then added."""
    total = TaskCounts()
    for part in parts:
        one = TaskCounts()
        one.count(part)
        total.add(one)
    return total


def held(tasks):
    return tasks.kept, tasks.others


@pytest.fixture
def three_tasks(monkeypatch):
    """Let there be room for three tasks only, so that a law meets the limit all the time."""
    monkeypatch.setattr(task_counts_module, "MOST_TASKS", 3)


@law
@given(counts, counts, counts)
@pytest.mark.usefixtures("three_tasks")
def test_however_tasks_are_grouped_and_ordered_the_sum_is_the_same(one, two, three):
    straight = counted([*one, *two, *three])

    assert held(counted(one, two, three)) == held(counted(three, one, two)) == held(straight)
    assert held(counted([*one, *two], three)) == held(counted(one, [*two, *three])) == held(straight)


@law
@given(counts, counts)
@pytest.mark.usefixtures("three_tasks")
def test_no_task_is_lost_when_there_are_too_many(one, two):
    tasks = counted(one, two)

    assert tasks.total() == sum(times for _, times in (*one, *two))
    assert len(tasks.kept) <= 3


def test_of_names_that_are_new_each_time_no_more_than_most_tasks_are_kept():
    tasks = TaskCounts()

    tasks.count((("Shopper", f"buy {number:05}"), 2) for number in range(MOST_TASKS + 7))

    assert len(tasks.kept) == MOST_TASKS
    assert (tasks.others, tasks.total()) == (14, 2 * (MOST_TASKS + 7))
