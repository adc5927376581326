"""The contract of every store, and what a lock is for."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.album import SEED, Album
from service.stores import STORES, IdTaken, open_store

UNPROTECTED = ("list", "dict")
PROTECTED = tuple(name for name in STORES if name not in UNPROTECTED)
PATIENCE_S = 5


def album(id, title="Jeru"):
    return Album(id, title, "Gerry Mulligan", 17.99)


def try_to_add(store, one):
    try:
        store.add(one)
    except IdTaken:
        return False
    return True


@pytest.mark.parametrize("name", STORES)
def test_a_new_store_holds_the_albums_it_was_opened_with(name):
    assert open_store(name, SEED).all() == list(SEED)


@pytest.mark.parametrize("name", STORES)
def test_an_added_album_is_found_by_its_id(name):
    store = open_store(name, SEED)

    store.add(album("4"))

    assert store.get("4") == album("4")
    assert store.get("1") == SEED[0]


@pytest.mark.parametrize("name", STORES)
def test_an_id_nobody_added_gives_none(name):
    assert open_store(name, SEED).get("4") is None


@pytest.mark.parametrize("name", STORES)
def test_a_taken_id_is_refused_and_the_first_album_stays(name):
    store = open_store(name, [album("4", "first")])

    with pytest.raises(IdTaken, match="'4'"):
        store.add(album("4", "second"))

    assert store.all() == [album("4", "first")]


@pytest.mark.parametrize("name", STORES)
def test_a_refused_album_does_not_leave_the_store_locked(name):
    store = open_store(name, SEED)

    with pytest.raises(IdTaken):
        store.add(SEED[0])
    after = threading.Thread(target=store.add, args=(album("4"),), daemon=True)
    after.start()
    after.join(PATIENCE_S)

    assert not after.is_alive()


@pytest.mark.parametrize("name", STORES)
def test_the_list_of_all_albums_is_the_callers_own(name):
    store = open_store(name, SEED)

    store.all().clear()

    assert store.all() == list(SEED)


@pytest.mark.parametrize("name", STORES)
@given(added=st.lists(st.builds(album, id=st.sampled_from("abcdefgh"), title=st.text(max_size=3)), max_size=30))
def test_a_store_is_a_dict_that_never_overwrites(name, added):
    store = open_store(name, [])
    model = {}

    for one in added:
        assert try_to_add(store, one) == (one.id not in model)
        model.setdefault(one.id, one)

    assert store.all() == list(model.values())
    assert [store.get(id) for id in "abcdefgh"] == [model.get(id) for id in "abcdefgh"]


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.usefixtures("nervous_threads")
def test_a_protected_store_keeps_every_album_that_many_threads_add_at_once(name, together):
    store = open_store(name, [])
    ids = [str(number % 400) for number in range(800)]

    added = together(8, lambda id: try_to_add(store, album(id)), ids)

    assert sum(added) == 400
    assert sorted(one.id for one in store.all()) == sorted(set(ids))


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
    store = open_store(name, SEED)
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


@pytest.mark.parametrize("name", ["list-mutex", "list-rwlock", "dict-mutex", "dict-rwlock"])
def test_a_lock_keeps_an_add_whole(name):
    store, other_added = add_while_another_adds(name, album("5"))

    assert other_added == [True]
    assert {"4", "5"} <= {one.id for one in store.all()}


@pytest.mark.parametrize("name", ["list-mutex", "list-rwlock", "dict-mutex", "dict-rwlock"])
def test_a_lock_lets_only_one_thread_have_an_id(name):
    _, other_added = add_while_another_adds(name, album("4", "second"))

    assert other_added == [False]


def test_an_unknown_store_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"'tree'.*dict-rwlock"):
        open_store("tree", SEED)
