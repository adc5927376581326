"""The wire engine's glue around llhttp (httptools): bytes in, one answer at a time out.

llhttp knows the grammar and refuses what could be read in two ways: a length beside chunks, two lengths, folded
headers. What it leaves open is decided here: what belongs to an answer and what is surplus, how long a head may be,
where a body without a length ends, and which kind of failure each fault is. No answer to HEAD has a body, and llhttp
does not know what was asked; so there it is stopped after the headers. Pure: nothing here touches a socket.
"""

from __future__ import annotations

from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from greenload.http.answer_rules import MOST_ANNOUNCEMENTS, MOST_HEADERS, MOST_LINE_BYTES, STATUS_LINE, keeps_alive
from greenload.http.failures import (
    BAD_HEADERS,
    BAD_STATUS_LINE,
    BODY_CUT_SHORT,
    HEADERS_CUT_SHORT,
    LINE_TOO_LONG,
    NO_ANSWER,
    RequestFailed,
)
from greenload.http.wire_head import Head, known_heads

MOST_KNOWN_HEADS = 100
MOST_KNOWN_BYTES = 4_096  # of one of them: nobody's usual head is longer, and a server could fill many MB
SWITCHING_PROTOCOLS = 101

# What an engine or a session looks at in nearly every answer.
_WANTED = frozenset({b"content-length", b"content-encoding", b"set-cookie", b"transfer-encoding"})

_NO_HEADERS: list[tuple[bytes, bytes]] = []  # never added to
_NOTHING_FOUND: dict[bytes, bytes] = {}


class _Enough(Exception):
    """Raised to llhttp when it shall read no further."""


