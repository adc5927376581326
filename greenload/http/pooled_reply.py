"""How the urllib3 engine reads an answer: http.client's way, made as strict and as patient as the wire engine.

What http.client lets pass and others read otherwise is refused here, and what it drops without a word is seen: bytes
after the end of an answer, which belong to no request.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from dataclasses import dataclass
from typing import Any

from urllib3.util.response import assert_header_parsing

from greenload.http.engine import MOST_HEAD_LINES, MOST_HEADERS, MOST_LINE_BYTES
from greenload.http.failures import HEADERS_CUT_SHORT, TOO_SLOW, RequestFailed
from greenload.http.marks import Marks

_CHUNK_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,16})[;\r\n]")
_LENGTH = re.compile(r"\s*[0-9]{1,19}\s*")
# Folded headers are not sent any more (RFC 9112, section 5.2), and not read by everybody alike.
_NO_HEADER = re.compile(rb"^[ \t]+[^\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass
class Watch:
    """What an engine wants to know of one answer, and tells it: `last_s` of the monotonic clock is its end.

    marks  are told when its first byte has arrived
    """

    last_s: float
    marks: Marks | None = None
    has_surplus: bool = False


class Reply(http.client.HTTPResponse):
    """Refuses what http.client lets pass and others read otherwise: broken headers, two lengths, odd chunk sizes."""

    fp: Any  # a _Head while the head is read

    def __init__(self, watch: Watch, sock: socket.socket, *, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp = _Buffer(_Patience(self.fp.detach(), sock, watch.last_s), watch)
        self._marks = watch.marks

    def begin(self) -> None:
        """Read status and headers, past those that only announce an answer (RFC 9110, section 15.2)."""
        self.fp = head = _Head(self.fp)
        try:
            super().begin()  # switch
            while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
                self.headers = self.msg = None  # type: ignore[assignment]  # what begin() takes for "not begun"
                head.begin_again()
                super().begin()  # switch
        finally:
            if self.fp is head:
                self.fp = head.file
        if not head.is_whole:
            raise RequestFailed(HEADERS_CUT_SHORT)
        # The first line that is none ends the headers for http.client, and Content-Length may be among the rest.
        assert_header_parsing(self.msg)
        _check_framing(self.msg)
        if self.status in (http.client.NO_CONTENT, http.client.NOT_MODIFIED):
            # Such an answer may name chunks and has none, which http.client and urllib3 know of answers to HEAD only.
            self._method = "HEAD"

    def _read_status(self) -> Any:
        """Read a status line; http.client comes here for each head, those of announcements included."""
        if self._marks is not None:
            self.fp.file.peek(1)  # switch
            self._marks.arrived()
        return super()._read_status()  # type: ignore[misc]  # switch

    def _read_next_chunk_size(self) -> int:
        """Read the size of a chunk; http.client takes what int() takes: -1, +5, 0x5, 1_0."""
        line: bytes = self.fp.readline(MOST_LINE_BYTES + 1)  # switch
        if len(line) > MOST_LINE_BYTES:
            raise http.client.LineTooLong("chunk size")
        size = _CHUNK_SIZE.match(line)
        if size is None:
            raise ValueError(f"{line!r} is not the size of a chunk")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        """Read what follows the last chunk; http.client takes any number of lines, and the end of the connection."""
        for _ in range(MOST_HEADERS):
            line: bytes = self.fp.readline(MOST_LINE_BYTES + 1)  # switch
            if len(line) > MOST_LINE_BYTES:
                raise http.client.LineTooLong("trailer")
            if not line:
                raise http.client.IncompleteRead(b"")
            if line in (b"\r\n", b"\n"):
                return
        raise http.client.HTTPException(f"more than {MOST_HEADERS} trailers")


class _Buffer(io.BufferedReader):
    """What has come and was not read yet; http.client closes it when the answer is whole, the socket stays open."""

    def __init__(self, file: _Patience, watch: Watch) -> None:
        super().__init__(file)
        self._file = file
        self._watch = watch

    def close(self) -> None:
        if not self.closed:
            self._file.is_over = True
            self._watch.has_surplus = bool(self.peek(1))
        super().close()


class _Patience(io.RawIOBase):
    """A socket as a file that ends with RequestFailed at `last_s` of the monotonic clock.

    It stands between the socket and the buffer: only there a server that drips can be told from one that waits.
    """

    def __init__(self, file: io.RawIOBase, sock: socket.socket, last_s: float) -> None:
        self.is_over = False
        self._file = file
        self._sock = sock
        self._last_s = last_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        if self.is_over:
            return 0
        left_s = self._last_s - time.monotonic()
        if left_s <= 0:
            raise RequestFailed(TOO_SLOW)
        if left_s >= (self._sock.gettimeout() or 0):
            return self._file.readinto(buffer)  # switch
        self._sock.settimeout(left_s)
        try:
            return self._file.readinto(buffer)  # switch
        except TimeoutError as error:
            raise RequestFailed(TOO_SLOW) from error

    def close(self) -> None:
        self._file.close()
        super().close()


def _check_framing(headers: http.client.HTTPMessage) -> None:
    """Raise HTTPException unless there is one way to read where the body ends (RFC 9112, section 6.3)."""
    lengths = headers.get_all("Content-Length") or []
    codings = headers.get_all("Transfer-Encoding") or []
    if len(lengths) + len(codings) > 1:
        raise http.client.HTTPException("more than one length")
    if (lengths and not _LENGTH.fullmatch(lengths[0])) or (codings and codings[0].strip().lower() != "chunked"):
        raise http.client.HTTPException("a length that is none")


class _Head:
    """The head of an answer, as http.client reads it: line by line."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.is_whole = False
        self._is_first = True
        self._lines = 0

    def begin_again(self) -> None:
        """Be the next head: the one before was an announcement."""
        self._is_first = True

    def readline(self, limit: int) -> bytes:
        self._lines += 1
        if self._lines > MOST_HEAD_LINES:
            raise http.client.HTTPException(f"more than {MOST_HEAD_LINES} lines")
        line: bytes = self.file.readline(limit)  # switch
        if self._is_first:
            if line and not line.startswith(b"HTTP/1."):
                raise http.client.BadStatusLine(repr(line[:80]))
        elif _NO_HEADER.search(line):
            raise http.client.HTTPException("a folded header, or a control character in one")
        elif line[-3:-2] in (b" ", b"\t"):
            line = line.rstrip() + b"\r\n"  # no part of the value; http.client would take "chunked " for no coding
        self._is_first = False
        self.is_whole = line in (b"\r\n", b"\n")
        return line

    def close(self) -> None:
        self.file.close()
