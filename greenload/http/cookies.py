"""The cookies of one session: the rules are http.cookiejar's, the handle is a dict's."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, MutableMapping
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from typing import Any
from urllib.request import Request as CookieRequest

from greenload.http.request import Request, Url, checked_cookies

MOST_ANSWERS = 16  # of the jar that a session keeps, because the next request may ask the same


class Cookies(MutableMapping[str, str]):
    """Cookies by name, whatever their host: `cookies["session"]`, `cookies["seen"] = "1"`, `dict(cookies)`."""

    __slots__ = ("_answers", "_jar", "are_none")

    def __init__(self) -> None:
        self._jar: CookieJar | None = None  # made when the first cookie comes: each response has one of these
        self._answers: _Answers | None = None  # of the jar as it is now
        self.are_none = True  # as long as no cookie was ever set; asked for each request

    def header_for(self, url: Url, own: Mapping[str, str]) -> str | None:
        """Return the Cookie header of a request to `url`, or None.  `own`: cookies of that request, which go first."""
        kept = None if self._jar is None else self._kept_for(self._jar, url)
        if not own:
            return kept
        pairs = [f"{name}={value}" for name, value in own.items()]
        pairs += [pair for pair in (kept or "").split("; ") if pair and pair.partition("=")[0] not in own]
        return "; ".join(pairs)

    def sent_with(self, request: Request, own: Mapping[str, str]) -> Request:
        """Return `request` with the cookies that belong to it."""
        header = self.header_for(request.url, own)
        return request if header is None else request.with_cookies(header)

    def keep(self, url: Url, set_cookies: list[str]) -> None:
        """Keep what an answer from `url` sets; `set_cookies` are its Set-Cookie headers."""
        answer = _Answer()
        for value in set_cookies:
            answer.headers["Set-Cookie"] = value
        asked = CookieRequest(str(url))
        self._opened().extract_cookies(answer, asked)  # type: ignore[arg-type]  # it asks only for info()

    def set(self, name: str, value: str, domain: str = "", path: str = "/") -> None:
        """Set a cookie for `domain`, or with "" for every host this session talks to."""
        checked_cookies({name: value})
        if domain and "." not in domain:
            domain += ".local"  # what http.cookiejar calls a host without a dot
        self._opened().set_cookie(
            Cookie(
                version=0,
                name=name,
                value=value,
                port=None,
                port_specified=False,
                domain=domain,
                domain_specified=bool(domain),
                domain_initial_dot=domain.startswith("."),
                path=path,
                path_specified=True,
                secure=False,
                expires=None,
                discard=True,
                comment=None,
                comment_url=None,
                rest={},
            )
        )

    def _kept_for(self, jar: CookieJar, url: Url) -> str | None:
        """Return the Cookie header that `jar` gives a request to `url`: asked anew it takes 20 us, and 40 for three."""
        answers = self._answers
        if answers is None or time.time() >= answers.until_s:
            asked = _asked(jar, url)  # which also throws out what has expired
            self._answers = answers = _Answers(jar)
            answers.headers[answers.key(url)] = asked
            return asked
        key = answers.key(url)
        if key not in answers.headers:
            if len(answers.headers) >= MOST_ANSWERS:
                answers.headers.clear()
            answers.headers[key] = _asked(jar, url)
        return answers.headers[key]

    def _opened(self) -> CookieJar:
        """Return the jar, to be changed."""
        self._answers = None
        if self._jar is None:
            self._jar = CookieJar()
            self.are_none = False
        return self._jar

    def __getitem__(self, name: str) -> str:
        for cookie in self._jar or ():
            if cookie.name == name:
                return cookie.value or ""
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        found = [cookie for cookie in self._jar or () if cookie.name == name]
        if not found:
            raise KeyError(name)
        for cookie in found:
            self._opened().clear(cookie.domain, cookie.path, cookie.name)

    def __iter__(self) -> Iterator[str]:
        # Sorted: the order of http.cookiejar differs between versions of Python.
        return iter(sorted({cookie.name for cookie in self._jar or ()}))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self._jar or ()})

    def __repr__(self) -> str:
        return f"Cookies({dict(self)})"


class _Answers:
    """What a jar answered, for as long as it would answer the same.

    Whether a cookie goes with a request depends on the request's origin, its path without the query, and the time. The
    path does not matter when all cookies are for "/", which is below every path and the usual case.
    """

    __slots__ = ("_are_for_all_paths", "headers", "until_s")

    def __init__(self, jar: CookieJar) -> None:
        self.headers: dict[Any, str | None] = {}
        self.until_s = min((cookie.expires for cookie in jar if cookie.expires is not None), default=math.inf)
        self._are_for_all_paths = all(cookie.path == "/" for cookie in jar)

    def key(self, url: Url) -> Any:
        """Return what two requests with the same cookies have in common."""
        return url.origin if self._are_for_all_paths else (url.origin, url.target.partition("?")[0])


def _asked(jar: CookieJar, url: Url) -> str | None:
    asking = CookieRequest(str(url))
    jar.add_cookie_header(asking)
    header: str | None = asking.get_header("Cookie")
    return header


class _Answer:
    """As much of an answer as http.cookiejar looks at."""

    def __init__(self) -> None:
        self.headers = Message()

    def info(self) -> Message:
        return self.headers
