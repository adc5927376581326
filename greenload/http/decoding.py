"""Content codings undone piece by piece: whatever a body unpacks to, no piece of it is longer than it has to be.

A gzip bomb of 200 kB unpacks to 200 MB. Here it comes out in pieces of 64 KiB, so whoever counts them can stop. Pure:
pieces in, pieces out. Both engines use it, so both say the same of a body.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from greenload.http.failures import TOO_LARGE, UNDECODABLE, RequestFailed

PIECE_BYTES = 65_536
MOST_CODINGS = 5  # each multiplies what the one before it unpacks to


class _Decoder(Protocol):
    """What is put in by `put` comes out of `take`, at most PIECE_BYTES at a time; b"" when more must be put in."""

    def put(self, data: bytes) -> None: ...

    def take(self) -> bytes: ...

    def is_whole(self) -> bool: ...


def decoded(pieces: Iterable[bytes], codings: str) -> Iterator[bytes]:
    """Yield what `pieces` unpack to; `codings` is their Content-Encoding, in the order in which they were applied.

    A coding nobody here knows is left as it is: the scenario gets the bytes as they came.
    Raises RequestFailed for bytes that are not what `codings` says, for a coded body that has no end, and for more
    codings than anybody means.
    """
    names = [name for name in (each.strip() for each in codings.lower().split(",")) if name not in ("", "identity")]
    if len(names) > MOST_CODINGS:
        raise RequestFailed(UNDECODABLE)
    if all(name in _DECODERS for name in names):
        for name in reversed(names):
            pieces = _undone(pieces, _DECODERS[name]())
    yield from pieces  # switch


def _undone(pieces: Iterable[bytes], decoder: _Decoder) -> Iterator[bytes]:
    is_empty = True
    try:
        for piece in pieces:  # switch
            is_empty = is_empty and not piece
            decoder.put(piece)
            while out := decoder.take():
                yield out
    except _FAULTS as error:
        raise RequestFailed(UNDECODABLE) from error
    # No body at all is what a HEAD has, and a 304.
    if not is_empty and not decoder.is_whole():
        raise RequestFailed(UNDECODABLE)


class _Gzip:
    """gzip, any number of members one after the other; what follows them and is none is dropped, as browsers do."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._rest = b""
        self._is_full = False  # the last piece was cut: there may be more of it, even if nothing more is put in
        self._members = 0

    def put(self, data: bytes) -> None:
        self._rest += data

    def take(self) -> bytes:
        while self._rest or self._is_full:
            try:
                out = self._inflater.decompress(self._rest, PIECE_BYTES)
            except zlib.error:
                if not self._members:
                    raise
                self._rest = b""
                return b""
            self._rest = self._inflater.unconsumed_tail
            self._is_full = len(out) == PIECE_BYTES and not self._inflater.eof
            if self._inflater.eof:
                self._rest = self._inflater.unused_data
                self._members += 1
                self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            if out:
                return out
        return b""

    def is_whole(self) -> bool:
        return self._members > 0


class _Deflate:
    """deflate: with zlib's head, as it should be, or without, as some send it."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj()
        self._rest = b""
        self._is_full = False
        self._seen = b""  # until it is known which of the two it is

    def put(self, data: bytes) -> None:
        self._rest += data

    def take(self) -> bytes:
        if self._inflater.eof or not (self._rest or self._is_full):
            self._rest = b""
            return b""
        data, self._rest = self._rest, b""
        try:
            out = self._inflater.decompress(data, PIECE_BYTES)
        except zlib.error:
            if self._seen is _DECIDED:
                raise
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            data = self._seen + data
            out = self._inflater.decompress(data, PIECE_BYTES)
            self._seen = _DECIDED
        if self._seen is not _DECIDED:
            # The head of zlib is two bytes with a checksum of their own: who gets past them has one.
            self._seen = _DECIDED if len(self._seen) + len(data) >= 2 else self._seen + data
        self._rest = self._inflater.unconsumed_tail
        self._is_full = len(out) == PIECE_BYTES
        return out

    def is_whole(self) -> bool:
        return self._inflater.eof


_DECIDED = b"decided"


class _Bounded:
    """br and zstd: libraries with `process` or `decompress` that take a limit for what they give out."""

    def __init__(self, run: Callable[[bytes, int], bytes], wants_more: Callable[[], bool], ended: Callable[[], bool]):
        self._run = run
        self._wants_more = wants_more
        self._ended = ended
        self._rest = b""

    def put(self, data: bytes) -> None:
        self._rest += data

    def take(self) -> bytes:
        while not self._ended() and (self._rest or not self._wants_more()):
            data, self._rest = self._rest, b""
            if out := self._run(data, PIECE_BYTES):
                return out
        return b""

    def is_whole(self) -> bool:
        return self._ended()


def _brotli(library: Any) -> Callable[[], _Decoder]:
    def make() -> _Decoder:
        one = library.Decompressor()
        return _Bounded(
            lambda data, most: bytes(one.process(data, output_buffer_limit=most)),
            one.can_accept_more_data,
            one.is_finished,
        )

    return make


def _zstd(library: Any) -> Callable[[], _Decoder]:
    def make() -> _Decoder:
        one = library.ZstdDecompressor()
        return _Bounded(one.decompress, lambda: bool(one.needs_input), lambda: bool(one.eof))

    return make


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
}
_FAULTS: tuple[type[Exception], ...] = (zlib.error,)

for _name, _module, _fault, _needed, _make in (
    ("br", "brotli", "error", "Decompressor.can_accept_more_data", _brotli),
    ("zstd", "compression.zstd", "ZstdError", "ZstdDecompressor.needs_input", _zstd),
    ("zstd", "backports.zstd", "ZstdError", "ZstdDecompressor.needs_input", _zstd),
):
    try:
        _library: Any = importlib.import_module(_module)
    except ImportError:
        continue
    _kind, _, _ability = _needed.partition(".")
    if hasattr(getattr(_library, _kind), _ability):  # older ones unpack without a limit
        _DECODERS[_name] = _make(_library)
        _FAULTS += (getattr(_library, _fault),)


def whole(pieces: Iterator[bytes], most_bytes: int) -> bytes:
    """Return all pieces put together.  Raises RequestFailed when they are more than `most_bytes`."""
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise RequestFailed(TOO_LARGE)
    return b"".join(taken)
