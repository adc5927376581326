"""One connection to the page: how long it may take its time, and how much it may send.

Who is slow holds up nobody else, and what they hold is bounded: a green thread and a few kilobytes, for so long.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler

from greenload.web.access import HEADERS

FIRST_S = 10.0  # until the first line of the first request is there
IDLE_S = 20.0  # and of each further one
HEAD_S = 10.0  # for its headers
SILENT_S = 20.0  # how long a body may not go on, or an answer not be read
MOST_BODY_BYTES = 1_000_000
SEND_BUFFER_BYTES = 65_536  # of the operating system, for each connection

log = logging.getLogger("greenload")


class _Refused(ValueError):
    """A request that is not even looked at;  status: of HTTP, with its words."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status


class Connection(WSGIHandler):
    """A handler of pywsgi's with deadlines and bounds."""

    _first = True

    def read_requestline(self) -> str:
        self.socket.settimeout(SILENT_S)
        deadline_s, self._first = (FIRST_S, False) if self._first else (IDLE_S, False)
        # By the whole line, not by each piece of it: one that drips would never be through.
        with gevent.Timeout(deadline_s, OSError("no request came")):
            line: str = super().read_requestline()  # switch
            return line

    def read_request(self, raw_requestline: str) -> Any:
        with gevent.Timeout(HEAD_S, _Refused("408 Request Timeout", "the headers took too long")):
            is_read = super().read_request(raw_requestline)  # switch
        if self.request_version == "HTTP/0.9":
            raise _Refused("400 Bad Request", "HTTP/1.1, please")
        if self.headers.get("Transfer-Encoding") is not None:
            raise _Refused("411 Length Required", "say how long it is")
        # Read first and refused then, it would have to be read to its end.
        if (self.content_length or 0) > MOST_BODY_BYTES:
            raise _Refused("413 Content Too Large", f"at most {MOST_BODY_BYTES} bytes, please")
        if len(self.headers.get_all("Content-Length") or ()) > 1 or len(self.headers.get_all("Host") or ()) > 1:
            raise _Refused("400 Bad Request", "a header that may stand there once stands there twice")
        return is_read

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        status = ex.status if isinstance(ex, _Refused) else "400 Bad Request"
        why = str(ex) if isinstance(ex, _Refused) else "this is no request"
        log.debug("the page refused a request of %s: %s", self.client_address, ex)
        body = json.dumps({"error": why}).encode()
        head = {**HEADERS, "Content-Type": "application/json", "Content-Length": len(body), "Connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return status, f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body

    def handle_error(self, kind: Any, value: Any, traceback: Any) -> None:
        # What the application raises it has answered and logged itself: here a browser has gone, or reads no more.
        log.debug("the page could not answer %s: %r", self.client_address, value)
        self.close_connection = True

    def log_request(self) -> None:
        """Say nothing: twenty browsers would fill the log."""
