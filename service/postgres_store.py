"""Albums in PostgreSQL: another process, which locks for itself, so that many services may share the albums.

Connections are kept in a pool: opening one takes longer than most questions. psycopg waits green when it is patched.
Only this file knows psycopg.
"""

import psycopg
import psycopg_pool

from service.album import Album
from service.contract import IdTaken, StoreError
from service.pace import Pace
from service.sql import can_hold, row_of

# `place` is the order of adding, `id` what is asked for, so the second has the index.
SCHEMA = """
CREATE TABLE IF NOT EXISTS album (
    place bigint GENERATED ALWAYS AS IDENTITY,
    id text PRIMARY KEY,
    title text NOT NULL,
    artist text NOT NULL,
    price double precision NOT NULL
)
"""
SCHEMA_LOCK = 7_417_001  # any number that others do not use: of two services that start at once, one makes the table
CONNECTIONS = 16
CONNECT_S = 10


class PostgresStore:
    """The albums of one database.  dsn: as libpq takes it, postgresql://user@host/name or "host=... dbname=..."."""

    def __init__(self, dsn: str, pace: Pace) -> None:
        """Makes the table if it is not there.  Raises StoreError when the database cannot be used."""
        self._pace = pace
        try:
            # Asked once without the pool, which would try again and again and tell the log why.
            with psycopg.connect(dsn, connect_timeout=CONNECT_S) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
                connection.execute(SCHEMA)
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            raise StoreError(f"cannot keep albums in PostgreSQL: {said}; see --dsn") from error
        self._pool = psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=CONNECTIONS, open=True)

    def all(self) -> list[Album]:
        with self._pool.connection() as connection:
            self._pace.read()
            rows = connection.execute("SELECT id, title, artist, price FROM album ORDER BY place")
            return [Album(*row) for row in rows]

    def get(self, id: str) -> Album | None:
        if not can_hold(id):
            return None
        with self._pool.connection() as connection:
            self._pace.read()
            row = connection.execute("SELECT id, title, artist, price FROM album WHERE id = %s", (id,)).fetchone()
        return None if row is None else Album(*row)

    def add(self, album: Album) -> None:
        row = row_of(album)
        with self._pool.connection() as connection:
            self._pace.write()
            added = connection.execute(
                "INSERT INTO album (id, title, artist, price) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", row
            )
        if not added.rowcount:
            raise IdTaken(album.id)

    def close(self) -> None:
        self._pool.close()
