"""The contract of every store, and what a lock is for."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.album import SEED, Album, AlbumError
from service.contract import IdTaken, StoreError
from service.pace import Pace
from service.stores import SQL, STORES, UNPROTECTED, Terms, open_store

PROTECTED = tuple(name for name in STORES if name not in UNPROTECTED)
LOCKED = ("list-mutex", "list-rwlock", "dict-mutex", "dict-rwlock", "dict-copied")
PATIENCE_S = 5
# Text that every store can keep; what SQL refuses has a test of its own.
TITLES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)


def album(id, title="Jeru", price=17.99):
    return Album(id, title, "Gerry Mulligan", price)


def try_to_add(store, one):
    try:
        store.add(one)
    except IdTaken:
        return False
    return True


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=f"{name}, single-threaded only" if name in UNPROTECTED else name) for name in STORES]
)
class TestContract:
    """What every store does for one thread. Of those without a lock this is all: single-threaded only."""

    def test_a_new_store_holds_the_albums_it_was_opened_with(self, opened, name):
        with opened(name, SEED) as store:
            assert store.all() == list(SEED)

    def test_an_added_album_is_found_by_its_id(self, opened, name):
        with opened(name, SEED) as store:
            store.add(album("4"))

            assert store.get("4") == album("4")
            assert store.get("1") == SEED[0]

    @pytest.mark.parametrize("id", ["4", "", "\0", "\ud800", "1 "])
    def test_an_id_nobody_added_gives_none(self, opened, name, id):
        with opened(name, SEED) as store:
            assert store.get(id) is None

    def test_a_taken_id_is_refused_and_the_first_album_stays(self, opened, name):
        with opened(name, [album("4", "first")]) as store:
            with pytest.raises(IdTaken, match="'4'"):
                store.add(album("4", "second"))

            assert store.all() == [album("4", "first")]

    def test_a_refused_album_does_not_leave_the_store_locked(self, opened, name):
        with opened(name, SEED) as store:
            with pytest.raises(IdTaken):
                store.add(SEED[0])
            after = threading.Thread(target=store.add, args=(album("4"),), daemon=True)
            after.start()
            after.join(PATIENCE_S)

            assert not after.is_alive()

    def test_the_list_of_all_albums_is_the_callers_own(self, opened, name):
        with opened(name, SEED) as store:
            store.all().clear()

            assert store.all() == list(SEED)

    @settings(max_examples=25)
    @given(added=st.lists(st.builds(album, id=st.sampled_from("abcdefgh"), title=TITLES), max_size=30))
    def test_a_store_is_a_dict_that_never_overwrites(self, opened, name, added):
        model = {}

        with opened(name) as store:
            for one in added:
                assert try_to_add(store, one) == (one.id not in model)
                model.setdefault(one.id, one)

            assert store.all() == list(model.values())
            assert [store.get(id) for id in "abcdefgh"] == [model.get(id) for id in "abcdefgh"]

    def test_a_store_keeps_its_pace(self, opened, name):
        with opened(name, [album("4")], Pace(read_s=0.02, write_s=0.05)) as store:
            began_s = time.monotonic()
            store.add(album("5"))
            written_s = time.monotonic()
            store.get("5")
            store.all()

            assert written_s - began_s >= 0.05
            assert time.monotonic() - written_s >= 0.04


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.usefixtures("nervous_threads")
def test_a_protected_store_keeps_every_album_that_many_threads_add_at_once(name, opened, together):
    ids = [str(number % 200) for number in range(400)]

    with opened(name) as store:
        added = together(8, lambda id: try_to_add(store, album(id)), ids)

        assert sum(added) == 200
        assert sorted(one.id for one in store.all()) == sorted(set(ids))


@pytest.mark.parametrize("name", PROTECTED)
def test_a_protected_store_loses_nothing_when_adds_take_their_time(name, opened, together):
    ids = [str(number % 20) for number in range(40)]

    with opened(name, pace=Pace(0.0, 0.002)) as store:
        added = together(8, lambda id: try_to_add(store, album(id)), ids)

        assert sum(added) == 20
        assert sorted(one.id for one in store.all()) == sorted(set(ids))


def test_readers_of_a_dict_that_is_copied_do_not_wait_for_a_writer(opened):
    with opened("dict-copied", SEED[:1], Pace(0.0, 1.0)) as store:
        writer = threading.Thread(target=store.add, args=(album("4"),))
        writer.start()
        began_s = time.monotonic()
        seen = store.get("1")

        assert time.monotonic() - began_s < 1.0
        assert seen == SEED[0]
        writer.join()


class HeldPace:
    """A read goes on when the test says so; an add does not wait."""

    def __init__(self):
        self.is_inside, self.go_on = threading.Event(), threading.Event()

    def read(self):
        self.is_inside.set()
        self.go_on.wait(PATIENCE_S)

    def write(self):
        pass


def test_what_a_reader_of_a_dict_that_is_copied_has_got_hold_of_does_not_change(opened):
    pace = HeldPace()
    with opened("dict-copied", SEED, pace) as store:
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(store.all()))
        reader.start()
        assert pace.is_inside.wait(PATIENCE_S)

        store.add(album("4"))
        pace.go_on.set()
        reader.join()

        assert seen == list(SEED)
        assert store.get("4") == album("4")


@pytest.mark.parametrize("name", SQL)
@pytest.mark.parametrize(
    ("one", "field"),
    [
        (album("a\0"), "id"),
        (album("a", title="\ud800"), "title"),
        (Album("a", "Jeru", "\0", 1), "artist"),
        (album("a", price=10**400), "price"),
    ],
)
def test_what_a_column_cannot_hold_is_refused_by_field(name, opened, one, field):
    with opened(name, SEED) as store:
        with pytest.raises(AlbumError) as refusal:
            store.add(one)

        assert refusal.value.field == field
        assert store.all() == list(SEED)


def test_a_database_keeps_its_albums_when_the_store_is_closed(tmp_path, new_database):
    for name, dsn in (("sqlite", str(tmp_path / "albums.db")), ("postgres", new_database())):
        first = open_store(name, SEED, Terms(dsn=dsn))
        first.add(album("4"))
        first.close()
        again = open_store(name, SEED, Terms(dsn=dsn))

        assert again.all() == [*SEED, album("4")]
        again.close()


@pytest.mark.parametrize(
    ("name", "dsn", "said"),
    [
        ("sqlite", None, "needs --dsn"),
        ("postgres", None, "needs --dsn"),
        ("sqlite", "/no/such/folder/albums.db", "unable to open"),
        ("postgres", "host=/no/such/folder user=nobody", "cannot keep albums in PostgreSQL"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(name, dsn, said):
    with pytest.raises(StoreError, match=said):
        open_store(name, SEED, Terms(dsn=dsn))


def test_a_file_that_is_no_database_leaves_no_connection_open(tmp_path):
    path = tmp_path / "albums.db"
    path.write_bytes(b"no database, but some text that is longer than a header" * 40)

    with pytest.raises(StoreError, match="file is not a database"):
        open_store("sqlite", SEED, Terms(dsn=str(path)))

    assert str(path) not in [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.exists()]


class InterruptedId(str):
    """An id whose add is interrupted between the check and the write, as by a change of threads, but each time.

    A list compares ids while it checks; a dict hashes once to check and once to write.
    """

    def interrupt_at_hash(self, number, act):
        self.act, self.hashes_left = act, number
        return self

    def __eq__(self, other):
        self._pass()
        return str.__eq__(self, other)

    def __hash__(self):
        self.hashes_left -= 1
        if self.hashes_left == 0:
            self._pass()
        return str.__hash__(self)

    def _pass(self):
        act, self.act = self.act, lambda: None
        act()


def add_while_another_adds(name, other):
    """Return the store and whether `other` was added by a second thread in the middle of an add of id "4"."""
    store = open_store(name, SEED, Terms())
    other_added = []
    second = threading.Thread(target=lambda: other_added.append(try_to_add(store, other)), daemon=True)

    def interrupt():
        second.start()
        second.join(0.1)  # a lock makes it wait here

    store.add(album(InterruptedId("4").interrupt_at_hash(2, interrupt), "first"))
    second.join(PATIENCE_S)
    return store, other_added


def test_a_list_without_a_lock_forgets_what_was_added_in_the_middle_of_an_add():
    store, other_added = add_while_another_adds("list", album("5"))

    assert other_added == [True]
    assert store.get("5") is None


def test_a_dict_without_a_lock_lets_two_threads_add_the_same_id():
    store, other_added = add_while_another_adds("dict", album("4", "second"))

    assert other_added == [True]
    assert [one.title for one in store.all() if one.id == "4"] == ["first"]


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_keeps_an_add_whole(name):
    store, other_added = add_while_another_adds(name, album("5"))

    assert other_added == [True]
    assert {"4", "5"} <= {one.id for one in store.all()}


@pytest.mark.parametrize("name", LOCKED)
def test_a_lock_lets_only_one_thread_have_an_id(name):
    _, other_added = add_while_another_adds(name, album("4", "second"))

    assert other_added == [False]


def test_an_unknown_store_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"'tree'.*dict-rwlock"):
        open_store("tree", SEED, Terms())
