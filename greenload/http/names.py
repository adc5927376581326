"""The addresses of hosts: each name is looked up once for all users of a process, and its addresses are used in turn.

A load generator that looks a name up for each user loads the name server; one that does it once and for all goes on
sending to an address that the service has left. So what was found is good for half a minute. Who asks while a lookup
is under way waits for that one. Knows nothing of connections.
"""

from __future__ import annotations

import functools
import math
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address

import gevent.socket
from gevent.event import Event

LIFE_S = 30.0
FAILURE_LIFE_S = 1.0
MOST_NAMES = 1_000  # a service can redirect to any number of hosts

LookUp = Callable[[str], Sequence[str]]


def look_up(host: str) -> list[str]:
    """Return the addresses of `host`, IPv4 and IPv6, as the system orders them.  Raises socket.gaierror."""
    try:
        found = gevent.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)  # switch
    except UnicodeError as error:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, f"{host} cannot be a host: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Names:
    """What one process knows of hosts and their addresses.

    look_up  asks the system, and may let others run
    now      a monotonic clock, in seconds
    """

    def __init__(self, look_up: LookUp = look_up, now: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._now = now
        self._fixed: dict[str, _Found] = {}
        self._found: dict[str, _Found] = {}
        self._under_way: dict[str, Event] = {}

    def fix(self, resolved: Iterable[tuple[str, str]]) -> None:
        """Let each host have just the addresses that stand beside it in `resolved`, not looked up; other hosts none."""
        self._fixed = {}
        for host, address in resolved:
            found = self._fixed.setdefault(host.lower(), _Found((), None, math.inf))
            found.addresses = (*found.addresses, address)

    def addresses(self, host: str) -> Sequence[str]:
        """Return all addresses of `host`: first the one whose turn it is, then those to try if nobody answers there.

        An address is its own, unless `fix` said otherwise.  Raises socket.gaierror when there is none.
        """
        name = host.lower()
        fixed = self._fixed.get(name)
        if fixed is not None:
            return fixed.in_turn()
        if _is_address(name):
            return (host,)
        while (found := self._found.get(name)) is None or found.until_s <= self._now():
            under_way = self._under_way.get(name)
            if under_way is None:
                self._ask(name)  # switch
            else:
                # Then look again: the user that asked may have been stopped before there was an answer.
                under_way.wait()  # switch
        return found.in_turn()

    def _ask(self, name: str) -> None:
        over = self._under_way[name] = Event()
        try:
            self._keep(name, self._answer(name))  # switch
        finally:
            del self._under_way[name]
            over.set()

    def _answer(self, name: str) -> _Found:
        try:
            addresses = tuple(self._look_up(name))  # switch
        except OSError as error:  # gaierror is one
            return _Found((), error, self._now() + FAILURE_LIFE_S)
        if not addresses:
            none = socket.gaierror(socket.EAI_NONAME, f"{name} has no address")
            return _Found((), none, self._now() + FAILURE_LIFE_S)
        return _Found(addresses, None, self._now() + LIFE_S)

    def _keep(self, name: str, found: _Found) -> None:
        last = self._found.pop(name, None)
        if last is not None:
            found.turn = last.turn
        elif len(self._found) >= MOST_NAMES:
            del self._found[next(iter(self._found))]  # the oldest
        self._found[name] = found


@functools.cache
def process_names() -> Names:
    """Return the process' one Names: what one user has looked up, all know."""
    return Names()


class _Found:
    """What is known of one host until `until_s`: its addresses, or why there are none; `turn` counts who asked."""

    __slots__ = ("addresses", "error", "turn", "until_s")

    def __init__(self, addresses: tuple[str, ...], error: OSError | None, until_s: float) -> None:
        self.addresses = addresses
        self.error = error
        self.until_s = until_s
        self.turn = 0

    def in_turn(self) -> tuple[str, ...]:
        if self.error is not None:
            raise socket.gaierror(*self.error.args)  # one for each who asks: an exception keeps the frames it came by
        first = self.turn % len(self.addresses)
        self.turn += 1
        return self.addresses[first:] + self.addresses[:first]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
