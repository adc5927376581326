"""A scenario's files on their way: read where the master is, fetched by a worker that has none, written down there.

They are written into a folder that nobody else may look into, and nowhere else. Knows nothing of what is in them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import gevent

from greenload.core.bundle import MOST_BYTES, Bundle, BundleError
from greenload.core.codec import Malformed
from greenload.core.errors import GreenloadError
from greenload.core.messages import Fetch, Piece, Refused
from greenload.transport import Line

ASK_AGAIN_S = 1.0
ASKED_BEFORE_A_WORD = 5
# Of an included folder: what is made anew, and what nobody wants to hand out with it.
LEFT_OUT = ("__pycache__", ".*", "*.key", "greenload.db*")

log = logging.getLogger("greenload")


class NotGiven(GreenloadError):
    """The master did not give its scenario."""


def read(scenario: Path, includes: Sequence[Path]) -> Bundle:
    """Return the file `scenario` and what lies at `includes`, files and folders beside it.

    Raises BundleError for what cannot be read, or does not lie in the scenario's folder. Links are sent as what they
    lead to, under their own name; in an included folder those to other folders are not followed.
    """
    folder = Path(os.path.realpath(scenario)).parent
    try:
        paths = {scenario.name: scenario}
        for include in includes:
            paths |= {_name_of(path, folder): path for path in _files_at(include)}
        # Before they are read: an included folder may hold more than the memory does.
        size = sum(path.stat().st_size for path in paths.values())
        if size > MOST_BYTES:
            raise BundleError(f"the files are {size} bytes, too many to send; at most {MOST_BYTES}")
        return Bundle.of({name: path.read_bytes() for name, path in paths.items()})
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read to be sent: {error.strerror}") from error


def _files_at(include: Path) -> Iterator[Path]:
    if not include.is_dir():
        if include.exists() and not include.is_file():
            raise BundleError(f"--include {include}: only files and folders can be sent")
        yield include
        return
    for folder, folders, names in os.walk(include, onerror=_refuse):
        folders[:] = sorted(filter(_is_sent, folders))
        yield from (path for name in sorted(filter(_is_sent, names)) if (path := Path(folder, name)).is_file())


def _is_sent(name: str) -> bool:
    return not any(fnmatch(name, pattern) for pattern in LEFT_OUT)


def _refuse(error: OSError) -> None:
    # Walking on without this folder would be silence about files that are missing where they are needed.
    raise error


def _name_of(path: Path, folder: Path) -> str:
    """Return what `path` is called within `folder`: as the scenario calls it, where that can be said."""
    real, called = Path(os.path.realpath(path)), Path(os.path.abspath(path))
    if not real.is_relative_to(folder):
        raise BundleError(f"--include {path}: only what lies in the scenario's folder, {folder}, can be sent")
    return (called if called.is_relative_to(folder) else real).relative_to(folder).as_posix()


def fetch(line: Line, worker: str, epoch: int, version: str) -> Bundle:
    """Return the scenario's files from the master; wait for as long as there is none.

    Raises NotGiven when it refuses, and BundleError when what came is not what it announced.
    """
    data = bytearray()
    while True:
        piece = _ask(line, Fetch(worker, epoch, version, len(data)))  # switch
        data += piece.data
        if piece.size > MOST_BYTES:
            raise BundleError(f"the master's scenario is {piece.size} bytes; at most {MOST_BYTES} are taken")
        if len(data) > piece.size:
            raise BundleError(f"more came of the master's scenario than the {piece.size} bytes that it announced")
        if len(data) == piece.size:
            bundle = Bundle(bytes(data))
            if bundle.sha256 != piece.sha256:
                raise BundleError("the scenario that came is not the one the master announced: its SHA-256 differs")
            return bundle
        if not piece.data:
            raise BundleError("the master's scenario ended before its end")


def _ask(line: Line, wanted: Fetch) -> Piece:
    """Ask until the answer to just this question comes."""
    asked, piece = 0, None
    while piece is None:
        if asked == ASKED_BEFORE_A_WORD:
            log.info("waiting for the master to give its scenario")
        line.send(wanted)
        piece = gevent.with_timeout(ASK_AGAIN_S, _answer, line, wanted.offset, timeout_value=None)  # switch
        asked += 1
    return piece


def _answer(line: Line, offset: int) -> Piece:
    while True:
        try:
            message = line.receive()  # switch
        except Malformed:
            continue
        if isinstance(message, Refused):
            raise NotGiven(message.reason)
        if isinstance(message, Piece) and message.offset == offset:
            return message


def write(bundle: Bundle, folder: Path) -> Path:
    """Write the files into the new and empty `folder`; return the scenario's path.

    Raises BundleError when that cannot be done: on some systems "A" and "a" are one file.
    """
    files = bundle.files()
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:
        where = error.filename or folder
        raise BundleError(f"{where}: the master's scenario cannot be written: {error.strerror}") from error
    return folder / next(iter(files))
