"""Which task comes next, and which TaskSet a user is in."""

import functools
from collections import Counter

import gevent
import pytest

from greenload import RescheduleTask, RescheduleTaskImmediately, SequentialTaskSet, StopUser, TaskSet, User, task


def test_tasks_come_as_often_as_their_weights_say(stage):
    done = Counter()

    class Reader(User):
        @task(3)
        def read(self):
            done["read"] += 1

        @task(1)
        def write(self):
            done["write"] += 1

    stage.iterate(stage.user(Reader), 4_000)

    assert done["read"] + done["write"] == 4_000
    assert done["read"] == pytest.approx(3_000, abs=150)


def test_weights_may_be_fractions(stage):
    done = Counter()

    class Reader(User):
        @task(0.5)
        def read(self):
            done["read"] += 1

        @task(1.5)
        def write(self):
            done["write"] += 1

    stage.iterate(stage.user(Reader), 2_000)

    assert done["write"] == pytest.approx(1_500, abs=100)


@pytest.mark.parametrize("form", ["list", "repeated", "dict", "pairs"])
def test_tasks_may_be_declared_as_a_list_a_dict_or_pairs(stage, form):
    done = Counter()

    def often(user):
        done["often"] += 1

    def seldom(user):
        done["seldom"] += 1

    declared = {
        "list": [often, seldom],
        "repeated": [often, often, often, seldom],
        "dict": {often: 3, seldom: 1},
        "pairs": [(often, 3), (seldom, 1)],
    }[form]

    class Reader(User):
        tasks = declared

    stage.iterate(stage.user(Reader), 1_000)

    assert done["often"] == pytest.approx(500 if form == "list" else 750, abs=60)


def test_a_subclass_has_the_tasks_of_its_base_and_its_own(stage):
    done = set()

    class Base(User):
        @task
        def one(self):
            done.add("one")

    class Derived(Base):
        @task
        def two(self):
            done.add("two")

    stage.iterate(stage.user(Derived), 50)

    assert done == {"one", "two"}


def test_a_method_defined_anew_takes_the_place_of_the_base_task(stage):
    done = Counter()

    class Base(User):
        @task
        def one(self):
            done["base"] += 1

    class Derived(Base):
        @task
        def one(self):
            done["derived"] += 1

    stage.iterate(stage.user(Derived), 20)

    assert done == {"derived": 20}


def test_the_same_seed_repeats_the_choice_of_tasks_for_each_user():
    from tests.conftest import Stage

    def play(seed):
        done = []

        class Reader(User):
            @task
            def one(self):
                done.append((id(self), 1))

            @task
            def two(self):
                done.append((id(self), 2))

        stage = Stage(seed)
        first, second = stage.user(Reader), stage.user(Reader)
        stage.iterate(first, 30)
        stage.iterate(second, 30)
        return [which for _, which in done]

    assert play(7) == play(7)
    assert play(7) != play(8)
    assert play(7)[:30] != play(7)[30:]  # two users of a run do not do the same


def test_a_sequential_task_set_goes_in_order_and_repeats_by_weight(stage):
    done = []

    class Checkout(SequentialTaskSet):
        @task
        def cart(self):
            done.append("cart")

        @task(2)
        def pay(self):
            done.append("pay")

        @task
        def thanks(self):
            done.append("thanks")

    class Shopper(User):
        tasks = [Checkout]

    stage.iterate(stage.user(Shopper), 6)

    assert done == ["cart", "pay", "pay", "thanks", "cart", "pay"]


def test_a_user_stays_in_a_task_set_until_it_is_interrupted(stage):
    done = []

    class Shopper(User):
        @task
        class Browse(TaskSet):
            def on_start(self):
                done.append("enter")

            def on_stop(self):
                done.append("leave")

            @task
            def look(self):
                done.append("look")
                if done.count("look") == 3:
                    self.interrupt()

    user = stage.user(Shopper)

    stage.iterate(user, 4)

    assert done == ["enter", "look", "look", "look", "leave", "enter", "look"]


def test_a_task_set_inside_another_knows_its_parent_and_its_user(stage):
    seen = []

    class Shopper(User):
        @task
        class Outer(TaskSet):
            @task
            class Inner(TaskSet):
                @task
                def look(self):
                    seen.append((self.parent.__class__.__name__, self.parent.parent is self.user))

    stage.iterate(stage.user(Shopper), 1)

    assert seen == [("Outer", True)]


def test_leaving_stops_the_innermost_task_set_first_and_the_user_last(stage):
    done = []

    class Shopper(User):
        def on_stop(self):
            done.append("user")

        @task
        class Outer(TaskSet):
            def on_stop(self):
                done.append("outer")

            @task
            class Inner(TaskSet):
                def on_stop(self):
                    done.append("inner")

                @task
                def look(self):
                    pass

    user = stage.user(Shopper)
    stage.iterate(user, 1)

    user.leave()

    assert done == ["inner", "outer", "user"]


@pytest.mark.parametrize(("reschedule", "next_start_s"), [(True, 10.0), (False, 15.0)])
def test_an_interrupted_task_set_hands_back_at_once_or_after_the_wait(stage, reschedule, next_start_s):
    class Shopper(User):
        wait_time = lambda self: 5  # noqa: E731

        @task
        class Browse(TaskSet):
            @task
            def look(self):
                self.interrupt(reschedule=reschedule)

    user = stage.user(Shopper)
    stage.iterate(user, 1)

    assert user.next_start_s(ended_s=10.0) == next_start_s


