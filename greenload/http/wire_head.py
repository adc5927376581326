"""The head of an answer, as the wire engine's parser reads it. Pure: nothing here touches a socket."""

from __future__ import annotations

import functools


class Head:
    """The head of an answer, as it was read; it never changes.

    found        of its headers those that an engine or a session looks at in nearly every answer, by lower-case name
    set_cookies  the values of its Set-Cookie headers
    length       how long the body is by the headers; None where they do not say it
    coding       how the body is packed (gzip); None where it comes as it is
    """

    __slots__ = ("coding", "found", "headers", "length", "reason", "set_cookies", "status")

    def __init__(
        self, status: int, reason: bytes, headers: list[tuple[bytes, bytes]], found: dict[bytes, bytes]
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.found = found
        self.coding = found.get(b"content-encoding")
        self.length = int(found[b"content-length"]) if b"content-length" in found else None
        self.set_cookies: list[str] = []
        if b"set-cookie" in found:
            self.set_cookies = [value.decode("latin-1") for name, value in headers if name.lower() == b"set-cookie"]


@functools.cache
def known_heads() -> dict[bytes, Head]:
    """Return the process' one table of heads: most answers of a second differ in their bodies only."""
    return {}
