"""Albums in SQLite: a database in a file, inside this process.

SQLite lets one connection write at a time; the others wait inside SQLite. An OS thread may do that. A green thread that
did would hold up its whole OS thread, with the writer in it that it waits for: nobody would ever go on. So writers here
wait for a lock of our own before they ask. Whoever asks SQLite under green threads still holds up everybody until it
has answered, but it always answers. Only this file knows sqlite3.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator

from service.album import Album
from service.contract import IdTaken, StoreError
from service.pace import Pace
from service.sql import can_hold, row_of

# `place` is the order of adding, `id` what is asked for, so the second has the index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS album (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    artist TEXT NOT NULL,
    price REAL NOT NULL
)
"""
BUSY_S = 30.0  # how long a writer waits for those of other processes


class SqliteStore:
    """The albums of one database file."""

    def __init__(self, path: str, pace: Pace) -> None:
        """Makes the file and the table if they are not there.  Raises StoreError when the file cannot be used."""
        self._path = path
        self._pace = pace
        self._writer = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        try:
            with self._writing() as connection:
                connection.execute(SCHEMA)
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"cannot keep albums in {path}: {error}; name another file with --dsn") from error

    def all(self) -> list[Album]:
        self._pace.read()
        with self._connection() as connection:
            return [
                Album(*row) for row in connection.execute("SELECT id, title, artist, price FROM album ORDER BY place")
            ]

    def get(self, id: str) -> Album | None:
        self._pace.read()
        if not can_hold(id):
            return None
        with self._connection() as connection:
            row = connection.execute("SELECT id, title, artist, price FROM album WHERE id = ?", (id,)).fetchone()
        return None if row is None else Album(*row)

    def add(self, album: Album) -> None:
        row = row_of(album)
        with self._writing() as connection:
            self._pace.write()
            added = connection.execute(
                "INSERT INTO album (id, title, artist, price) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
        if not added.rowcount:
            raise IdTaken(album.id)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is the only one to write from its beginning on: nobody has to begin anew half-way."""
        with self._writer, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile; there are as many as were ever needed at once."""
        try:
            # One call, so no other thread can come in between and take the last one.
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # Readers and a writer do not hold each other up, and a commit need not wait for the disk.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection
