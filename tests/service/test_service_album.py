"""The album and what is not one."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.album import SEED, Album, AlbumError, album_from

BLUE_TRAIN = {"id": "1", "title": "Blue Train", "artist": "John Coltrane", "price": 56.99}


@settings(max_examples=50)
@given(
    st.builds(
        Album,
        id=st.text(min_size=1),
        title=st.text(),
        artist=st.text(),
        price=st.integers(min_value=0) | st.floats(min_value=0, allow_infinity=False),
    )
)
def test_an_album_survives_the_way_through_json(album):
    assert album_from(json.loads(json.dumps(album.plain()))) == album


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("id", None),
        ("title", ["Blue Train"]),
        ("artist", {"name": "John Coltrane"}),
        ("price", "56.99"),
        ("price", True),
        ("price", None),
        ("price", -0.01),
        ("price", math.nan),
        ("price", math.inf),
        ("price", -(10**400)),
    ],
)
def test_a_wrong_value_is_refused_and_the_field_named(field, value):
    with pytest.raises(AlbumError, match=field) as refusal:
        album_from({**BLUE_TRAIN, field: value})

    assert refusal.value.field == field


@pytest.mark.parametrize("field", ["id", "title", "artist", "price"])
def test_a_missing_field_is_named(field):
    plain = {name: value for name, value in BLUE_TRAIN.items() if name != field}

    with pytest.raises(AlbumError, match="missing") as refusal:
        album_from(plain)

    assert refusal.value.field == field


def test_a_field_that_no_album_has_is_named():
    with pytest.raises(AlbumError, match="not a field") as refusal:
        album_from({**BLUE_TRAIN, "year": 1958})

    assert refusal.value.field == "year"


@pytest.mark.parametrize("plain", [None, [], [BLUE_TRAIN], "album", 1])
def test_what_is_not_an_object_is_refused_as_a_whole(plain):
    with pytest.raises(AlbumError, match="object") as refusal:
        album_from(plain)

    assert refusal.value.field is None


def test_an_album_built_by_hand_is_checked_too():
    with pytest.raises(AlbumError):
        Album("9", "Jeru", "Gerry Mulligan", -1)


def test_the_seed_is_the_three_albums_of_the_go_tutorial():
    assert [(album.id, album.title) for album in SEED] == [
        ("1", "Blue Train"),
        ("2", "Jeru"),
        ("3", "Sarah Vaughan and Clifford Brown"),
    ]
