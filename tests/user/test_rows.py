"""Each user gets a row of its own, and leaves when there is none."""

import logging
from itertools import count

import pytest

from greenload import OutOfRows, Rows, StopUser, User, task

ACCOUNTS = ["ann", "bob", "cem"]


class Reader(User):
    @task
    def read(self):
        pass


@pytest.fixture
def user(stage):
    """A user whose master counts the rows of each set."""
    counters = {}
    stage.environment.take_row = lambda rows: next(counters.setdefault(rows, count()))
    return stage.user(Reader)


def test_a_user_gets_the_row_whose_number_it_was_given(user):
    accounts = Rows("accounts", ACCOUNTS)

    assert [accounts.take(user) for _ in ACCOUNTS] == ACCOUNTS


def test_two_sets_of_rows_do_not_mix(user):
    accounts, albums = Rows("accounts", ACCOUNTS), Rows("albums", [1, 2])

    assert [accounts.take(user), albums.take(user), accounts.take(user)] == ["ann", 1, "bob"]


def test_when_all_rows_are_taken_the_user_leaves_and_that_is_logged_once(user, caplog):
    accounts = Rows("accounts", ACCOUNTS)
    for _ in ACCOUNTS:
        accounts.take(user)

    with caplog.at_level(logging.WARNING, "greenload"):
        for _ in range(3):
            with pytest.raises(OutOfRows):
                accounts.take(user)

    assert issubclass(OutOfRows, StopUser)
    assert caplog.messages == ["all 3 rows of accounts are taken: users that want another one leave"]


def test_a_set_without_rows_gives_none(user):
    with pytest.raises(OutOfRows):
        Rows("accounts", []).take(user)
