"""Stores: where the albums are, and what happens when two threads come at once.

A store is anything with `all`, `get` and `add`. Those here are put together from a container, which keeps albums and
knows no locks, and a lock kind, which knows no albums. STORES lists every store by name: a new one is a line there, and
the command line and the contract test pick it up. Knows nothing of HTTP.

Without a lock an add is "read, decide, write back", as in Go's `albums = append(albums, album)`: a thread that is
stopped in the middle overwrites what others wrote meanwhile. With a lock nothing is lost.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from service.album import Album
from service.locks import LockKind, Mutex, NoLock, ReadWriteLock


class IdTaken(Exception):
    """The store already has an album with this id; choose another."""

    def __init__(self, id: str) -> None:
        super().__init__(f"id {id!r} is taken")


class AlbumStore(Protocol):
    """What the service asks of a store: the same three verbs of a container and of a container behind a lock."""

    def all(self) -> list[Album]:
        """Return every album in the order of adding, in a list that is the caller's own."""
        ...

    def get(self, id: str) -> Album | None:
        """Return the album with this id, or None when there is none."""
        ...

    def add(self, album: Album) -> None:
        """Keep the album; raise IdTaken, and change nothing, when its id is there already."""
        ...


class ListContainer:
    """Albums in a list: finding one, or finding out that an id is free, reads them all."""

    def __init__(self) -> None:
        self._albums: list[Album] = []

    def all(self) -> list[Album]:
        return list(self._albums)

    def get(self, id: str) -> Album | None:
        return _find(self._albums, id)

    def add(self, album: Album) -> None:
        albums = self._albums
        if _find(albums, album.id) is not None:
            raise IdTaken(album.id)
        # Written back as a whole, not appended to in place: Python's own list.append is atomic and would hide the race
        # this store is here to show. An album added since `albums` was read is lost now.
        self._albums = [*albums, album]


class DictContainer:
    """Albums by id: one look finds one."""

    def __init__(self) -> None:
        self._albums: dict[str, Album] = {}

    def all(self) -> list[Album]:
        return list(self._albums.values())

    def get(self, id: str) -> Album | None:
        return self._albums.get(id)

    def add(self, album: Album) -> None:
        # Check, then set: of two threads that both find the id free, both believe they added it and one is overwritten.
        if self._albums.get(album.id) is not None:
            raise IdTaken(album.id)
        self._albums[album.id] = album


class Store:
    """A container behind a lock."""

    def __init__(self, container: AlbumStore, lock: LockKind) -> None:
        self._container = container
        self._lock = lock

    def all(self) -> list[Album]:
        with self._lock.reading():
            return self._container.all()

    def get(self, id: str) -> Album | None:
        with self._lock.reading():
            return self._container.get(id)

    def add(self, album: Album) -> None:
        with self._lock.writing():
            self._container.add(album)


STORES: Mapping[str, Callable[[], AlbumStore]] = MappingProxyType(
    {
        "list": lambda: Store(ListContainer(), NoLock()),
        "list-mutex": lambda: Store(ListContainer(), Mutex()),
        "list-rwlock": lambda: Store(ListContainer(), ReadWriteLock()),
        "dict": lambda: Store(DictContainer(), NoLock()),
        "dict-mutex": lambda: Store(DictContainer(), Mutex()),
        "dict-rwlock": lambda: Store(DictContainer(), ReadWriteLock()),
    }
)


def open_store(name: str, albums: Iterable[Album]) -> AlbumStore:
    """Return a new store of this name that holds these albums; raise ValueError when no store has the name."""
    if name not in STORES:
        raise ValueError(f"no store is called {name!r}; the stores are {', '.join(STORES)}")
    store = STORES[name]()
    for album in albums:
        store.add(album)
    return store


def _find(albums: list[Album], id: str) -> Album | None:
    for album in albums:
        if album.id == id:
            return album
    return None
