"""The cookies of one session: the rules are http.cookiejar's, the handle is a dict's."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from urllib.request import Request as CookieRequest

from greenload.http.request import Url


class Cookies(MutableMapping[str, str]):
    """Cookies by name, whatever their host: `cookies["session"]`, `cookies["seen"] = "1"`, `dict(cookies)`."""

    def __init__(self) -> None:
        self._jar = CookieJar()
        self._used = False

    def header_for(self, url: Url) -> str | None:
        """Return the Cookie header that belongs to a request to `url`, or None."""
        if not self._used:  # most sessions have none, and asking the jar costs 20 us
            return None
        asking = CookieRequest(str(url))
        self._jar.add_cookie_header(asking)
        return asking.get_header("Cookie")

    def keep(self, url: Url, set_cookies: list[str]) -> None:
        """Keep what an answer from `url` sets; `set_cookies` are its Set-Cookie headers."""
        answer = _Answer()
        for value in set_cookies:
            answer.headers["Set-Cookie"] = value
        self._jar.extract_cookies(answer, CookieRequest(str(url)))  # type: ignore[arg-type]  # it asks only for info()
        self._used = True

    def set(self, name: str, value: str, domain: str = "", path: str = "/") -> None:
        """Set a cookie for `domain`, or with "" for every host this session talks to."""
        self._jar.set_cookie(
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
        self._used = True

    def __getitem__(self, name: str) -> str:
        for cookie in self._jar:
            if cookie.name == name:
                return cookie.value or ""
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        found = [cookie for cookie in self._jar if cookie.name == name]
        if not found:
            raise KeyError(name)
        for cookie in found:
            self._jar.clear(cookie.domain, cookie.path, cookie.name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self._jar))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self._jar})

    def __repr__(self) -> str:
        return f"Cookies({dict(self)})"


class _Answer:
    """As much of an answer as http.cookiejar looks at."""

    def __init__(self) -> None:
        self.headers = Message()

    def info(self) -> Message:
        return self.headers
