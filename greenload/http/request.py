"""A request as it goes onto the wire: where to, and the bytes of its body. Pure: nothing here touches a socket."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from urllib3.filepost import encode_multipart_formdata

from greenload.core.errors import GreenloadError
from greenload.http.headers import TOKEN, InvalidHeader, checked_headers
from greenload.http.marks import Marks

# What may not stand in a request target as it is; everything else is left alone, percent signs included.
_UNSAFE = re.compile(r"[^!$-;=?-Z\[\]_a-z~]")
_SAFE = "!$%&'()*+,/:;=?@[]~"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[0-9a-z._:%-]+")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MOST_TARGETS = 10_000

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


Timeout = float | tuple[float | None, float | None] | None


class InvalidUrl(GreenloadError, ValueError):
    """A URL no request can be made to."""


class BodyGone(GreenloadError):
    """A body that is wanted again, and can be sent or read only once."""


class Origin(NamedTuple):
    """Where a connection leads: two URLs of one origin can share one."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The host as it stands in a URL and in the Host header: the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


class Url(NamedTuple):
    """An absolute URL: `target` is its path and query; `auth` is (user, password) where the URL carried them."""

    origin: Origin
    target: str
    auth: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.origin.scheme}://{self.origin.netloc}{self.target}"


@dataclass(slots=True)
class Request:
    """One request, and how patient its sender is.

    body              bytes, or a file-like object or an iterable of bytes, which can be sent only once
    connect_timeout_s seconds to connect;  read_timeout_s: between two pieces of the answer
    verify            whether to check the server's certificate, or the path of the CA file to check it with
    most_bytes        how long the body of the answer may be
    answer_timeout_s  seconds for the whole answer, however steadily it drips
    marks             what an engine tells how far this request has come; None where nobody counts its phases
    encoded           what an engine keeps with it, for when it is sent again
    cookied           the same with cookies, by their header, for when it is sent again with the same ones
    """

    method: str
    url: Url
    headers: Mapping[str, str]
    body: Any
    connect_timeout_s: float
    read_timeout_s: float
    verify: bool | str
    most_bytes: int
    answer_timeout_s: float = math.inf
    marks: Marks | None = field(default=None, compare=False, repr=False)
    encoded: Any = field(default=None, init=False, compare=False, repr=False)
    cookied: tuple[str, Request] | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.method not in _METHODS and not TOKEN.fullmatch(self.method):
            raise InvalidHeader(f"{self.method!r} is not a method; write one word, like GET")
        if self.connect_timeout_s <= 0 or self.read_timeout_s <= 0 or self.answer_timeout_s <= 0:
            raise ValueError("a timeout of 0 s or less leaves no time for an answer; None means the user's own")

    def marked(self, marks: Marks) -> Request:
        """Return this request with `marks`: another one, as this one may be kept and be sent again."""
        return replace(self, marks=marks)

    def with_cookies(self, header: str) -> Request:
        """Return this request with a Cookie header; one of its own is all the cookies it has."""
        if self.cookied is None or self.cookied[0] != header:
            if any(name.lower() == "cookie" for name in self.headers):
                return self
            self.cookied = (header, replace(self, headers=checked_headers({**self.headers, "Cookie": header})))
        return self.cookied[1]

    def redirected(self, status: int, location: str) -> Request:
        """Return the request that follows a redirect; what only its origin may see goes no further.

        Raises InvalidUrl when `location` leads nowhere, BodyGone when the body is to be sent again and cannot be.
        Source: requests, whose rules for the method are a browser's but for a 302, which makes a GET of a PUT, too.
        """
        url = _redirected(self.url, location)
        dropped = {"cookie"} if url.origin == self.url.origin else {"cookie", "host", "authorization"}
        method, body = self.method, self.body
        if (status in (302, 303) and method != "HEAD") or (status == 301 and method == "POST"):
            method, body = "GET", None
            dropped |= {"content-type", "content-length", "transfer-encoding"}
        if body is not None and not isinstance(body, bytes):
            raise BodyGone(f"{status} asks for the body of a {method} again")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return replace(self, method=method, url=url, headers=headers, body=body)


