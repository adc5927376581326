"""The join key: one text, two key pairs, and a slip of the pen is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.core.errors import GreenloadError
from greenload.key import JoinKey, KeyMalformed

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
KEYS = st.builds(JoinKey, st.binary(min_size=32, max_size=32))
TEXT = str(JoinKey(bytes(32)))


@given(KEYS)
def test_a_key_that_is_written_and_read_is_the_same_key(key):
    text = str(key)

    assert JoinKey.parse(text) == key
    assert JoinKey.parse(f"  {text.upper()}\n") == key
    assert text.startswith("gl1-")
    assert len(text) == 60


@given(KEYS, st.integers(4, 59), st.sampled_from(LETTERS))
def test_one_wrong_letter_is_noticed(key, place, letter):
    text = str(key)
    slipped = text[:place] + letter + text[place + 1 :]

    if slipped != text:
        with pytest.raises(KeyMalformed, match="has a mistake in it"):
            JoinKey.parse(slipped)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with gl1-"),
        ("secret", "begins with gl1-"),
        ("gl2-" + TEXT[4:], "begins with gl1-"),
        ("gl1-", "has a mistake"),
        (TEXT[:-1], "has a mistake"),
        (TEXT[:-8], "has a mistake"),
        (TEXT + "a", "has a mistake"),
        (TEXT * 2, "has a mistake"),
        (TEXT[:20] + "-" + TEXT[20:], "has a mistake"),
        (TEXT[:-1] + "é", "has a mistake"),
    ],
)
def test_what_is_no_key_is_refused_with_what_to_do_and_is_not_repeated(text, reason):
    with pytest.raises(KeyMalformed, match=reason) as refused:
        JoinKey.parse(text)

    assert isinstance(refused.value, GreenloadError)
    assert "`greenload key`" in str(refused.value)
    assert text.removeprefix("gl1-") == "" or text not in str(refused.value)


@given(st.text())
def test_any_text_is_a_key_or_malformed(text):
    for each in (text, f"gl1-{text}"):
        with pytest.raises(KeyMalformed):
            JoinKey.parse(each)


def test_new_keys_differ():
    assert len({str(JoinKey.new()) for _ in range(100)}) == 100


@given(KEYS, KEYS)
def test_each_side_of_each_key_has_a_secret_of_its_own(one, other):
    secrets = [one.master_secret(), one.workers_secret(), other.master_secret(), other.workers_secret()]

    assert [len(each) for each in secrets] == [32] * 4
    assert len(set(secrets)) == (2 if one == other else 4)
    assert (JoinKey.parse(str(one)).master_secret(), JoinKey.parse(str(one)).workers_secret()) == tuple(secrets[:2])


def test_the_secrets_of_a_key_never_change():
    """A worker of the next release has to get in at a master of this one, or be told that it is another version."""
    key = JoinKey(bytes(range(32)))

    assert str(key) == "gl1-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypurkum"
    assert key.master_secret().hex() == "282a6d0431ac6621362bbf35cc4a19f2977f7aab9eb57082742809fd70b4d9d4"
    assert key.workers_secret().hex() == "8b870bbfebb57108e33f20aa3bb13fd67dedeaf230b8691bd025d8f6393b128e"


def test_a_key_does_not_show_itself_in_a_traceback_or_a_log():
    key = JoinKey.new()

    assert repr(key) == "JoinKey()"
