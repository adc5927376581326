"""Stores: where the albums are, and what happens when two threads come at once.

A store is anything with `all`, `get`, `add` and `close`. Those in memory are put together from a container, which keeps
albums and knows no locks, and a lock kind, which knows no albums. STORES lists every store by name: a new one is a line
there, and the command line and the contract test pick it up. Knows nothing of HTTP.

Without a lock an add is "read, decide, write back", as in Go's `albums = append(albums, album)`: a thread that is
stopped in the middle overwrites what others wrote meanwhile. For the list that is every album added meanwhile; for the
dict, where each album has a place of its own, only one with the same id. With a lock nothing is lost.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from service.actor import ActorStore
from service.album import Album
from service.containers import CopiedDictContainer, DictContainer, ListContainer
from service.contract import AlbumStore, Container, IdTaken, StoreError
from service.locks import LockKind, Mutex, NoLock, ReadWriteLock, WriteLock
from service.pace import AT_ONCE, Pace
from service.sqlite_store import SqliteStore


@dataclass(frozen=True, slots=True)
class Terms:
    """What a store is opened with.

    pace: how long it takes for a read and for an add.
    dsn: where an SQL store keeps its albums: a file for sqlite, a connection string for postgres.
    """

    pace: Pace = AT_ONCE
    dsn: str | None = None


class Store:
    """A container behind a lock."""

    def __init__(self, container: Container, lock: LockKind) -> None:
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

    def close(self) -> None:
        """Nothing to let go of."""


def open_sqlite(terms: Terms) -> AlbumStore:
    """Return the store in a file of SQLite; raise StoreError when nobody said in which."""
    if terms.dsn is None:
        raise StoreError("the store sqlite needs --dsn, the path of a file")
    return SqliteStore(terms.dsn, terms.pace)


def open_postgres(terms: Terms) -> AlbumStore:
    """Return the store in PostgreSQL; raise StoreError when nobody said where, or psycopg is not installed."""
    if terms.dsn is None:
        raise StoreError("the store postgres needs --dsn, for instance postgresql://user@localhost/albums")
    try:
        from service.postgres_store import PostgresStore
    except ImportError as error:
        raise StoreError("the store postgres needs psycopg: pip install 'greenload[postgres]'") from error
    return PostgresStore(terms.dsn, terms.pace)


STORES: Mapping[str, Callable[[Terms], AlbumStore]] = MappingProxyType(
    {
        "list": lambda terms: Store(ListContainer(terms.pace), NoLock()),
        "list-mutex": lambda terms: Store(ListContainer(terms.pace), Mutex()),
        "list-rwlock": lambda terms: Store(ListContainer(terms.pace), ReadWriteLock()),
        "dict": lambda terms: Store(DictContainer(terms.pace), NoLock()),
        "dict-mutex": lambda terms: Store(DictContainer(terms.pace), Mutex()),
        "dict-rwlock": lambda terms: Store(DictContainer(terms.pace), ReadWriteLock()),
        "dict-copied": lambda terms: Store(CopiedDictContainer(terms.pace), WriteLock()),
        "actor": lambda terms: ActorStore(DictContainer(terms.pace)),
        "sqlite": open_sqlite,
        "postgres": open_postgres,
    }
)
UNPROTECTED = ("list", "dict")
SQL = ("sqlite", "postgres")


def open_store(name: str, albums: Iterable[Album], terms: Terms) -> AlbumStore:
    """Return the store of this name with these albums in it, and whatever it has kept from before.

    Raises ValueError when no store has the name, StoreError when it cannot be opened.
    """
    if name not in STORES:
        raise ValueError(f"no store is called {name!r}; the stores are {', '.join(STORES)}")
    store = STORES[name](terms)
    for album in albums:
        with suppress(IdTaken):
            store.add(album)
    return store
