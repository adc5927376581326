"""The cookies of one session: the rules are http.cookiejar's, the handle is a dict's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from email.message import Message
from http.cookiejar import Cookie, CookieJar
from urllib.request import Request as CookieRequest

from greenload.http.request import Url, checked_cookies


class Cookies(MutableMapping[str, str]):
    """Cookies by name, whatever their host: `cookies["session"]`, `cookies["seen"] = "1"`, `dict(cookies)`."""

    __slots__ = ("_jar",)

    def __init__(self) -> None:
        self._jar: CookieJar | None = None  # made when the first cookie comes: each response has one of these

    @property
    def are_none(self) -> bool:
        """Whether no cookie was ever set."""
        return self._jar is None

    def header_for(self, url: Url, own: Mapping[str, str]) -> str | None:
        """Return the Cookie header of a request to `url`, or None.  `own`: cookies of that request, which go first."""
        pairs = [f"{name}={value}" for name, value in own.items()]
        if self._jar is not None:  # most sessions have none, and asking a jar costs 20 us
            asking = CookieRequest(str(url))
            self._jar.add_cookie_header(asking)
            kept = asking.get_header("Cookie") or ""
            pairs += [pair for pair in kept.split("; ") if pair and pair.partition("=")[0] not in own]
        return "; ".join(pairs) or None

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

    def _opened(self) -> CookieJar:
        if self._jar is None:
            self._jar = CookieJar()
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


class _Answer:
    """As much of an answer as http.cookiejar looks at."""

    def __init__(self) -> None:
        self.headers = Message()

    def info(self) -> Message:
        return self.headers
