"""The cost of a store: each operation is timed in each round. Never how long anything took."""

import json

import pytest

from service.cost import ADDS, album, cost_of, main
from service.stores import Terms, open_store


def test_each_round_times_each_operation_and_adds_albums_of_its_own():
    store = open_store("dict", map(album, range(20)), Terms())

    us = cost_of(store, 20, 3)

    assert us.keys() == {"all", "get", "add"}
    assert all(len(rounds) == 3 and min(rounds) > 0 for rounds in us.values())
    assert store.all() == [album(number) for number in range(20 + 3 * ADDS)]


def test_what_came_is_one_line_of_json_and_a_place_with_albums_in_it_is_refused(capsys, tmp_path):
    asked = ["--store", "sqlite", "--dsn", str(tmp_path / "albums.db"), "--albums", "5", "--rounds", "2"]

    main(asked)
    with pytest.raises(SystemExit) as ended:
        main(asked)

    said = capsys.readouterr()
    assert [len(rounds) for rounds in json.loads(said.out)["us"].values()] == [2, 2, 2]
    assert ended.value.code == 1
    assert "Error: there are albums of before in the store" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--store", "sqlite"], 1, "Error: the store sqlite needs --dsn"),
        (["--store", "list", "--rounds", "0"], 2, "--rounds: 0 is not between 1 and a million"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(capsys, arguments, code, said):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == code
    assert said in capsys.readouterr().err
