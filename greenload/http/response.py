"""A response, with the handle people know from requests, and the power to be judged by the scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from functools import cached_property
from types import TracebackType
from typing import Any

from urllib3 import HTTPHeaderDict

from greenload.core.errors import GreenloadError
from greenload.http.cookies import Cookies
from greenload.http.engine import Answer
from greenload.http.failures import TOO_LARGE, RequestFailed
from greenload.http.request import Request
from greenload.user.recorder import Call, describe


class ResponseError(GreenloadError):
    """A response that does not count as a success; raised in a `with` block it makes the request a failure, no more."""


class Response:
    """The answer to one request, or the failure to get one: then status_code is 0 and `error` says why.

    elapsed_s       seconds from sending to the end of the answer: the service time
    received_bytes  the size of the body: as read, or of one that is streamed, as declared

    With catch_response=True it is a `with` block in which the scenario judges it: `success()`, `failure("why")`; judged
    neither way, a status of 400 or more is a failure. The clocks stopped when the answer was there.

        with self.client.get("/albums/4", catch_response=True) as response:
            if response.status_code == 404:
                response.success()
    """

    # No __init__, which Python calls by way of C; `keep`, `discard` and `leave` are that. What most responses never get
    # costs them nothing here.
    request: Request
    error: str | None = None
    status_code = 0
    _answer: Answer | None = None
    _content: bytes | None = b""  # None while the answer still has it
    _call: Call | None = None
    _is_entered = False
    elapsed_s = 0.0
    received_bytes = 0

    @classmethod
    def none(cls, request: Request, error: str) -> Response:
        """Return what stands for the answer to `request` when there is none; `error` says why."""
        response = cls()
        response.request = request
        response.error = error
        return response

    def keep(self, request: Request, answer: Answer) -> None:
        """Become the response to `request` that `answer` is, with its body.  Raises RequestFailed as `read` does."""
        self._become(request, answer)
        self._content = content = answer.read()  # switch
        self.received_bytes = len(content)

    def discard(self, request: Request, answer: Answer) -> None:
        """Become that, but keep nothing of the body but its size.  Raises RequestFailed as `read` does."""
        self._become(request, answer)
        for piece in answer.pieces():  # switch
            self.received_bytes += len(piece)
            if self.received_bytes > request.most_bytes:
                answer.close()
                raise RequestFailed(TOO_LARGE)

    def leave(self, request: Request, answer: Answer) -> None:
        """Become that, and leave the body to whoever asks for it."""
        self._become(request, answer)
        self._content = None
        declared = self.headers.get("Content-Length", "")
        # Up to a petabyte: a server can write any number, and no sum may grow past what a message can carry.
        self.received_bytes = int(declared) if declared.isdecimal() and len(declared) <= 15 else 0

    def _become(self, request: Request, answer: Answer) -> None:
        self.request = request
        self.status_code = answer.status
        self._answer = answer

    # Made when somebody asks for them; most scenarios do not.

    @cached_property
    def history(self) -> list[Response]:
        """The responses that redirected to this one."""
        return []

    @cached_property
    def headers(self) -> HTTPHeaderDict:
        return self._answer.headers if self._answer is not None else HTTPHeaderDict()

    @cached_property
    def cookies(self) -> Cookies:
        """The cookies that this very answer set."""
        cookies = Cookies()
        if self._answer is not None and self._answer.set_cookies:
            cookies.keep(self.request.url, self._answer.set_cookies)
        return cookies

    @property
    def reason(self) -> str:
        return self._answer.reason if self._answer is not None else ""

    @property
    def elapsed(self) -> timedelta:
        """The service time."""
        return timedelta(seconds=self.elapsed_s)

    @property
    def url(self) -> str:
        """The URL this answer came from, after redirects."""
        return str(self.request.url)

    @property
    def ok(self) -> bool:
        """Whether an answer came and its status is below 400."""
        return self.error is None and self.status_code < 400

    @property
    def content(self) -> bytes:
        """The body, decoded (gzip, deflate). With stream=True it is read when it is asked for.

        Raises ResponseError when it does not come whole.
        """
        try:
            return self.read()  # switch
        except RequestFailed as failure:
            raise self._failed(failure) from failure

    @property
    def encoding(self) -> str:
        """The character set the headers declare, else UTF-8."""
        declared = Message()
        declared["Content-Type"] = self.headers.get("Content-Type", "")
        return declared.get_content_charset() or "utf-8"

    @property
    def text(self) -> str:
        """The body as text; what does not decode is replaced, not raised."""
        try:
            return self.content.decode(self.encoding, errors="replace")
        except (LookupError, ValueError):  # no such character set, or none for text
            return self.content.decode("utf-8", errors="replace")

    def json(self, **keywords: Any) -> Any:
        """Return the body as JSON.  Raises ValueError when it is none."""
        return json.loads(self.content, **keywords)

    def iter_content(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the body in pieces as they arrive, of at most `chunk_size` bytes if that is given.

        Raises ResponseError when the rest does not come.
        """
        if self._content is not None or self._answer is None:
            pieces: Iterator[bytes] = iter([self._content or b""])
        else:
            pieces = self._answer.pieces()
        try:
            for piece in pieces:  # switch
                size = chunk_size or len(piece) or 1
                for start in range(0, len(piece), size):
                    yield piece[start : start + size]
        except RequestFailed as failure:
            raise self._failed(failure) from failure

    def iter_lines(self) -> Iterator[bytes]:
        """Yield the body line by line, without the line ends."""
        rest = b""
        for piece in self.iter_content():  # switch
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.rstrip(b"\r") for line in lines)
        if rest:
            yield rest

    def raise_for_status(self) -> None:
        """Raise ResponseError when no answer came or its status is 400 or more."""
        kind = self.kind()
        if kind is not None:
            raise ResponseError(f"{kind} for {self.request.method} {self.url}")

    def kind(self) -> str | None:
        """Return the kind of failure this is, or None for a success."""
        if self.error is not None:
            return self.error
        return f"HTTP {self.status_code}" if self.status_code >= 400 else None

    def success(self) -> None:
        """Let this request count as a success, whatever came back."""
        self._judge().success()

    def failure(self, reason: object) -> None:
        """Let this request count as failed; `reason` says why, in words that group."""
        self._judge().failure(describe(reason) if isinstance(reason, BaseException) else reason)

    def close(self) -> None:
        """Let go of a streamed body nobody wants."""
        if self._answer is not None:
            self._answer.close()

    def read(self) -> bytes:
        """Return the body, read now or before.  Raises RequestFailed when it is too long or does not come whole."""
        if self._content is None and self._answer is not None:
            self._content = self._answer.read()  # switch
        return self._content or b""

    def hand_over(self, call: Call) -> Response:
        """Leave the recording of `call` to the `with` block this response is going to be; return it."""
        self.elapsed_s = call.answered()
        self._call = call
        return self

    def end_if_forgotten(self) -> None:
        """Record the request as it stands when nobody put this response after `with`."""
        if self._call is not None and not self._is_entered:
            self._call.end()

    def __enter__(self) -> Response:
        self._is_entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        self.close()
        call, self._call = self._call, None
        if call is None:
            return False
        if isinstance(error, ResponseError):
            # What raise_for_status() found is a failed request, not a fault of the scenario.
            call.failure(self.kind() or error)
            call.end()
            return True
        call.__exit__(kind, error, tb)
        return False

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"

    def _failed(self, failure: RequestFailed) -> ResponseError:
        """Return what to raise when the body fails while the scenario reads it; its `with` block is a failure then."""
        self.error = str(failure)
        if self._call is not None:
            self._call.failure(self.error)
        return ResponseError(f"{self.error} for {self.request.method} {self.url}")

    def _judge(self) -> Call:
        if self._call is None:
            raise ResponseError(
                "success() and failure() need catch_response=True and a `with` block around the request"
            )
        return self._call
