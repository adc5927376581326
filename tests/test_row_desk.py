"""Users that wait for rows are asked for together, and each gets one of its own."""

import gevent
import pytest

from greenload import row_desk
from greenload.row_desk import RowDesk


class Counter:
    """A desk, and a master that counts; `lost` of its first answers do not arrive."""

    def __init__(self, lost=0):
        self.lost = lost
        self.claims = []
        self.next = {}
        self.desk = RowDesk(self.ask)
        self.serving = gevent.spawn(self.desk.serve)

    def ask(self, number, rows, count):
        is_new = not self.claims or self.claims[-1][0] != number
        self.claims.append((number, rows, count))
        if is_new:
            self.first = self.next.get(rows, 0)
            self.next[rows] = self.first + count
        if self.lost:
            self.lost -= 1
            return
        gevent.spawn(self.desk.answer, number, self.first)

    def take(self, *sets):
        """Have a user wait for a row of each of `sets`; return what they got."""
        users = [gevent.spawn(self.desk.take, rows) for rows in sets]
        with gevent.Timeout(5):
            return [user.get() for user in users]


@pytest.fixture
def counters():
    made = []

    def make(lost=0):
        made.append(Counter(lost))
        return made[-1]

    yield make
    gevent.killall([each.serving for each in made])


def test_users_that_wait_together_are_asked_for_together(counters):
    counter = counters()

    rows = counter.take(*["accounts"] * 50)

    assert rows == list(range(50))
    assert counter.claims == [(1, "accounts", 50)]


def test_who_comes_later_is_asked_for_with_the_next_number(counters):
    counter = counters()

    rows = counter.take("accounts", "accounts") + counter.take("accounts")

    assert rows == [0, 1, 2]
    assert counter.claims == [(1, "accounts", 2), (2, "accounts", 1)]


def test_two_sets_of_rows_do_not_mix(counters):
    counter = counters()

    rows = counter.take("accounts", "albums", "accounts", "albums")

    assert rows == [0, 0, 1, 1]
    assert counter.claims == [(1, "accounts", 2), (2, "albums", 2)]


def test_who_is_not_answered_is_asked_for_again_with_the_same_number(counters, monkeypatch):
    monkeypatch.setattr(row_desk, "ASK_AGAIN_S", 0.02)
    counter = counters(lost=2)

    rows = counter.take("accounts", "accounts")

    assert rows == [0, 1]
    assert counter.claims == [(1, "accounts", 2)] * 3


def test_an_answer_that_comes_late_or_twice_is_no_answer_to_the_next_question(counters):
    counter = counters()
    counter.take("accounts")
    waiting = gevent.spawn(counter.desk.take, "accounts")
    counter.lost = 1
    gevent.sleep(3 * row_desk.GATHER_S)

    counter.desk.answer(1, 0)
    gevent.sleep(row_desk.GATHER_S)
    is_answered = waiting.ready()
    counter.desk.answer(2, 1)

    assert not is_answered
    assert waiting.get(timeout=5) == 1


def test_more_users_than_one_claim_may_ask_for_are_asked_for_in_parts(counters, monkeypatch):
    monkeypatch.setattr(row_desk, "MOST_ROWS_AT_ONCE", 20)
    counter = counters()

    rows = counter.take(*["accounts"] * 50)

    assert rows == list(range(50))
    assert [count for _, _, count in counter.claims] == [20, 20, 10]