@pytest.mark.parametrize(
    ("flow", "next_start_s"), [(RescheduleTask, 15.0), (RescheduleTaskImmediately, 10.0)], ids=["wait", "at once"]
)
def test_a_task_can_end_itself_and_say_when_the_next_one_comes(stage, flow, next_start_s):
    class Shopper(User):
        wait_time = lambda self: 5  # noqa: E731

        @task
        def look(self):
            raise flow

    user = stage.user(Shopper)
    stage.iterate(user, 1)

    assert user.next_start_s(ended_s=10.0) == next_start_s
    assert len(stage.recorder.take().exceptions) == 0


def test_stop_user_goes_through_to_whoever_runs_the_user(stage):
    class Shopper(User):
        @task
        def look(self):
            raise StopUser

    with pytest.raises(StopUser):
        stage.iterate(stage.user(Shopper), 1)


def test_an_exception_in_a_task_is_counted_by_its_traceback_and_the_user_goes_on(stage):
    class Shopper(User):
        @task
        def look(self):
            raise ValueError(f"no album {self.random.randrange(1000)}")

    stage.iterate(stage.user(Shopper), 5)

    [(text, seen)] = list(stage.recorder.take().exceptions)
    assert seen.count == 5
    assert text.startswith("in task Shopper.look\n")
    assert text.endswith("ValueError: no album N")
    assert "raise ValueError" in text


def test_interrupt_outside_a_task_set_is_an_exception_that_says_so(stage):
    class Shopper(User):
        @task
        def look(self):
            from greenload import InterruptTaskSet

            raise InterruptTaskSet

    stage.iterate(stage.user(Shopper), 1)

    [(text, _)] = list(stage.recorder.take().exceptions)
    assert "not inside one" in text


def test_a_task_set_whose_on_start_fails_is_not_entered(stage):
    class Shopper(User):
        @task
        class Browse(TaskSet):
            def on_start(self):
                raise RuntimeError("closed")

            @task
            def look(self):
                raise AssertionError("never reached")

    stage.iterate(stage.user(Shopper), 2)

    [(text, seen)] = list(stage.recorder.take().exceptions)
    assert text.endswith("RuntimeError: closed")
    assert seen.count == 2


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_must_be_nothing_or_more(weight):
    with pytest.raises(ValueError, match="0 or more"):
        task(weight)


def test_a_weight_must_be_a_number():
    with pytest.raises(TypeError, match="'often'"):
        task("often")


def test_on_start_cannot_be_a_task():
    with pytest.raises(ValueError, match="on_start"):

        class Shopper(User):
            @task
            def on_start(self):
                pass


def test_what_is_no_task_is_refused_where_it_is_declared():
    with pytest.raises(TypeError, match=r"Shopper\.tasks.*'look'"):

        class Shopper(User):
            tasks = ["look"]


def test_a_task_of_weight_0_is_none(stage):
    done = []

    class Shopper(User):
        @task(0)
        def disabled(self):
            done.append("disabled")

        @task
        def look(self):
            done.append("look")

    stage.iterate(stage.user(Shopper), 20)

    assert set(done) == {"look"}


def test_a_task_set_may_have_a_constructor_as_locust_has_it(stage):
    seen = []

    class Shopper(User):
        @task
        class Browse(TaskSet):
            def __init__(self, parent):
                super().__init__(parent)
                self.basket = []

            @task
            def look(self):
                seen.append((self.basket, self.user is self.parent))

    stage.iterate(stage.user(Shopper), 1)

    assert seen == [([], True)]


def test_a_timeout_of_the_scenario_s_own_is_an_exception_in_a_task_and_the_user_goes_on(stage):
    class Shopper(User):
        @task
        def look(self):
            raise gevent.Timeout(0.2)

    stage.iterate(stage.user(Shopper), 3)

    [(_, seen)] = list(stage.recorder.take().exceptions)
    assert seen.count == 3


def test_a_class_is_abstract_only_when_it_says_so_itself():
    class Base(User):
        abstract = True

    class Derived(Base):
        pass

    assert Base.abstract
    assert not Derived.abstract


# Counted


def tasks_taken(stage):
    return stage.recorder.take().tasks.kept


def test_each_task_is_counted_when_it_begins_under_the_class_of_its_user(stage):
    class Base(User):
        abstract = True

        @task
        def look(self):
            raise KeyError

    class Reader(Base):
        pass

    class Shopper(Base):
        pass

    stage.iterate(stage.user(Reader), 3)
    stage.iterate(stage.user(Shopper), 2)

    assert tasks_taken(stage) == {("Reader", "look"): 3, ("Shopper", "look"): 2}
    assert tasks_taken(stage) == {}


def test_a_task_set_is_counted_as_often_as_it_is_entered_and_its_tasks_below_it(stage):
    class Shopper(User):
        @task
        class Checkout(TaskSet):
            @task
            class Gift(SequentialTaskSet):
                @task(3)
                def wrap(self):
                    pass

                @task
                def send(self):
                    self.interrupt()

    stage.iterate(stage.user(Shopper), 8)

    assert tasks_taken(stage) == {
        ("Shopper", "Checkout"): 1,
        ("Shopper", "Checkout.Gift"): 2,
        ("Shopper", "Checkout.Gift.wrap"): 6,
        ("Shopper", "Checkout.Gift.send"): 2,
    }


def test_a_task_without_a_name_or_with_half_a_character_in_it_is_counted_all_the_same(stage):
    def odd(user):
        pass

    odd.__name__ = "\ud800" * 1_000

    class Shopper(User):
        tasks = [functools.partial(print, end=""), odd]

    stage.iterate(stage.user(Shopper), 50)

    tasks = tasks_taken(stage)
    assert tasks.keys() == {("Shopper", "(no name)"), ("Shopper", "?" * 300)}
    assert sum(tasks.values()) == 50
