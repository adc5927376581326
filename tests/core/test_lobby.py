"""Between runs: who is here is known, who may not be is told why, and nobody is sent away for waiting."""

from greenload.core.attendance import STALLED_AFTER_S
from greenload.core.bundle import Bundle
from greenload.core.lobby import Lobby
from greenload.core.messages import Beat, Bye, Farewell, Fetch, Hello, Order, Piece, Refused
from greenload.core.terms import Terms

TERMS = Terms("1.0", "abc", Bundle(b"a scenario"), more_runs=True)
ROUTE = b"somewhere"


def hello(worker, version="1.0"):
    return Hello(worker, 7, version, "abc")


def test_who_says_hello_is_here_for_as_long_as_it_goes_on_saying_so():
    lobby = Lobby(TERMS)

    assert lobby.hear(ROUTE, hello("two"), 10.0) == lobby.hear(ROUTE, hello("one"), 11.0) == []

    assert lobby.here(11.0) == ["one", "two"]
    assert lobby.here(10.5 + STALLED_AFTER_S) == ["one"]
    assert lobby.here(20.0) == []


def test_who_does_not_fit_is_told_why_and_is_not_here():
    lobby = Lobby(TERMS)

    [(route, answer)] = lobby.hear(ROUTE, hello("old", version="0.9"), 10.0)

    assert route == ROUTE
    assert answer == Refused("this master is greenload 1.0, the worker is 0.9; install the same")
    assert lobby.here(10.0) == []


def test_a_worker_without_a_scenario_gets_the_masters():
    [(_, piece)] = Lobby(TERMS).hear(ROUTE, Fetch("one", 7, "1.0", 0), 10.0)

    assert isinstance(piece, Piece)
    assert piece.data == b"a scenario"


def test_who_says_bye_is_gone_and_hears_that_it_may_come_again():
    lobby = Lobby(TERMS)
    lobby.hear(ROUTE, hello("one"), 10.0)

    assert lobby.hear(ROUTE, Bye("one", 7, None), 10.5) == [Order(ROUTE, Farewell(more_runs=True))]
    assert lobby.here(10.5) == []


def test_at_the_end_all_who_were_heard_are_sent_home_where_they_are():
    lobby = Lobby(TERMS)
    lobby.hear(b"here", hello("one"), 10.0)
    lobby.hear(b"there", hello("two"), 10.0)
    lobby.hear(b"elsewhere", hello("two"), 11.0)

    assert lobby.dismiss() == [
        Order(b"here", Farewell(more_runs=False)),
        Order(b"elsewhere", Farewell(more_runs=False)),
    ]


def test_who_outlived_its_run_is_told_that_it_may_come_to_the_next():
    assert Lobby(TERMS).hear(ROUTE, Beat("one", 7), 10.0) == [Order(ROUTE, Farewell(more_runs=True))]


def test_who_is_on_its_way_from_the_last_run_is_here_before_it_has_said_hello():
    lobby = Lobby(TERMS)

    lobby.expect("one", ROUTE, 10.0)

    assert lobby.here(11.0) == ["one"]
    assert lobby.here(10.5 + STALLED_AFTER_S) == []