class AnswerParser:
    """The answers of one connection, one after the other: `feed` until `is_whole`, then `let_go`.

    is_to_head  whether the answer that comes is one to HEAD; whoever asks says so
    head        of the answer, once it is there
    content     its body, where that came in one piece with the head, as most do; else None
    is_reusable whether the connection may serve another request when this answer `is_whole`
    """

    __slots__ = (
        "_announcements", "_chunks", "_collected", "_fault", "_first", "_found", "_is_announcement",
        "_is_unusual", "_known", "_line_bytes", "_llhttp", "_parts", "_reason", "_still_bytes",
        "_tail", "content", "head", "is_reusable", "is_to_head", "is_whole", "on_body",
    )  # fmt: skip

    def __init__(self) -> None:
        self._llhttp: Any = None
        self._known = known_heads()
        self._parts: list[bytes] = []  # of a body that came in others: those that nobody has taken
        self.on_body = self._parts.append  # llhttp may call it itself
        self._first = b""
        self.head: Head | None = None
        self.content: bytes | None = None
        self.is_to_head = self.is_whole = self.is_reusable = False
        self._forget_the_unusual()

    def _forget_the_unusual(self) -> None:
        """Forget what only some answers have."""
        self._fault: str | None = None
        self._tail = b""
        self._line_bytes = self._announcements = self._still_bytes = self._chunks = 0
        self._is_announcement = self._is_unusual = False

    def feed(self, data: bytes) -> None:
        """Read on in `data`, which is not empty.  Raises RequestFailed when it cannot be the answer, or its rest."""
        if self.head is not None:
            self._feed_body(data)
            return
        if self._first:
            self._first = self._first[:MOST_LINE_BYTES] + data
            self._feed_head(data)
            return
        text, blank, body = data.partition(b"\r\n\r\n")
        head = self._known.get(text) if blank else None
        if head is not None and head.length == len(body) and not self.is_to_head:
            # To what llhttp has read before it would say the same again, and of such a body it sees only the length.
            self.head = head
            self.content = body
            self.is_whole = self.is_reusable = True
            return
        self._first = data
        self._begin()
        self._feed_head(data)
        if self.is_reusable and not self.is_to_head:
            self._came_at_once(text, body)

    def _begin(self) -> None:
        """Begin to read a head with llhttp."""
        if self._llhttp is None:
            self._llhttp = HttpResponseParser(self)
        self._reason = b""
        self._collected: list[tuple[bytes, bytes]] = []
        self._found: dict[bytes, bytes] = {}

    def _feed_head(self, data: bytes) -> None:
        try:
            self._llhttp.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stop(data, error)
        if self.head is None or self._line_bytes:
            self._watch_the_head(data)

    def _came_at_once(self, text: bytes, body: bytes) -> None:
        """Keep the body whole, and the head for the answers after it, if `text` is the head and says that length."""
        head = self.head
        # After an announcement, or under 304, what stands behind the first empty line is no body.
        if head is None or head.length != len(body) or b"".join(self._parts) != body:
            return
        self.content = body
        self._parts.clear()
        if len(text) > MOST_KNOWN_BYTES:
            return
        if len(self._known) >= MOST_KNOWN_HEADS:
            self._known.clear()
        self._known[text] = head

    def _feed_body(self, data: bytes) -> None:
        chunks = self._chunks
        self._is_unusual = True
        try:
            self._llhttp.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._stop(data, error)
        if len(self._collected) > MOST_HEADERS and not self.is_whole:
            raise RequestFailed(BAD_HEADERS)
        if self._parts or chunks != self._chunks:
            self._still_bytes = 0
            return
        # A chunk's size may have any number of zeros, and an extension of any length, and llhttp says nothing.
        self._still_bytes += len(data)
        if self._still_bytes > MOST_LINE_BYTES and not self.is_whole:
            raise RequestFailed(LINE_TOO_LONG)

    def _stop(self, data: bytes, error: Exception) -> None:
        """Deal with `error`, with which llhttp stopped somewhere in `data`."""
        self._llhttp = None  # it stands in its fault, and would read nothing more
        if not self.is_whole:
            raise RequestFailed(self._kind_of_fault()) from error
        # Either there is surplus, or the answer is one to HEAD and llhttp was told to stop.
        self.is_reusable = self.is_reusable and self.is_to_head and self._ends_with_the_head(data)

    def take(self) -> list[bytes]:
        """Return the pieces of the body that have come and nobody has taken, as they came (chunks put together)."""
        if self.content is not None:
            parts = [self.content]
            self.content = None
        else:
            parts = self._parts[:]
            self._parts.clear()
        return parts

    def end(self) -> None:
        """Say that the connection has ended.  Raises RequestFailed unless this answer ends with it."""
        self.is_reusable = False
        if self.head is None:
            if not self._first:
                raise RequestFailed(NO_ANSWER)
            raise RequestFailed(HEADERS_CUT_SHORT if self._has_status_line() else BAD_STATUS_LINE)
        if self.head.length is not None or b"transfer-encoding" in self.head.found:
            raise RequestFailed(BODY_CUT_SHORT)
        self.is_whole = True

    def let_go(self) -> None:
        """Keep nothing of the answer: there may be thousands of connections that wait for their next one."""
        self.head = self.content = None
        self.is_whole = self.is_reusable = False
        if self._first:
            self._parts.clear()
            self._collected = _NO_HEADERS
            self._found = _NOTHING_FOUND
            self._first = b""
        if self._is_unusual:
            self._forget_the_unusual()

    def close(self) -> None:
        """Let go of llhttp: it and this know each other, and only the garbage collector could tell."""
        self._llhttp = None

    @property
    def has_begun(self) -> bool:
        """Whether some of the answer has come, or of what announces it."""
        return bool(self._first)

    @property
    def has_announced(self) -> bool:
        """Whether an answer was announced: 100 Continue."""
        return self._announcements > 0

    # What llhttp calls

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise _Enough  # surplus

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._collected.append((name, value.rstrip(b" \t")))
        if (lowered := name.lower()) in _WANTED:
            self._found[lowered] = self._found[lowered] + b"," + value if lowered in self._found else value

    def on_headers_complete(self) -> None:
        status = self._llhttp.get_status_code()
        if self._first and not self._first.startswith(b"HTTP/1."):
            self._refuse(BAD_STATUS_LINE)  # llhttp knows others, and skips empty lines
        if status < 100:
            self._refuse(BAD_STATUS_LINE)
        if len(self._collected) > MOST_HEADERS:
            self._refuse(BAD_HEADERS)
        if status < 200 and status != SWITCHING_PROTOCOLS:
            self._is_announcement = self._is_unusual = True
            return
        coding = self._found.get(b"transfer-encoding")
        if coding is not None and coding.rstrip(b" ").lower() != b"chunked":
            self._refuse(BAD_HEADERS)  # nobody asked for another one; and with a tab after it llhttp reads no chunks
        self.head = head = Head(status, self._reason, self._collected, self._found)
        # New ones for what comes now, or a trailer would pass for a header.
        self._collected = []
        self._found = {}
        if self.is_to_head:
            self.is_whole = True
            self.is_reusable = status != SWITCHING_PROTOCOLS and self._keeps_alive(head)
            raise _Enough

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self._is_announcement:
            self._next_head()
            return
        self.is_whole = True
        is_http = self.head is not None and self.head.status != SWITCHING_PROTOCOLS
        self.is_reusable = is_http and self._llhttp.should_keep_alive()

    def _keeps_alive(self, head: Head) -> bool:
        """Return what llhttp would say of `head` if it knew that no body follows, whatever it says of one."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
        return keeps_alive(11 if self._llhttp.get_http_version() == "1.1" else 10, headers)

    def _next_head(self) -> None:
        """An announcement is over: what comes is the answer, or another one."""
        self._announcements += 1
        if self._announcements > MOST_ANNOUNCEMENTS:
            self._refuse(BAD_HEADERS)
        self._is_announcement = False
        self._collected = []
        self._found = {}
        self._reason = b""
        # Where in the data it ended llhttp does not say, but it takes no other end than an empty line.
        self._first = self._first.partition(b"\r\n\r\n")[2]

    def _refuse(self, kind: str) -> None:
        self._is_unusual = True
        self._fault = kind
        raise _Enough

    def _kind_of_fault(self) -> str:
        if self._fault is not None:
            return self._fault
        if self.head is not None:
            return BODY_CUT_SHORT
        return BAD_HEADERS if self._has_status_line() else BAD_STATUS_LINE

    def _has_status_line(self) -> bool:
        return STATUS_LINE.match(self._first) is not None

    def _watch_the_head(self, data: bytes) -> None:
        """The head goes on beyond `data`, or ends in it: see that none of its lines is too long."""
        if len(self._collected) > MOST_HEADERS:
            raise RequestFailed(BAD_HEADERS)
        self._is_unusual = True
        line_end = data.find(b"\n")
        self._tail = (self._tail + data)[-3:]
        if self._line_bytes + (line_end if line_end >= 0 else len(data)) > MOST_LINE_BYTES:
            raise RequestFailed(LINE_TOO_LONG)
        self._line_bytes = len(data) - data.rfind(b"\n") - 1 if line_end >= 0 else self._line_bytes + len(data)

    def _ends_with_the_head(self, data: bytes) -> bool:
        """Return whether nothing comes after the first empty line in `data`; at one of them llhttp was stopped."""
        text = self._tail + data
        return text.find(b"\r\n\r\n") == len(text) - 4
