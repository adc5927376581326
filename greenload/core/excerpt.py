"""An excerpt of a run: what somebody looks at who asks for some of its seconds, or for some names."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass

from greenload.core.errors import GreenloadError
from greenload.core.gate import shown_name
from greenload.core.shape import ShapeError, parse_duration_s
from greenload.core.stats import COUNTERS, Stats

_WINDOW = re.compile(r"(.*?)\.\.(.*)")


class ExcerptError(GreenloadError):
    """A window that is none, or a name under which nothing was measured."""


@dataclass(frozen=True)
class Window:
    """The seconds from_s <= t < until_s of a run; until_s is None: to its end."""

    from_s: int
    until_s: int | None = None

    @property
    def end_s(self) -> float:
        return math.inf if self.until_s is None else self.until_s

    def __str__(self) -> str:
        return f"{self.from_s} s to {'the end' if self.until_s is None else f'{self.until_s} s'}"


def parse_window(text: str) -> Window:
    """Return the Window that `text` says: 30s..90s, 30s.. or ..90s; parts of a second are taken whole."""
    found = _WINDOW.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ExcerptError(f"{text!r} is not a window; write for example 30s..90s, 30s.. or ..90s")
    try:
        from_s = int(parse_duration_s(found[1])) if found[1].strip() else 0
        until_s = math.ceil(parse_duration_s(found[2])) if found[2].strip() else None
    except ShapeError as error:
        raise ExcerptError(f"{text!r} is not a window: {error}") from error
    if until_s is not None and until_s <= from_s:
        raise ExcerptError(f"{text!r} is not a window: its end is not after its beginning")
    return Window(from_s, until_s)


def of_names(stats: Stats, names: tuple[str, ...]) -> Stats:
    """Return `stats` with the requests called `names` only.  Raises ExcerptError when there are none of a name.

    Without names, with all of them.
    """
    if not names:
        return stats
    known = {shown_name(*key) for key in stats.tallies}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ExcerptError(f"nothing was measured under the name {name}{hint}")
    part = Stats()
    part.tallies = {key: tally for key, tally in stats.tallies.items() if shown_name(*key) in names}
    for counter in COUNTERS:
        setattr(part, counter, getattr(stats, counter))
    part.exceptions, part.lag, part.longest_stall = stats.exceptions, stats.lag, stats.longest_stall
    part.tasks = stats.tasks
    return part
