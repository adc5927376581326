"""The join key: the one secret that a master and its workers share. Whoever holds it may take part in the run.

It is 32 random bytes, written as `gl1-` and 56 letters and digits, the last few of them a checksum, so that a slip of
the pen is not taken for another key. The secret keys of both sides are derived from it: nothing else has to be carried
from machine to machine. Knows nothing of sockets.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b

from greenload.core.errors import GreenloadError

PREFIX = "gl1-"
SECRET_BYTES = 32
# With the secret 35 bytes: 56 characters of base32 without padding, so that a key can be written in one way only.
CHECKSUM_BYTES = 3


class KeyMalformed(GreenloadError):
    """A text that is no join key. What it says does not quote the text, which may be most of a secret."""


@dataclass(frozen=True)
class JoinKey:
    """A join key.  `str` is its text, to be kept secret; `repr` shows nothing of it."""

    _secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> JoinKey:
        """Return a key that nobody has."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> JoinKey:
        """Return the key that `text` is, white space around it and capitals aside.  Raises KeyMalformed."""
        text = text.strip().lower()
        if not text.startswith(PREFIX):
            raise KeyMalformed(f"this is no join key, which begins with {PREFIX}; `greenload key` makes one")
        try:
            both = base64.b32decode(text.removeprefix(PREFIX).upper())
        except (binascii.Error, ValueError):
            both = b""
        secret = both[:SECRET_BYTES]
        if len(both) != SECRET_BYTES + CHECKSUM_BYTES or both[SECRET_BYTES:] != _checksum(secret):
            raise KeyMalformed(
                "this join key has a mistake in it; copy it again, or make a new one with `greenload key`"
            )
        return cls(secret)

    def __str__(self) -> str:
        both = self._secret + _checksum(self._secret)
        return PREFIX + base64.b32encode(both).decode().lower()

    def master_secret(self) -> bytes:
        """Return the master's secret key for Curve25519, 32 bytes."""
        return self._derive(b"greenload master")

    def workers_secret(self) -> bytes:
        """Return the secret key for Curve25519 that all workers have, 32 bytes."""
        return self._derive(b"greenload worker")

    def _derive(self, purpose: bytes) -> bytes:
        return blake2b(key=self._secret, person=purpose, digest_size=32).digest()


def _checksum(secret: bytes) -> bytes:
    return blake2b(secret, person=b"greenload check", digest_size=CHECKSUM_BYTES).digest()
