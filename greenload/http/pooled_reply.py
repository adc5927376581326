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

from greenload.http.answer_rules import MOST_ANNOUNCEMENTS, MOST_HEADERS, MOST_LINE_BYTES, keeps_alive
from greenload.http.failures import BAD_HEADERS, TOO_SLOW, RequestFailed
from greenload.http.marks import Marks
from greenload.http.pooled_head import Head, framing, read_head

_CHUNK_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,16})[;\r\n]")
_WITHOUT_BODY = (http.client.SWITCHING_PROTOCOLS, http.client.NO_CONTENT, http.client.NOT_MODIFIED)


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

    fp: Any

    def __init__(self, watch: Watch, sock: socket.socket, *, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp = _Buffer(_Patience(self.fp.detach(), sock, watch.last_s), watch)
        self._marks = watch.marks

    def begin(self) -> None:
        """Read status and headers, past those that only announce an answer (RFC 9110, section 15.2).

        All that http.client would know of an answer after its own begin() is known after this one.
        """
        head = self._read_head()  # switch
        announcements = 0
        while 100 <= head.status < 200 and head.status != http.client.SWITCHING_PROTOCOLS:
            announcements += 1
            if announcements > MOST_ANNOUNCEMENTS:
                raise RequestFailed(BAD_HEADERS)
            head = self._read_head()  # switch
        self.version, self.status, self.reason, self.headers = head
        self.code = self.status
        self.msg = self.headers
        self.chunked, self.length = framing(self.headers)
        self.chunk_left = None
        if self.status in _WITHOUT_BODY:
            # Such an answer may name chunks and has none, which http.client and urllib3 know of answers to HEAD only.
            self._method = "HEAD"
        if self._method == "HEAD":
            self.length = 0
        is_endless = self.length is None and not self.chunked
        is_http = self.status != http.client.SWITCHING_PROTOCOLS
        self.will_close = is_endless or not is_http or not keeps_alive(self.version, self.headers.items())

    def _read_head(self) -> Head:
        if self._marks is not None:
            self.fp.peek(1)  # switch
            self._marks.arrived()
        return read_head(self.fp)  # switch

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
