"""A session: what one virtual user's browser knows (host, cookies, credentials, headers) and how it follows redirects.

Every call of the session is one request in the statistics, a chain of redirects included. Nothing is retried: what
fails is a failure. Knows nothing of sockets; an engine sends what it is given.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from greenload.http.cookies import Cookies
from greenload.http.engine import Answer, Engine
from greenload.http.failures import BODY_NOT_REPEATABLE, REDIRECTED_AWAY, TOO_MANY_REDIRECTS, RequestFailed
from greenload.http.headers import (
    CHECKED_OWN_HEADERS,
    OWN_HEADERS,
    Headers,
    SessionHeaders,
    checked_headers,
    merged_headers,
)
from greenload.http.request import (
    BodyGone,
    InvalidUrl,
    Request,
    Timeout,
    Url,
    basic_auth,
    checked_cookies,
    encode_body,
    resolve,
    targets_of,
    timeouts_of,
)
from greenload.http.response import Response
from greenload.http.tls import Verify
from greenload.user.recorder import Call

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 30
MOST_PLAIN = 16  # requests a session keeps because the next may be the same

_NONE: Mapping[str, str] = {}
Take = Callable[[Response, Request, Answer], None]  # what becomes of a body


class HttpSession:
    """The client of one virtual user.

    base_url  goes before every path; may hold credentials
    begin     opens a Call in the statistics for (method, name)
    timeouts  seconds to connect, and between two pieces of an answer, unless a call says otherwise
    most_bytes  how long a body may be before the request counts as failed
    engine    sends what this session makes;  mark: makes it such that its phases are counted, where they are
    answer_timeout_s  seconds for one whole answer; one that is streamed may take as long as it likes
    """

    def __init__(
        self,
        base_url: str,
        begin: Callable[[str, str], Call],
        connect_timeout_s: float,
        read_timeout_s: float,
        most_bytes: int,
        engine: Engine,
        answer_timeout_s: float = math.inf,
        mark: Callable[[Request, Call], Request] | None = None,
    ) -> None:
        self.base_url = base_url
        self._headers_of_its_own: MutableMapping[str, str] | None = None  # until somebody asks for them: 1 KB a user
        self.cookies = Cookies()
        self.auth: tuple[str, str] | None = None
        self.verify: Verify = True
        self._targets = targets_of(base_url)
        self._begin = begin
        self._timeouts = (connect_timeout_s, read_timeout_s)
        self._most_bytes = most_bytes
        self._answer_timeout_s = answer_timeout_s
        self._engine = engine
        self._mark = mark
        self._plain: dict[tuple[str, str], Request] = {}
        self._to_judge: Response | None = None  # the last one that was left to a `with` block

    @property
    def headers(self) -> MutableMapping[str, str]:
        """Sent with each request."""
        if self._headers_of_its_own is None:
            self._headers_of_its_own = SessionHeaders(OWN_HEADERS)
        return self._headers_of_its_own

    @headers.setter
    def headers(self, headers: MutableMapping[str, str]) -> None:
        self._headers_of_its_own = headers

    def request(
        self,
        method: str,
        url: str,
        *,
        name: str | None = None,
        catch_response: bool = False,
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str | None] | None = None,
        cookies: Mapping[str, str] | None = None,
        files: Any = None,
        auth: tuple[str, str] | None = None,
        timeout: Timeout = None,
        allow_redirects: bool = True,
        stream: bool = False,
        discard_body: bool = False,
        verify: Verify | None = None,
    ) -> Response:
        """Send a request and return its response, which is also a `with` block that judges it if catch_response.

        The arguments are those of requests, and two more: `name`, what the statistics call it (default: path and
        query), and discard_body=True, which reads the body, counts its bytes and keeps none of them. With stream=True
        the clocks stop at the headers, and the body is read by whoever asks for it.
        Raises InvalidUrl or InvalidHeader for what cannot be sent; then nothing is sent and nothing is counted.
        """
        is_plain = params is None and data is None and json is None and headers is None
        if is_plain and files is None and auth is None and timeout is None and verify is None:
            request = self._plain_request(method, url)
        else:
            request = self._new_request(method, url, params, data, json, headers, files, auth, timeout, verify)
        own_cookies = checked_cookies(cookies) if cookies else _NONE
        take = Response.leave if stream else Response.discard if discard_body else Response.keep
        if stream:
            request = replace(request, answer_timeout_s=math.inf)
        return self._measure(request, name, allow_redirects, take, own_cookies, catch_response)  # switch

    def get(self, url: str, **keywords: Any) -> Response:
        """GET; arguments as of `request`."""
        if not keywords:  # as most are: to look for each argument of `request` takes 0.2 us
            return self._measure(self._plain_request("GET", url))  # switch
        return self.request("GET", url, **keywords)  # switch

    def options(self, url: str, **keywords: Any) -> Response:
        """OPTIONS; arguments as of `request`."""
        return self.request("OPTIONS", url, **keywords)  # switch

    def head(self, url: str, **keywords: Any) -> Response:
        """HEAD; redirects are not followed unless allow_redirects says so."""
        return self.request("HEAD", url, **{"allow_redirects": False, **keywords})  # switch

    def post(self, url: str, data: Any = None, json: Any = None, **keywords: Any) -> Response:
        """POST; arguments as of `request`."""
        return self.request("POST", url, data=data, json=json, **keywords)  # switch

    def put(self, url: str, data: Any = None, **keywords: Any) -> Response:
        """PUT; arguments as of `request`."""
        return self.request("PUT", url, data=data, **keywords)  # switch

    def patch(self, url: str, data: Any = None, **keywords: Any) -> Response:
        """PATCH; arguments as of `request`."""
        return self.request("PATCH", url, data=data, **keywords)  # switch

    def delete(self, url: str, **keywords: Any) -> Response:
        """DELETE; arguments as of `request`."""
        return self.request("DELETE", url, **keywords)  # switch

    def close(self) -> None:
        """Close every connection."""
        self._end_forgotten()
        self._engine.close()

    def _end_forgotten(self) -> None:
        """Count a request whose answer came with catch_response=True and that nobody put after `with`."""
        forgotten, self._to_judge = self._to_judge, None
        if forgotten is not None:
            forgotten.end_if_forgotten()

    def _plain_request(self, method: str, url: str) -> Request:
        """Return a request of which only method and URL are said; the last one of the kind if it was the same."""
        request = self._plain.get((method, url))
        if request is None or not (
            request.headers is self._checked_headers() and self.auth is None and request.verify == self.verify
        ):
            request = self._new_request(method, url, None, None, None, None, None, None, None, None)
            if len(self._plain) >= MOST_PLAIN:
                self._plain.clear()
            self._plain[method, url] = request
        return request

    def _new_request(
        self,
        method: str,
        url: str,
        params: Any,
        data: Any,
        json: Any,
        headers: Mapping[str, str | None] | None,
        files: Any,
        auth: tuple[str, str] | None,
        timeout: Timeout,
        verify: Verify | None,
    ) -> Request:
        to = self._targets.find(url) if params is None else resolve(self._targets.base, url, params)
        body, content_type = encode_body(data, json, files)
        connect_s, read_s = timeouts_of(timeout, self._timeouts)
        return Request(
            method=method.upper(),
            url=to,
            headers=self._headers(to, headers, content_type, auth),
            body=body,
            connect_timeout_s=connect_s,
            read_timeout_s=read_s,
            verify=self.verify if verify is None else verify,
            most_bytes=self._most_bytes,
            answer_timeout_s=self._answer_timeout_s,
        )

    def _measure(
        self,
        request: Request,
        name: str | None = None,
        allow_redirects: bool = True,
        take: Take = Response.keep,
        own_cookies: Mapping[str, str] = _NONE,
        catch_response: bool = False,
    ) -> Response:
        """Send `request` as one of the statistics, and return its response."""
        if self._to_judge is not None:
            self._end_forgotten()
        begin = self._begin
        call = begin(request.method, name or request.url.target)
        is_over = False
        try:
            if self._mark is not None:
                request = self._mark(request, call)
            response = self._exchange(request, take, own_cookies)  # switch
            if allow_redirects and response.status_code in REDIRECTS:
                response = self._follow(request, response, take, own_cookies)  # switch
            is_over = True
        finally:  # nobody catches what ends a green thread; and `with` would take 0.07 us more
            if not is_over:
                call.break_off(sys.exc_info()[1])  # type: ignore[arg-type]  # there is one
        call.received_bytes = response.received_bytes
        if response.status_code >= 400 or response.error is not None:
            call.error = response.kind()
        if catch_response:
            self._to_judge = response.hand_over(call)
        else:
            response.elapsed_s = call.end()
        return response

    def _follow(self, request: Request, response: Response, take: Take, own: Mapping[str, str]) -> Response:
        """Send what redirects ask for after `response` to `request`, and return the last response."""
        history: list[Response] = []
        while response.status_code in REDIRECTS and (location := response.headers.get("Location")):
            response.close()
            if len(history) == MOST_REDIRECTS:
                return Response.none(request, TOO_MANY_REDIRECTS)
            history = [*history, response]
            try:
                following = request.redirected(response.status_code, location)
            except InvalidUrl:
                return Response.none(request, REDIRECTED_AWAY)
            except BodyGone:
                return Response.none(request, BODY_NOT_REPEATABLE)
            own = own if following.url.origin == request.url.origin else _NONE
            request = following
            response = self._exchange(request, take, own)  # switch
            response.history = history
        return response

    def _exchange(self, request: Request, take: Take, own_cookies: Mapping[str, str]) -> Response:
        """Send one request and return its response, made by `take`."""
        if own_cookies or not self.cookies.are_none:
            request = self.cookies.sent_with(request, own_cookies)
        try:
            answer = self._engine.send(request)  # switch
            if answer.set_cookies:
                self.cookies.keep(request.url, answer.set_cookies)
            response = Response()
            take(response, request, answer)  # switch
        except RequestFailed as failure:
            return Response.none(request, str(failure))
        return response

    def _headers(
        self, url: Url, headers: Mapping[str, str | None] | None, content_type: str | None, auth: tuple[str, str] | None
    ) -> Headers:
        """Return the headers of one request."""
        credentials = auth or self.auth or url.auth
        if headers is None and content_type is None and credentials is None:
            return self._checked_headers()
        own = self._headers_of_its_own if self._headers_of_its_own is not None else OWN_HEADERS
        return merged_headers(own, content_type, basic_auth(*credentials) if credentials else None, headers or {})

    def _checked_headers(self) -> Headers:
        own = self._headers_of_its_own
        if own is None:
            return CHECKED_OWN_HEADERS
        return own.checked() if isinstance(own, SessionHeaders) else checked_headers(own)
