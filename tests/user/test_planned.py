"""What is planned of each task is what the weights say, and where they say nothing, nothing is claimed."""

import functools

import pytest

from greenload import SequentialTaskSet, TaskSet, User, task
from greenload.core.run_info import PlannedTask
from greenload.user.planned import planned_tasks


def percents(user_class):
    return {each.task: each.percent for each in planned_tasks(user_class)}


def test_the_share_of_a_task_is_its_weight_among_all_of_its_class():
    class Shopper(User):
        @task(3)
        def look(self):
            pass

        @task
        def buy(self):
            pass

        @task(0)
        def never(self):
            pass

    assert planned_tasks(Shopper) == [PlannedTask("Shopper", "look", 75.0), PlannedTask("Shopper", "buy", 25.0)]


def test_a_task_set_is_one_task_and_has_its_own_below_it():
    class Shopper(User):
        @task
        def look(self):
            pass

        @task(3)
        class Checkout(TaskSet):
            @task(4)
            def pay(self):
                pass

            @task
            class Gift(TaskSet):
                @task
                def wrap(self):
                    pass

    assert list(percents(Shopper).items()) == [
        ("look", 25.0), ("Checkout", 75.0), ("Checkout.pay", 80.0), ("Checkout.Gift", 20.0),
        ("Checkout.Gift.wrap", 100.0),
    ]  # fmt: skip


def test_in_a_sequence_a_weight_says_how_many_times_in_a_row():
    class Shopper(User):
        @task
        class Checkout(SequentialTaskSet):
            @task(0.2)
            def fill(self):
                pass

            @task(3)
            def pay(self):
                pass

    assert percents(Shopper) == {"Checkout": 100.0, "Checkout.fill": 25.0, "Checkout.pay": 75.0}


def test_who_chooses_for_itself_has_no_plan():
    class Shopper(User):
        @task
        def look(self):
            pass

        def next_task(self):
            return self._task_list.choose(self.random)

    assert percents(Shopper) == {"look": None}


def test_tasks_of_one_name_are_one_and_one_without_a_name_has_a_word():
    def look(user):
        pass

    class Shopper(User):
        tasks = [look, look, functools.partial(print, "x"), (look, 5)]

    assert percents(Shopper) == {"look": pytest.approx(87.5), "(no name)": 12.5}


def test_a_set_that_leads_into_itself_is_listed_once():
    class Loop(TaskSet):
        pass

    Loop._task_list.weighted.append((Loop, 1))

    class Shopper(User):
        tasks = [Loop]

    assert percents(Shopper) == {"Loop": 100.0, "Loop.Loop": 100.0}
