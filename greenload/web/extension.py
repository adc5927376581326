"""What a scenario adds to the page: routes of its own below /x/, and tabs that show what they answer.

    from greenload.web import extend

    @extend("stock", tab="Stock")
    def stock(asked):
        return [{"shelf": 1, "albums": 100}]

What is returned goes out as JSON, a text as plain text. The functions are called by the master, in a green thread,
while users may be running in the same process. Knows no Flask: workers load the scenario, too, and have no page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from greenload.core.errors import GreenloadError
from greenload.web.control import Shown

GET, POST = "GET", "POST"

_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_MARK = "_greenload_extension"


class ExtensionError(GreenloadError):
    """A route that cannot be."""


@dataclass(frozen=True)
class Asked:
    """What somebody asked of a route.

    shown  the run that is shown, None before the first one;  query: what stood behind the `?`
    body   what was sent along with a POST
    """

    shown: Shown | None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


Route = Callable[[Asked], Any]


@dataclass(frozen=True)
class Extension:
    """A route: /x/ and `path`.  tab: the title of the tab that shows it, None: it has none."""

    path: str
    method: str
    tab: str | None
    route: Route


def extend(path: str, *, method: str = GET, tab: str | None = None) -> Callable[[Route], Route]:
    """Let the page answer /x/PATH with what the function returns, and show that in a tab if it has a title.

    A POST has a body, a JSON object, and may change something; what it must not do is wait for long. Raises
    ExtensionError for a path that is none.
    """
    if not _PATH.fullmatch(path):
        raise ExtensionError(
            f"{path!r} is no path below /x/; write letters, digits, - and _, as in 'stock' or 'stock/low'"
        )
    if method not in (GET, POST):
        raise ExtensionError(f"a route answers {GET} or {POST}, not {method!r}")
    if tab is not None and method != GET:
        raise ExtensionError(f"the tab {tab!r} shows what a {GET} returns, not a {method}")

    def mark(route: Route) -> Route:
        setattr(route, _MARK, Extension(path, method, tab, route))
        return route

    return mark


def extensions_in(namespace: Mapping[str, object]) -> list[Extension]:
    """Return what the scenario with these names adds.  Raises ExtensionError when two are for the same path."""
    found = [
        getattr(value, _MARK) for value in namespace.values() if isinstance(getattr(value, _MARK, None), Extension)
    ]
    return checked(dict.fromkeys(found))


def checked(extensions: Iterable[Extension]) -> list[Extension]:
    known: dict[tuple[str, str], Extension] = {}
    for each in extensions:
        if (each.path, each.method) in known:
            raise ExtensionError(f"there are two routes {each.method} /x/{each.path}")
        known[each.path, each.method] = each
    return list(known.values())
