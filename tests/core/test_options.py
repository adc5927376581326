"""A scenario's own options: the default says the type, and what does not fit is told in a sentence."""

import pytest

from greenload.core.options import Option, OptionError, check_options, options_with, parse_setting

OFFERED = {"page_size": 20, "wait": 0.5, "artist": "Monk", "fast": False}


def test_what_nobody_sets_has_its_default():
    assert options_with(OFFERED, {}) == tuple(Option(*each) for each in OFFERED.items())


def test_what_is_set_has_the_type_of_its_default():
    written = {"page_size": "50", "wait": "2", "artist": "7", "fast": "yes"}

    values = dict(options_with(OFFERED, written))

    assert values == {"page_size": 50, "wait": 2.0, "artist": "7", "fast": True}
    assert [type(value) for value in values.values()] == [int, float, str, bool]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("page_size", "many", "page_size is a whole number, as its default 20 is, and not 'many'"),
        ("page_size", "1" * 400, "page_size is a whole number"),
        ("wait", "nan", "wait is a number"),
        ("wait", "inf", "wait is a number"),
        ("fast", "perhaps", "fast is true or false, as its default False is, and not 'perhaps'"),
        ("artist", "x" * 9_000, "artist is at most 8192 characters"),
        ("pagesize", "1", "the scenario has no option pagesize; did you mean page_size?"),
    ],
)
def test_what_does_not_fit_is_told(name, text, wrong):
    with pytest.raises(OptionError) as raised:
        options_with(OFFERED, {name: text})

    assert wrong in str(raised.value)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        (["page_size"], "options are a dict"),
        ({"a=b": 1}, "'a=b' is no name of an option"),
        ({"": 1}, "'' is no name of an option"),
        ({"sizes": [1]}, "the default of sizes is a text, a number or a truth"),
        ({"rate": float("nan")}, "a number is finite"),
    ],
)
def test_a_scenario_that_offers_what_cannot_be_set_is_told(written, wrong):
    with pytest.raises(OptionError) as raised:
        check_options(written)

    assert wrong in str(raised.value)


def test_a_setting_is_a_name_and_what_follows_the_first_equals_sign():
    assert parse_setting("artist=Monk = Thelonious") == ("artist", "Monk = Thelonious")
    with pytest.raises(OptionError, match="is not NAME=VALUE"):
        parse_setting("artist")
