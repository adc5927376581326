"""A scenario's files as one value that can be carried piece by piece: what a worker without the scenario gets.

The bytes are a ZIP archive, stored without compression: nothing in it can unfold into more than was sent. What comes
from elsewhere is read with suspicion, name by name. Knows nothing of folders or wires.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from greenload.core.errors import GreenloadError
from greenload.core.messages import Piece

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 10_000
MOST_NAME_BYTES = 200
PIECE_BYTES = 128 * 1024
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same files are the same bytes, whenever they were packed


class BundleError(GreenloadError):
    """Files that cannot be sent, or bytes that are no bundle."""


@dataclass(frozen=True)
class Bundle:
    """Files, packed; the first one is the scenario itself."""

    data: bytes

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Bundle:
        """Return `files` (relative path with "/" -> content) packed.  Raises BundleError when they are too much."""
        if len(files) > MOST_FILES:
            raise BundleError(f"{len(files)} files are too many to send; at most {MOST_FILES}")
        _check_tree(files)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(_checked(name), _ALWAYS), content)
        if packed.tell() > MOST_BYTES:
            raise BundleError(f"the files are {packed.tell()} bytes, too many to send; at most {MOST_BYTES}")
        return cls(packed.getvalue())

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of all of it, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def piece(self, offset: int) -> Piece:
        """Return what is to be sent from byte `offset` on; of nothing but its size at the end and beyond."""
        return Piece(self.sha256, len(self.data), offset, self.data[offset : offset + PIECE_BYTES])

    def files(self) -> dict[str, bytes]:
        """Return the files, the scenario first.

        Raises BundleError unless each has a name that stays within a folder and is there as it is, once.
        """
        _check_list(self.data)
        files: dict[str, bytes] = {}
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                entries = archive.infolist()
                # One after the other they take no more than was sent; those that overlap could take any amount.
                if len(entries) > MOST_FILES or sum(info.file_size for info in entries) > len(self.data):
                    raise BundleError(f"not a bundle of scenario files: {len(entries)} files in {len(self.data)} bytes")
                for info in entries:
                    is_as_it_is = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
                    if not is_as_it_is or info.filename in files:
                        raise BundleError(f"not a bundle of scenario files: {info.filename!r}")
                    # As it was written: zipfile cuts what it calls the file name at a NUL.
                    files[_checked(info.orig_filename)] = archive.read(info)
        except BundleError:
            raise
        except Exception as error:  # zipfile raises whatever its reader stumbles over
            raise BundleError(f"not a bundle of scenario files: {error}") from error
        if not files:
            raise BundleError("a bundle without a file")
        _check_tree(files)
        return files


def _checked(name: str) -> str:
    """Return `name`.  Raises BundleError unless it is a plain relative path."""
    parts = name.split("/")
    is_plain = name.isprintable() and len(name.encode()) <= MOST_NAME_BYTES and not set(name) & set("\\:")
    if not is_plain or any(part in ("", ".", "..") for part in parts):
        raise BundleError(
            f"{name[:MOST_NAME_BYTES]!r} is not a path within a folder, of at most {MOST_NAME_BYTES} bytes"
        )
    return name


def _check_tree(names: Collection[str]) -> None:
    """Raise BundleError when a file would have to be a folder as well."""
    folders = {name[:at] for name in names for at, character in enumerate(name) if character == "/"}
    for name in folders & set(names):
        raise BundleError(f"{name!r} cannot be a file and a folder")


def _check_list(data: bytes) -> None:
    """Raise BundleError unless the archive's list of files is as short as ours may be.

    zipfile reads a list of any length, into many times the bytes it has. Ours is followed by one record that says how
    long it is, without a comment, and without a ZIP64 locator, which would have the last word.
    """
    list_bytes = int.from_bytes(data[-10:-6], "little")
    is_plain = data[-22:-18] == b"PK\5\6" and data[-42:-38] != b"PK\6\7"
    if not is_plain or list_bytes > MOST_FILES * (46 + MOST_NAME_BYTES):
        raise BundleError("not a bundle of scenario files: it does not end as one does")
