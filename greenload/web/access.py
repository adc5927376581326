"""Who gets in, and what a browser may do with what it is given.

On loopback whoever is on this machine; a page of somebody else's that is open in the same browser must not get in with
them, so the name the browser used must be a loopback name (against DNS rebinding), and what changes something must come
from this page. On any other address a token is needed, from its first visit on a cookie. Other sites' pages that were
named may read (CORS), with the token where one is needed, and never change anything.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from ipaddress import ip_address

from greenload.core.errors import GreenloadError

COOKIE = "greenload"
MOST_WRONG = 5  # tokens from one address in WITHIN_S
WITHIN_S = 60.0
MOST_ADDRESSES = 1_000
LONGEST_TOKEN = 1_024

# Plotly puts an empty <style> into the page and then adds its rules one by one: the hash is that of nothing at all.
# What it wants besides, style attributes of a few elements and the rules for maps, it is denied: charts do without.
NOTHING = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {NOTHING}; img-src 'self' data: blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
READING = ("GET", "HEAD", "OPTIONS")


class Denied(GreenloadError):
    """Somebody does not get what they asked for;  status: of HTTP."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """A request, as far as access goes.

    address  of who asks;  origin: of the page itself, as who asks calls it;  token: in the URL, if there is one
    headers  by their names;  cookie: what the browser was given, if it says so
    """

    method: str
    address: str
    host: str
    origin: str
    headers: Mapping[str, str]
    cookie: str | None = None
    token: str | None = None


def headers_for(reader: str) -> dict[str, str]:
    """Return what lets a page of the origin `reader` read an answer; no cookie goes with what it asks."""
    return {
        "Access-Control-Allow-Origin": reader,
        "Access-Control-Allow-Methods": "GET, HEAD",
        "Access-Control-Allow-Headers": "Authorization, Last-Event-ID",
    }


class Access:
    """token: that is needed, None on loopback;  is_loopback: whether only this machine can reach the page.

    readers  origins, as "https://dashboard.example:8000", whose pages may read
    """

    def __init__(
        self,
        token: str | None,
        is_loopback: bool,
        now: Callable[[], float] = time.monotonic,
        readers: Collection[str] = (),
    ) -> None:
        self._token = token
        self._is_loopback = is_loopback
        self._readers = {reader.lower() for reader in readers}
        self._now = now
        # Not the token itself: that one may be short, and then the cookie could be guessed. Nobody guesses this one, so
        # no wrong one has to be counted, and who guesses tokens cannot lock out those who are in.
        self.cookie = secrets.token_urlsafe(32)
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()  # address -> when

    @property
    def needs_token(self) -> bool:
        return self._token is not None

    def check(self, asked: Asked) -> None:
        """Raise Denied unless the request is to be answered."""
        if self._is_loopback and not is_loopback_name(_name_in(asked.host)):
            raise Denied(403, f"this page is served on loopback; it is not called {asked.host or 'nothing'!r} there")
        if self.reader(asked) is None:
            _check_site(asked)
        elif asked.method == "OPTIONS":
            return  # a browser asks whether it may ask, without the token
        if self._token is not None and not self._is_known(asked):
            self._check_token(asked)
        if asked.method not in READING:
            _check_change(asked)

    def reader(self, asked: Asked) -> str | None:
        """Return the origin of who asks, when it is another one whose pages may read and it only reads."""
        origin = asked.headers.get("Origin", "")
        return origin if origin.lower() in self._readers and asked.method in READING else None

    def _is_known(self, asked: Asked) -> bool:
        return asked.cookie is not None and _is_same(asked.cookie, self.cookie)

    def _check_token(self, asked: Asked) -> None:
        said = asked.token
        scheme, _, bearer = asked.headers.get("Authorization", "").partition(" ")
        if said is None and scheme.lower() == "bearer":
            said = bearer.strip()
        if said is None:
            raise Denied(401, "this page needs its token: open the link that the master printed")
        wrong = self._wrong_of(asked.address)
        if len(wrong) >= MOST_WRONG:
            raise Denied(429, "too many wrong tokens from this address; wait a minute")
        assert self._token is not None
        if not _is_same(said, self._token):
            wrong.append(self._now())
            raise Denied(401, "this is not the token of this page")

    def _wrong_of(self, address: str) -> deque[float]:
        """Return when the wrong tokens of the last minute came from `address`."""
        wrong = self._wrong.setdefault(address, deque())
        self._wrong.move_to_end(address)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        while wrong and wrong[0] <= self._now() - WITHIN_S:
            wrong.popleft()
        return wrong


def _check_site(asked: Asked) -> None:
    """Refuse what a page of somebody else's asks for; a link there to this page is for a person."""
    said = asked.headers.get
    if said("Sec-Fetch-Site") != "cross-site":
        return
    is_link = said("Sec-Fetch-Mode") == "navigate" and said("Sec-Fetch-Dest") == "document"
    if not is_link or asked.method not in ("GET", "HEAD"):
        raise Denied(403, "another site asks for this, not this page")


def _check_change(asked: Asked) -> None:
    origin = asked.headers.get("Origin")
    if origin is not None and origin.lower() != asked.origin.lower():
        raise Denied(403, f"only the page itself may ask for this, not {origin[:200]!r}")
    kind = asked.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Denied(415, "send this as application/json")


def _is_same(said: str, right: str) -> bool:
    """Compare in a time that says nothing of how much of it is right."""
    return len(said) <= LONGEST_TOKEN and compare_digest(said.encode("utf-8", "replace"), right.encode())


def _name_in(host: str) -> str:
    """Return the name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def is_loopback_name(name: str) -> bool:
    """Return whether `name` means this machine and no other."""
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
