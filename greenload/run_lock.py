"""Who makes a run: one process at a time, for as long as it lives.

A lock of the operating system's on a file beside the one the run is kept in, so it is gone with its process, however
that ended. Knows nothing of what is kept.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from greenload.core.errors import GreenloadError


class CannotLock(GreenloadError):
    """Another process makes this run, or nobody can tell whether one does."""


def lock_path(kept_in: Path, run_id: str) -> Path:
    """Return which file is locked for the run `run_id`."""
    whole = kept_in.resolve()  # by whichever link it is named
    return whole.with_name(f"{whole.name}-{run_id}.lock")


class RunLock:
    """The run `run_id`, kept in the file `kept_in`, is this process's until `release`.  Raises CannotLock."""

    def __init__(self, kept_in: Path, run_id: str) -> None:
        self._path = lock_path(kept_in, run_id)
        try:
            self._file = self._locked()
        except BlockingIOError as error:
            raise CannotLock(f"run {run_id} is being made by another process") from error
        except OSError as error:
            raise CannotLock(f"cannot lock {self._path}: {error.strerror}") from error

    def release(self) -> None:
        # While it is locked: who has opened it meanwhile finds out, and who comes later makes another one.
        with suppress(OSError):  # a file that is left over is in nobody's way
            self._path.unlink()
        os.close(self._file)

    def _locked(self) -> int:
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_there(file):
                    return file
            except OSError:
                os.close(file)
                raise
            os.close(file)

    def _is_there(self, file: int) -> bool:
        """Whether the file that was locked is still the one of that name, or its owner has just removed it."""
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._path))
        except FileNotFoundError:
            return False


def is_locked(kept_in: Path, run_id: str) -> bool:
    """Return whether a process is making the run `run_id` right now."""
    path = lock_path(kept_in, run_id)
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:  # there is none, or it is somebody else's whose runs we cannot change anyway
        return False
    try:
        # Shared: who looks at the same time does not take one another for the owner.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
