"""Containers: how albums are kept in memory, by one thread at a time. None knows locks; service/stores.py adds them.

An add is "read, decide, write back", as in Go's `albums = append(albums, album)`. Two threads in the middle of it at
once are what locks are for. Knows nothing of HTTP.
"""

from collections.abc import Mapping

from service.album import Album
from service.contract import IdTaken
from service.pace import Pace


class ListContainer:
    """Albums in a list: finding one, or finding out that an id is free, reads them all."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._albums: list[Album] = []

    def all(self) -> list[Album]:
        self._pace.read()
        return list(self._albums)

    def get(self, id: str) -> Album | None:
        self._pace.read()
        return _find(self._albums, id)

    def add(self, album: Album) -> None:
        albums = self._albums
        if _find(albums, album.id) is not None:
            raise IdTaken(album.id)
        self._pace.write()
        # Written back as a whole, not appended to in place: Python's own list.append is atomic and would hide the race
        # this store is here to show. An album added since `albums` was read is lost now.
        self._albums = [*albums, album]


class DictContainer:
    """Albums by id: one look finds one."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._albums: dict[str, Album] = {}

    def all(self) -> list[Album]:
        self._pace.read()
        return list(self._albums.values())

    def get(self, id: str) -> Album | None:
        self._pace.read()
        return self._albums.get(id)

    def add(self, album: Album) -> None:
        # Check, then set: of two threads that both find the id free, both believe they added it and one is overwritten.
        if self._albums.get(album.id) is not None:
            raise IdTaken(album.id)
        self._pace.write()
        self._albums[album.id] = album


class CopiedDictContainer:
    """Albums by id in a dict that never changes: an add makes a new one, the old one and the album, and points to it.

    So a reader needs no lock: whatever it has got hold of stays as it is. Writers still have to take turns, and each
    copies everything. Go's sync.Map rests on the same idea, with less copying.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._albums: Mapping[str, Album] = {}

    def all(self) -> list[Album]:
        albums = self._albums
        self._pace.read()
        return list(albums.values())

    def get(self, id: str) -> Album | None:
        albums = self._albums
        self._pace.read()
        return albums.get(id)

    def add(self, album: Album) -> None:
        albums = self._albums
        if album.id in albums:
            raise IdTaken(album.id)
        self._pace.write()
        self._albums = {**albums, album.id: album}


def _find(albums: list[Album], id: str) -> Album | None:
    for album in albums:
        if album.id == id:
            return album
    return None
