"""A request as it goes onto the wire: where to, and the bytes of its body. Pure: nothing here touches a socket."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from urllib3.filepost import encode_multipart_formdata

from greenload.core.errors import GreenloadError

# What may not stand in a request target as it is; everything else is left alone, percent signs included.
_UNSAFE = re.compile(r"[^!#-;=?-Z\[\]_a-z~%]")
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InvalidUrl(GreenloadError, ValueError):
    """A URL no request can be made to."""


class BodyGone(GreenloadError):
    """A body that would have to be sent twice, and can be sent only once."""


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


@dataclass(frozen=True)
class Request:
    """One request, and how patient its sender is.

    body              bytes, or a file-like object or an iterable of bytes, which can be sent only once
    connect_timeout_s seconds to connect;  read_timeout_s: between two pieces of the answer
    verify            whether to check the server's certificate, or the path of the CA file to check it with
    """

    method: str
    url: Url
    headers: Mapping[str, str]
    body: Any
    connect_timeout_s: float
    read_timeout_s: float
    verify: bool | str

    def redirected(self, status: int, location: str) -> Request:
        """Return the request that follows a redirect, as browsers do it.

        Raises InvalidUrl when `location` leads nowhere, BodyGone when the body is to be sent again and cannot be.
        """
        url = _redirected(self.url, location)
        dropped = {"host", "cookie"} if url.origin == self.url.origin else {"host", "cookie", "authorization"}
        method, body = self.method, self.body
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
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
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidUrl(f"{text!r} is not an http or https URL; write for example http://127.0.0.1:8080/albums")
    origin = Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(origin, _quoted(target), auth)


def resolve(base: Url | None, text: str, params: Any = None) -> Url:
    """Return where `text`, a path below `base` or an absolute URL, leads, with `params` added to its query."""
    if text.startswith(("http://", "https://")) or base is None:
        url = parse_url(text)
    else:
        if _CONTROL.search(text):
            raise InvalidUrl(f"{text!r} holds a control character, which could smuggle in a second request")
        path = text.partition("#")[0] if "#" in text else text
        below = base.target.rstrip("/")
        url = Url(base.origin, _quoted(below + path if path.startswith("/") else f"{below}/{path}"), base.auth)
    if params:
        query = params if isinstance(params, str) else urlencode(_without_none(params), doseq=True)
        url = url._replace(target=url.target + ("&" if "?" in url.target else "?") + query)
    return url


def encode_body(data: Any, json_value: Any, files: Any) -> tuple[Any, str | None]:
    """Return the body, and its content type where it has one, of requests-like arguments.

    data: bytes, str, a mapping or pairs for a form, a file or an iterable of bytes; json_value: anything json can
    write; files: {field: file, or (name, file or content[, type])}.
    """
    if files:
        fields = [*_pairs(data or {}), *((field, _file(field, file)) for field, file in _pairs(files))]
        return encode_multipart_formdata(fields)
    if data is None and json_value is not None:
        return json.dumps(json_value, allow_nan=False).encode(), "application/json"
    if isinstance(data, (Mapping, list, tuple)):
        return urlencode(_without_none(data), doseq=True).encode(), "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), None
    return data, None


def basic_auth(user: str, password: str) -> str:
    """Return the value of an Authorization header.  Source: RFC 7617, UTF-8."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _redirected(url: Url, location: str) -> Url:
    try:
        return parse_url(urljoin(str(url), location))
    except ValueError as error:
        raise InvalidUrl(f"{location!r} is not a URL: {error}") from error


def _quoted(target: str) -> str:
    return quote(target, safe=_SAFE) if _UNSAFE.search(target) else target


def _pairs(fields: Any) -> Iterable[tuple[str, Any]]:
    return fields.items() if isinstance(fields, Mapping) else fields


def _without_none(fields: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in _pairs(fields) if value is not None]


def _file(field: str, file: Any) -> tuple[Any, ...]:
    """Return (file name, content[, type]), as multipart wants it, of what was given for a file."""
    name, content, *kind = file if isinstance(file, tuple) else (getattr(file, "name", field), file)
    return (str(name).rpartition("/")[2], content.read() if hasattr(content, "read") else content, *kind)
