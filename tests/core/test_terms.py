"""Who may take part: the same greenload and, unless it does not matter, the same scenario."""

import pytest

from greenload.core.bundle import Bundle
from greenload.core.messages import Fetch, Hello, Refused
from greenload.core.terms import Terms

BUNDLE = Bundle.of({"s.py": b"pass"})
STRICT = Terms("1.0", "abc", BUNDLE)
LOOSE = Terms("1.0", "abc", BUNDLE, any_scenario=True)
OTHER_VERSION = "this master is greenload 1.0, the worker is 0.9; install the same"


@pytest.mark.parametrize("terms", [STRICT, LOOSE])
def test_the_same_greenload_with_the_same_scenario_is_welcome(terms):
    assert terms.objection(Hello("one", 1, "1.0", "abc")) is None


def test_another_scenario_is_welcome_only_where_any_is():
    hello = Hello("one", 1, "1.0", "abd")

    assert "--any-scenario" in STRICT.objection(hello)
    assert LOOSE.objection(hello) is None


@pytest.mark.parametrize("terms", [STRICT, LOOSE])
@pytest.mark.parametrize("scenario_sha256", ["abc", "abd"])
def test_another_greenload_is_never_welcome(terms, scenario_sha256):
    assert terms.objection(Hello("one", 1, "0.9", scenario_sha256)) == OTHER_VERSION


@pytest.mark.parametrize("offset", [0, 3, 10**9])
def test_who_asks_gets_the_piece_of_the_scenario_that_it_asks_for(offset):
    assert STRICT.answer(Fetch("one", 1, "1.0", offset)) == BUNDLE.piece(offset)


def test_another_greenload_gets_no_scenario_and_hears_why():
    assert STRICT.answer(Fetch("one", 1, "0.9", 0)) == Refused(OTHER_VERSION)
