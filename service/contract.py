"""What a store of albums is: three verbs, and how it refuses. Knows of no store."""

from typing import Protocol

from service.album import Album


class IdTaken(Exception):
    """The store already has an album with this id; choose another."""

    def __init__(self, id: str) -> None:
        super().__init__(f"id {id!r} is taken")


class StoreError(Exception):
    """The store cannot be opened as it was asked for; the message says what to do."""


class Container(Protocol):
    """What keeps albums for one thread at a time."""

    def all(self) -> list[Album]:
        """Return every album in the order of adding, in a list that is the caller's own."""
        ...

    def get(self, id: str) -> Album | None:
        """Return the album with this id, or None when there is none."""
        ...

    def add(self, album: Album) -> None:
        """Keep the album; raise IdTaken, and change nothing, when its id is there already."""
        ...


class AlbumStore(Container, Protocol):
    """What the service asks of a store: the verbs of a container, and an end."""

    def close(self) -> None:
        """Let go of threads and connections; nobody asks the store after that."""
        ...
