"""The actor: one thread owns the albums, and a queue is the only door to them.

Go's "share memory by communicating". No lock is needed, as nobody but the owner ever touches the data; the queue has
one, and everybody waits there instead. Knows nothing of how the container keeps albums.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from service.album import Album
from service.contract import Container

T = TypeVar("T")
Letter = Callable[[], None]


class ActorStore:
    """A container, and the thread that it belongs to."""

    def __init__(self, container: Container) -> None:
        self._container = container
        # None is the last letter.
        self._letters: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._owner = threading.Thread(target=self._work, name="album actor", daemon=True)
        self._owner.start()

    def all(self) -> list[Album]:
        return self._ask(self._container.all)

    def get(self, id: str) -> Album | None:
        return self._ask(lambda: self._container.get(id))

    def add(self, album: Album) -> None:
        return self._ask(lambda: self._container.add(album))

    def close(self) -> None:
        self._letters.put(None)
        self._owner.join()

    def _ask(self, question: Callable[[], T]) -> T:
        """Have the owner do it, and wait for what comes of it; what it raised is raised here."""
        answer: Future[T] = Future()

        def letter() -> None:
            try:
                answer.set_result(question())
            except Exception as error:
                answer.set_exception(error)

        self._letters.put(letter)
        return answer.result()

    def _work(self) -> None:
        for letter in iter(self._letters.get, None):
            letter()
