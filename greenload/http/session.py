"""A session: what one virtual user's browser knows (host, cookies, credentials, headers) and how it follows redirects.

Every call of the session is one request in the statistics, a chain of redirects included. Nothing is retried: what
fails is a failure. Knows nothing of sockets; an engine sends what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from urllib3 import HTTPHeaderDict

from greenload.http.cookies import Cookies
from greenload.http.failures import BODY_NOT_REPEATABLE, REDIRECTED_AWAY, TOO_MANY_REDIRECTS, RequestFailed
from greenload.http.pooled import PooledEngine, Verify
from greenload.http.request import (
    BodyGone,
    InvalidUrl,
    Request,
    Url,
    basic_auth,
    checked_cookies,
    checked_headers,
    encode_body,
    parse_url,
    resolve,
)
from greenload.http.response import Response
from greenload.user.recorder import Call
from greenload.version import VERSION

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 30

Timeout = float | tuple[float | None, float | None] | None


class HttpSession:
    """The client of one virtual user.

    base_url  goes before every path; may hold credentials
    begin     opens a Call in the statistics for (method, name)
    timeouts  seconds to connect, and between two pieces of an answer, unless a call says otherwise
    most_bytes  how long a body may be before the request counts as failed
    """

    def __init__(
        self,
        base_url: str,
        begin: Callable[[str, str], Call],
        connect_timeout_s: float,
        read_timeout_s: float,
        most_bytes: int,
    ) -> None:
        self.base_url = base_url
        self.headers = HTTPHeaderDict(
            {"User-Agent": f"greenload/{VERSION}", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        )
        self.cookies = Cookies()
        self.auth: tuple[str, str] | None = None
        self.verify: Verify = True
        self._base = parse_url(base_url)
        self._begin = begin
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._most_bytes = most_bytes
        self._engine = PooledEngine()
        self._to_judge: Response | None = None  # the last one that was left to a `with` block

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
        verify: Verify | None = None,
    ) -> Response:
        """Make one request and return its response; the arguments are those of requests, and two more.

        name: how the statistics call it; default its path with the query.  catch_response: see Response.
        A failure to get an answer does not raise: the response has status_code 0 and says why in `error`.
        With stream=True the clocks stop at the headers, and the body is read by whoever asks for it.
        Raises InvalidUrl or InvalidHeader for what cannot be sent; then nothing is sent and nothing is counted.
        """
        to = resolve(self._base, url, params)
        body, content_type = encode_body(data, json, files)
        connect_s, read_s = self._timeouts(timeout)
        request = Request(
            method=method.upper(),
            url=to,
            headers=self._headers(to, headers, content_type, auth),
            body=body,
            connect_timeout_s=connect_s,
            read_timeout_s=read_s,
            verify=self.verify if verify is None else verify,
            most_bytes=self._most_bytes,
        )
        own_cookies = checked_cookies(cookies or {})
        self._end_forgotten()
        with self._begin(request.method, name or to.target) as call:
            response = self._follow(request, allow_redirects, stream, own_cookies)  # switch
            call.answered()
            response.elapsed = timedelta(seconds=call.elapsed_s)
            call.received_bytes = response.received_bytes
            call.error = response.kind()
            if catch_response:
                self._to_judge = response.hand_over(call)
        return response

    def get(self, url: str, **keywords: Any) -> Response:
        """GET; arguments as of `request`."""
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
        if self._to_judge is not None:
            self._to_judge.end_if_forgotten()
            self._to_judge = None

    def _follow(
        self, request: Request, allow_redirects: bool, stream: bool, own_cookies: Mapping[str, str]
    ) -> Response:
        """Send `request`, and what redirects ask for after it, and return the last response."""
        history: list[Response] = []
        while True:
            response = self._exchange(request, stream, own_cookies)  # switch
            response.history = history
            location = response.headers.get("Location")
            if not allow_redirects or response.status_code not in REDIRECTS or not location:
                return response
            response.close()
            if len(history) == MOST_REDIRECTS:
                return Response(request, None, TOO_MANY_REDIRECTS)
            history = [*history, response]
            try:
                following = request.redirected(response.status_code, location)
            except InvalidUrl:
                return Response(request, None, REDIRECTED_AWAY)
            except BodyGone:
                return Response(request, None, BODY_NOT_REPEATABLE)
            if following.url.origin != request.url.origin:
                own_cookies = {}
            request = following

    def _exchange(self, request: Request, stream: bool, own_cookies: Mapping[str, str]) -> Response:
        """Send one request and return its response, read unless it is streamed."""
        sent = self._with_cookies(request, own_cookies)
        try:
            answer = self._engine.send(sent)  # switch
            response = Response(sent, answer, None)
            set_cookies = answer.headers.getlist("Set-Cookie")
            if set_cookies:
                self.cookies.keep(sent.url, set_cookies)
                response.cookies.keep(sent.url, set_cookies)
            if not stream:
                response.read()  # switch
        except RequestFailed as failure:
            return Response(sent, None, str(failure))
        return response

    def _with_cookies(self, request: Request, own_cookies: Mapping[str, str]) -> Request:
        """Return `request` with the cookies that belong to it; a Cookie header of its own is all the cookies it has."""
        if any(name.lower() == "cookie" for name in request.headers):
            return request
        header = self.cookies.header_for(request.url, own_cookies)
        return request if header is None else replace(request, headers={**request.headers, "Cookie": header})

    def _headers(
        self, url: Url, headers: Mapping[str, str | None] | None, content_type: str | None, auth: tuple[str, str] | None
    ) -> dict[str, str]:
        """Return the headers of one request; its own go before the session's, and None takes one away."""
        merged = HTTPHeaderDict(self.headers)
        if content_type is not None:
            merged["Content-Type"] = content_type
        credentials = auth or self.auth or url.auth
        if credentials is not None:
            merged["Authorization"] = basic_auth(*credentials)
        for name, value in (headers or {}).items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        return checked_headers(merged)

    def _timeouts(self, timeout: Timeout) -> tuple[float, float]:
        connect_s, read_s = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        return (
            self._connect_timeout_s if connect_s is None else connect_s,
            self._read_timeout_s if read_s is None else read_s,
        )
