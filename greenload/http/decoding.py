"""Content codings undone piece by piece: whatever a body unpacks to, no piece of it is longer than it has to be.

A gzip bomb of 200 kB unpacks to 200 MB. Here it comes out in pieces of 64 KiB, so whoever counts them can stop. Pure:
pieces in, pieces out. Both engines use it, so both say the same of a body.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
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


class _Brotli:
    """br: one stream, and nothing after it."""

    def __init__(self, library: Any) -> None:
        self._stream = library.Decompressor()
        self._rest = b""

    def put(self, data: bytes) -> None:
        self._rest += data

    def take(self) -> bytes:
        data, self._rest = self._rest, b""
        if not self._stream.is_finished():
            # Also with nothing to put in: the library says that it can take more while it still has more to give.
            return bytes(self._stream.process(data, output_buffer_limit=_BROTLI_BYTES))
        if data:
            raise RequestFailed(UNDECODABLE)
        return b""

    def is_whole(self) -> bool:
        return bool(self._stream.is_finished())


class _Zstd:
    """zstd: any number of frames one after the other, and nothing else."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._frame = self._new_frame()
        self._rest = b""

    def put(self, data: bytes) -> None:
        self._rest += data

    def take(self) -> bytes:
        while self._rest or not (self._frame.needs_input or self._frame.eof):
            if self._frame.eof:
                self._frame = self._new_frame()
            data, self._rest = self._rest, b""
            out = bytes(self._frame.decompress(data, PIECE_BYTES))
            if self._frame.eof:
                self._rest = self._frame.unused_data
            if out:
                return out
        return b""

    def is_whole(self) -> bool:
        return bool(self._frame.eof)

    def _new_frame(self) -> Any:
        return self._library.ZstdDecompressor(
            options={self._library.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        )


# The library ends a piece once it is as long as this, and lengthens it by 32, 64, 256 KiB: so it ends after the first.
_BROTLI_BYTES = 1
# Of what a frame unpacks to that much is kept for what follows to refer to. 8 MiB is the most that this coding may ask
# of a receiver (RFC 9659); the library would take 128.
_ZSTD_WINDOW_LOG = 23

_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
}
_FAULTS: tuple[type[Exception], ...] = (zlib.error,)

for _name, _module, _fault, _needed, _make in (
    ("br", "brotli", "error", "Decompressor.can_accept_more_data", _Brotli),
    ("zstd", "compression.zstd", "ZstdError", "ZstdDecompressor.needs_input", _Zstd),
    ("zstd", "backports.zstd", "ZstdError", "ZstdDecompressor.needs_input", _Zstd),
):
    try:
        _library: Any = importlib.import_module(_module)
    except ImportError:
        continue
    _kind, _, _ability = _needed.partition(".")
    if hasattr(getattr(_library, _kind), _ability):  # older ones unpack without a limit
        _DECODERS.setdefault(_name, partial(_make, _library))
        _FAULTS += (getattr(_library, _fault),)

# What is asked for is what can be undone, with the libraries that are installed here.
ACCEPT_ENCODING = ", ".join(name for name in _DECODERS if name != "x-gzip")


def whole(pieces: Iterator[bytes], most_bytes: int) -> bytes:
    """Return all pieces put together.  Raises RequestFailed when they are more than `most_bytes`."""
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise RequestFailed(TOO_LARGE)
    return b"".join(taken)
