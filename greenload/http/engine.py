"""What a session asks of an engine: send a request once, hand back what came.

Two engines do that: `pooled`, over urllib3's connections, and `wire`, over sockets and a parser of its own. Knows
nothing of either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from urllib3 import HTTPHeaderDict

from greenload.http.request import Request

CHUNK_BYTES = 65_536


class Answer(Protocol):
    """What came back: status, reason and headers at once, the body by `read` or in pieces by `pieces`."""

    @property
    def status(self) -> int: ...

    @property
    def reason(self) -> str: ...

    @property
    def headers(self) -> HTTPHeaderDict: ...

    @property
    def set_cookies(self) -> list[str]:
        """The Set-Cookie headers."""

    def read(self) -> bytes:
        """Return the whole body, decoded.

        Raises RequestFailed when it is too long or does not come whole, BodyGone when it was read or closed before.
        """

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, decoded, in pieces as they arrive; then the connection may serve the next request.

        Raises RequestFailed when it does not come whole, BodyGone when it was read or closed before.
        """

    def close(self) -> None:
        """Let go of a body nobody wants; the rest of it would stand before the next answer."""


class Engine(Protocol):
    """The connections of one user."""

    def send(self, request: Request) -> Answer:
        """Send `request` once and return its answer as soon as its headers are there.

        Raises RequestFailed, whose text is the kind of failure, when no answer came.
        """

    def close(self) -> None:
        """Close all connections, those in use included."""