@lru_cache(maxsize=1_000)
def parse_url(text: str) -> Url:
    """Return the parts of an absolute http or https URL.  Raises InvalidUrl when it is none."""
    if _CONTROL.search(text):
        raise InvalidUrl(f"{text!r} holds a control character, which could smuggle in a second request")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").encode("ascii" if (parts.hostname or "").isascii() else "idna").decode()
    except ValueError as error:
        raise InvalidUrl(f"{text!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise InvalidUrl(f"{text!r} is not an http or https URL; write for example http://127.0.0.1:8080/albums")
    usual = 443 if parts.scheme == "https" else 80
    origin = Origin(parts.scheme, host, usual if port is None else port)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(origin, _quoted(target), auth)


def resolve(base: Url | None, text: str, params: Any = None) -> Url:
    """Return where `text`, a path below `base` or an absolute URL, leads, with `params` added to its query.

    The credentials of `base` hold for all of its origin, and nowhere else.
    """
    if base is None:
        url = parse_url(text)
    elif text[:8].lower().startswith(("http://", "https://")):
        url = parse_url(text)
        if url.auth is None and url.origin == base.origin:
            url = url._replace(auth=base.auth)
    else:
        if _CONTROL.search(text):
            raise InvalidUrl(f"{text!r} holds a control character, which could smuggle in a second request")
        path = text.partition("#")[0] if "#" in text else text
        below = base.target.rstrip("/")
        url = Url(base.origin, _quoted(below + path if path.startswith("/") else f"{below}/{path}"), base.auth)
    query = _quoted(params) if isinstance(params, str) else _form(params)
    if query:
        url = url._replace(target=url.target + ("&" if "?" in url.target else "?") + query)
    return url


class Targets:
    """Where paths below one base lead, each worked out once.  Shared by all sessions with this base."""

    def __init__(self, base: Url) -> None:
        self.base = base
        self._known: dict[str, Url] = {}

    def find(self, text: str) -> Url:
        """Return `resolve(base, text)`."""
        url = self._known.get(text)
        if url is None:
            url = resolve(self.base, text)
            # A path with an id in it is new each time. All are forgotten at once: to tell the old ones from the new
            # costs more than to work them out anew.
            if len(self._known) >= MOST_TARGETS:
                self._known.clear()
            self._known[text] = url
        return url


@lru_cache(maxsize=100)
def targets_of(base_url: str) -> Targets:
    """Return the Targets below `base_url`.  Raises InvalidUrl when it is none."""
    return Targets(parse_url(base_url))


def encode_body(data: Any, json_value: Any, files: Any) -> tuple[Any, str | None]:
    """Return the body, and its content type where it has one, of requests-like arguments.

    data: bytes, str, a mapping or pairs for a form, a file or an iterable of bytes; json_value: anything json can
    write, used when there is no data; files: {field: file, or (name, file or content[, type])}.
    """
    if files:
        fields = [(name, value if isinstance(value, (str, bytes)) else str(value)) for name, value in _values(data)]
        return encode_multipart_formdata([*fields, *((field, _file(field, file)) for field, file in _pairs(files))])
    if not data:
        return (None, None) if json_value is None else (json.dumps(json_value, allow_nan=False).encode(), JSON)
    if isinstance(data, (Mapping, list, tuple)):
        return _form(data).encode(), FORM
    if isinstance(data, str):
        return data.encode(), None
    return data, None


def timeouts_of(timeout: Timeout, usual: tuple[float, float]) -> tuple[float, float]:
    """Return seconds to connect and to read: of `timeout`, one for both or a pair; `usual` for what is None."""
    connect_s, read_s = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return (usual[0] if connect_s is None else connect_s, usual[1] if read_s is None else read_s)


def basic_auth(user: str, password: str) -> str:
    """Return the value of an Authorization header.  Source: RFC 7617, UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def checked_cookies(cookies: Mapping[str, str]) -> Mapping[str, str]:
    """Return `cookies` as they may go into a header.  Raises InvalidHeader for what cannot."""
    checked_headers({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())})
    return cookies


def _redirected(url: Url, location: str) -> Url:
    try:
        # http.client reads headers as Latin-1; what servers write into this one is UTF-8.
        return parse_url(urljoin(str(url), location.encode("latin-1").decode(errors="replace")))
    except ValueError as error:
        raise InvalidUrl(f"{location!r} is not a URL: {error}") from error


def _quoted(target: str) -> str:
    try:
        return quote(target, safe=_SAFE) if _UNSAFE.search(target) else target
    except UnicodeEncodeError as error:
        raise InvalidUrl(f"{target!r} holds half a character, which cannot be written") from error


def _form(fields: Any) -> str:
    return urlencode(_values(fields), doseq=True)


def _values(fields: Any) -> list[tuple[str, Any]]:
    """Return (name, value) for each value there is: a list holds several, None is none."""
    return [
        (name, value)
        for name, values in _pairs(fields or ())
        for value in (values if isinstance(values, (list, tuple)) else [values])
        if value is not None
    ]


def _pairs(fields: Any) -> Iterable[tuple[str, Any]]:
    return fields.items() if isinstance(fields, Mapping) else fields


def _file(field: str, file: Any) -> tuple[Any, ...]:
    """Return (file name, content[, type]), as multipart wants it, of what was given for a file."""
    if not isinstance(file, tuple):
        file = (str(getattr(file, "name", field)).rpartition("/")[2], file)
    name, content, *kind = file
    return (name, content.read() if hasattr(content, "read") else content, *kind)
