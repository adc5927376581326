"""Kinds of failure: one plain name for each way a request goes wrong, whatever the library calls it.

Each name says what the client saw, in words that group: no addresses, no numbers but a status.
"""

from __future__ import annotations

import http.client
import socket
import ssl

from urllib3 import exceptions as urllib3_errors

CONNECT_TIMED_OUT = "connect timed out"
TOO_LARGE = "body too large"
HEADERS_CUT_SHORT = "headers cut short"
READ_TIMED_OUT = "read timed out"
TOO_SLOW = "answer took too long"
HOST_NOT_FOUND = "host not found"
NO_ANSWER = "closed without an answer"
RESET = "connection reset"
BODY_CUT_SHORT = "body cut short"
UNDECODABLE = "body does not decode"
BAD_STATUS_LINE = "not HTTP: bad status line"
BAD_HEADERS = "not HTTP: bad headers"
LINE_TOO_LONG = "not HTTP: line too long"
TOO_MANY_REDIRECTS = "too many redirects"
REDIRECTED_AWAY = "redirect to something that is not HTTP"
BODY_NOT_REPEATABLE = "redirect that wants a body sent again which can be sent only once"


class RequestFailed(Exception):
    """A request that got no usable answer; its text is the kind. Data, not control flow: it becomes a response."""


# Looked up in order, so the special comes before the general: a gaierror is an OSError, too.
_NAMES: tuple[tuple[type[BaseException], str], ...] = (
    (urllib3_errors.NameResolutionError, HOST_NOT_FOUND),
    (urllib3_errors.LocationParseError, HOST_NOT_FOUND),
    (socket.gaierror, HOST_NOT_FOUND),
    (urllib3_errors.ConnectTimeoutError, CONNECT_TIMED_OUT),
    (urllib3_errors.ReadTimeoutError, READ_TIMED_OUT),
    (TimeoutError, READ_TIMED_OUT),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionResetError, RESET),
    (BrokenPipeError, RESET),
    (ssl.SSLCertVerificationError, "TLS: certificate not trusted"),
    (ssl.SSLError, "TLS: handshake or transfer failed"),
    (urllib3_errors.SSLError, "TLS: handshake or transfer failed"),
    (urllib3_errors.IncompleteRead, BODY_CUT_SHORT),
    (http.client.IncompleteRead, BODY_CUT_SHORT),
    (urllib3_errors.DecodeError, UNDECODABLE),
    (http.client.LineTooLong, LINE_TOO_LONG),
    (http.client.HTTPException, BAD_HEADERS),
    (urllib3_errors.InvalidHeader, BAD_HEADERS),
)


def failure_kind(error: BaseException) -> str:
    """Return the kind of failure `error` is: that of its root cause where that has a name."""
    chain = [error]
    while (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    for each in reversed(chain):
        for kind, name in _NAMES:
            if isinstance(each, kind):
                return name
        if isinstance(each, OSError) and each.strerror:
            return each.strerror.lower()
    return f"failed: {type(error).__name__}"


def _cause(error: BaseException) -> BaseException | None:
    """Return what lies under `error`; urllib3 hands the cause on as an argument more often than as a cause.

    Not its context: that may be an error the scenario was mending when it made the call.
    """
    return next((arg for arg in error.args if isinstance(arg, Exception)), None) or error.__cause__
