"""Lock kinds: who may be inside a store at the same time.

A kind answers two questions, `reading()` and `writing()`, each with something to put after `with`. NoLock lets
everybody in, Mutex one at a time, ReadWriteLock many readers or one writer, WriteLock any reader and one writer. Knows
nothing of what it protects. Under green threads `threading` is patched (service/__main__.py), and so these are green.
"""

import threading
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Protocol


class LockKind(Protocol):
    """What a store asks of its lock."""

    def reading(self) -> AbstractContextManager[object]:
        """Return the context in which the data may be read."""
        ...

    def writing(self) -> AbstractContextManager[object]:
        """Return the context in which the data may be changed."""
        ...


class NoLock:
    """Protects nothing: what a race looks like."""

    def __init__(self) -> None:
        self._open = nullcontext()

    def reading(self) -> AbstractContextManager[object]:
        return self._open

    def writing(self) -> AbstractContextManager[object]:
        return self._open


class Mutex:
    """One thread at a time, whether it reads or writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def reading(self) -> AbstractContextManager[object]:
        return self._lock

    def writing(self) -> AbstractContextManager[object]:
        return self._lock


class WriteLock:
    """One writer at a time, and readers whenever they like: for data that is replaced and never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = nullcontext()

    def reading(self) -> AbstractContextManager[object]:
        return self._open

    def writing(self) -> AbstractContextManager[object]:
        return self._lock


class ReadWriteLock:
    """Many readers or one writer.

    Writers go first: a reader that comes while a writer waits, waits too. Otherwise readers that overlap without a gap
    would keep a writer out for ever. The price is that writers without a gap keep readers out. Not reentrant: a reader
    that asks again while a writer waits stops both.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._readers = 0
        self._writers_waiting = 0
        self._is_writing = False
        self._reader = _Reader(self)
        self._writer = _Writer(self)

    def reading(self) -> AbstractContextManager[object]:
        return self._reader

    def writing(self) -> AbstractContextManager[object]:
        return self._writer

    def acquire_read(self) -> None:
        """Wait until nobody writes or waits to write, then enter as one more reader."""
        with self._changed:
            while self._is_writing or self._writers_waiting:
                self._changed.wait()
            self._readers += 1

    def release_read(self) -> None:
        """Leave as a reader; the last one out wakes those who wait."""
        with self._changed:
            self._readers -= 1
            if not self._readers:
                self._changed.notify_all()

    def acquire_write(self) -> None:
        """Wait until nobody is inside, then enter alone."""
        with self._changed:
            self._writers_waiting += 1
            # A writer that gives up in the middle (KeyboardInterrupt) must not be waited for. It need not wake anybody:
            # it waited because somebody was inside, and whoever leaves last wakes all.
            try:
                while self._is_writing or self._readers:
                    self._changed.wait()
            finally:
                self._writers_waiting -= 1
            self._is_writing = True

    def release_write(self) -> None:
        """Leave as the writer and wake those who wait."""
        with self._changed:
            self._is_writing = False
            # All, not one: the one woken might be a reader that must go on waiting for the next writer.
            self._changed.notify_all()


class _Reader:
    """`with` for a reader. It keeps nothing of its own, so all threads share it and no request pays for a new one."""

    def __init__(self, lock: ReadWriteLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire_read()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release_read()


class _Writer:
    """`with` for a writer, shared in the same way."""

    def __init__(self, lock: ReadWriteLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire_write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release_write()
