"""Forms: read as the command line is, with every error at its field, and back again."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.asked import Asked
from greenload.core.label import Label
from greenload.core.load import Load
from greenload.core.shape import parse_rate_stages, parse_stages
from greenload.core.thresholds import parse_threshold
from greenload.form import CLOSED, FIELDS_OF, OPEN, OWN, Unfit, asked_by, label_by, rate_by, users_by, values_of

OFFERED = {"page_size": 20, "slowly": False}
BASE = Asked(host="http://here", stop_timeout_s=3.0, seed=5)


def asked(**form):
    return asked_by(form, BASE, OFFERED)


def wrong(**form):
    with pytest.raises(Unfit) as raised:
        asked(**form)
    return raised.value.fields


def test_a_form_says_what_a_command_line_says():
    found = asked(
        model="users",
        host="http://there:8080",
        users="50",
        spawn_rate=2.5,
        run_time="1m",
        classes=["Reader"],
        options={"page_size": 7, "slowly": True},
        fail_if=["p99 > 300ms"],
        abort_if=["failures > 50%"],
        warmup="5s",
    )

    assert found == Asked(
        load=Load(users=50, spawn_rate=2.5, run_time=60.0),
        host="http://there:8080",
        stop_timeout_s=3.0,
        classes=("Reader",),
        options={"page_size": "7", "slowly": "true"},
        seed=5,
        fail_if=(parse_threshold("p99 > 300ms"),),
        abort_if=(parse_threshold("failures > 50%"),),
        warmup_s=5.0,
    )


def test_what_a_form_has_no_field_for_stays_as_it_was():
    base = Asked(Load(users=3), "http://here", classes=("Reader",), fail_if=(parse_threshold("p99 > 1s"),))

    assert asked_by({}, base, {}) == base
    assert asked_by({"host": "", "classes": [], "fail_if": []}, base, {}) == Asked(Load(users=3))


def test_without_a_model_the_fields_say_which_one_is_meant():
    assert asked(users=5).load == Load(users=5)
    assert asked(rate="5/s", run_time="3s").load == Load(rate=5.0, run_time=3.0)
    assert asked(run_time="3s").load == Load(run_time=3.0)


def test_only_the_fields_of_the_chosen_model_count():
    form = {"users": 5, "stages": "wrong", "rate": "20/s", "max_users": 3, "run_time": "9s"}

    assert asked(model="rate", **form).load == Load(rate=20.0, max_users=3, run_time=9.0)
    assert asked(model="scenario", **form).load == Load(run_time=9.0)
    assert wrong(model="users", **form).keys() == {"stages"}


def test_stages_say_it_all():
    assert asked(model="users", users=5, stages="50@30s").load == Load(stages=parse_stages("50@30s"))
    assert asked(model="rate", rate="5/s", rate_stages="9/s@3s").load == Load(rate_stages=parse_rate_stages("9/s@3s"))


def test_every_wrong_field_is_told_at_once():
    found = wrong(
        model="users",
        host="there",
        users=0,
        spawn_rate="fast",
        run_time="soon",
        classes="Reader",
        options={"page_size": "many", "colour": "blue"},
        fail_if=["p99 >"],
        warmup=True,
    )

    assert found.keys() == {
        *("host", "users", "spawn_rate", "run_time", "classes", "fail_if", "warmup"),
        *("options.page_size", "options.colour"),
    }
    assert found["users"] == "a whole number of 1 to 1000000, not '0'"
    assert "30s" in found["run_time"]


def test_what_was_emptied_is_not_what_the_command_line_said():
    base = Asked(Load(users=3, run_time=9.0), "http://here", warmup_s=5.0)
    label = Label({"a": "b"}, "hello", "greenload master")

    emptied = asked_by({"model": "users", "users": 2, "run_time": None, "host": None, "warmup": None}, base, {})

    assert emptied == Asked(Load(users=2))
    assert label_by({"tags": {}, "note": None}, label) == Label({}, None, "greenload master")
    assert label_by({}, label) == label


def test_an_emptied_option_that_is_a_number_is_told_at_its_field():
    assert wrong(options={"page_size": None}).keys() == {"options.page_size"}


def test_users_are_needed_where_they_were_chosen_and_a_run_time_is_some_time():
    assert wrong(model="users", users=None) == {"users": "how many users there shall be"}
    assert wrong(model="users", users=1, run_time="0s").keys() == {"run_time"}


def test_a_rate_is_needed_where_one_was_chosen():
    assert wrong(model="rate") == {"rate": "how many arrivals a second there shall be, for example 200/s"}


def test_tags_and_note_stand_for_those_of_the_command_line():
    base = Label({"branch": "main"}, None, "greenload master")

    assert label_by({"tags": {"try": "2"}, "note": "slow disk"}, base) == Label(
        {"try": "2"}, "slow disk", "greenload master"
    )
    with pytest.raises(Unfit):
        label_by({"tags": {"": "2"}}, base)


def test_an_edit_says_users_or_a_rate():
    assert users_by({"users": "0"}, 10.0) == (0, 10.0)
    assert users_by({"users": 20, "spawn_rate": "4"}, 10.0) == (20, 4.0)
    assert rate_by({"rate": "600/m"}) == 10.0
    for edit in (lambda: users_by({}, 10.0), lambda: rate_by({}), lambda: rate_by({"rate": "many"})):
        with pytest.raises(Unfit):
            edit()


@pytest.mark.parametrize(
    "load",
    [
        Load(users=1),
        Load(users=5, spawn_rate=2.0, run_time=30.0),
        Load(stages=parse_stages("50@30s,0@10s")),
        Load(rate=12.5, arrivals="poisson", max_users=9, max_lag=0.5),
        Load(rate_stages=parse_rate_stages("100/s@30s,600/m@2m")),
    ],
)
def test_the_form_that_is_shown_asks_for_what_the_command_line_asked_for(load):
    known = Asked(load, "http://here", fail_if=(parse_threshold("GET /: p95 > 1s"),), warmup_s=2.0)

    values = values_of(known, Label())

    assert asked_by(values, Asked(), {}) == known
    assert asked_by(json.loads(json.dumps(values)), Asked(), {}) == known


def test_where_nobody_says_a_load_the_form_shows_the_scenarios_own_or_one_user():
    own = Load(stages=parse_stages("50@30s"))

    assert asked_by(values_of(Asked(), Label(), own), Asked(), {}) == Asked()
    assert asked_by(values_of(Asked(), Label()), Asked(), {}) == Asked(Load(users=1))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = sorted({name for fields in FIELDS_OF.values() for name in fields} | {"host", "classes", "options", "fail_if"})


@given(st.dictionaries(st.sampled_from([*names, "abort_if", "warmup", "tags", "note"]), anything), st.data())
def test_whatever_is_in_a_form_it_is_read_or_refused_by_field(form, data):
    form = {**form, "model": data.draw(st.sampled_from([CLOSED, OPEN, OWN]))}

    for read in (lambda: asked_by(form, BASE, OFFERED), lambda: label_by(form, Label())):
        with suppress(Unfit):
            read()
