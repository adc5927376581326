"""How often something happened, by kind: failures and exceptions, in bounded memory however many kinds there are.

Knows nothing of what happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from greenload.core.codec import writable

MOST_KINDS = 100
MOST_KIND_CHARACTERS = 300
OTHER = "other"


class Occurrences:
    """How often something happened, and in which seconds of the run first and last."""

    __slots__ = ("count", "first_s", "last_s")

    def __init__(self, count: int, first_s: int, last_s: int) -> None:
        self.count = count
        self.first_s = first_s
        self.last_s = last_s

    def add(self, other: Occurrences) -> None:
        self.count += other.count
        self.first_s = min(self.first_s, other.first_s)
        self.last_s = max(self.last_s, other.last_s)


class Kinds:
    """Occurrences by kind, for at most MOST_KINDS kinds; all others together count as OTHER.

    The shortest kinds are kept, equally long ones in alphabetical order. Keeping the first to come would make the sum
    depend on the order of adding; this rule does not: whatever was dropped from a part is dropped from the whole as
    well, since the kinds that displaced it are in the whole too. And a text that differs each time is mostly longer
    than "timed out".
    """

    __slots__ = ("_next_to_go", "kept", "others")

    def __init__(self) -> None:
        self.kept: dict[str, Occurrences] = {}
        self.others: Occurrences | None = None
        self._next_to_go: str | None = None  # the longest, when there is no room and somebody has looked

    def count(self, kind: str, second: int) -> None:
        """Count one occurrence of `kind` in the run's second `second`."""
        self._add(writable(kind), Occurrences(1, second, second))

    def add(self, other: Kinds) -> None:
        for kind, occurrences in other.kept.items():
            self._add(kind, occurrences)
        if other.others is not None:
            self._drop(other.others)

    def __len__(self) -> int:
        return len(self.kept) + (self.others is not None)

    def __iter__(self) -> Iterator[tuple[str, Occurrences]]:
        """Yield (kind, occurrences), the most frequent first, OTHER last."""
        yield from sorted(self.kept.items(), key=lambda item: (-item[1].count, item[0]))
        if self.others is not None:
            yield OTHER, self.others

    def total(self) -> int:
        return sum(occurrences.count for _, occurrences in self)

    def _add(self, kind: str, occurrences: Occurrences) -> None:
        known = self.kept.get(kind)
        if known is not None:
            known.add(occurrences)
            return
        if len(self.kept) == MOST_KINDS:
            # Looked for once and not each time: of texts that differ each time nearly all come to this and go.
            last = self._next_to_go or max(self.kept, key=_order)
            if _order(kind) > _order(last):
                self._next_to_go = last
                self._drop(occurrences)
                return
            self._drop(self.kept.pop(last))
            self._next_to_go = None
        self.kept[kind] = Occurrences(occurrences.count, occurrences.first_s, occurrences.last_s)

    def _drop(self, occurrences: Occurrences) -> None:
        if self.others is None:
            self.others = Occurrences(occurrences.count, occurrences.first_s, occurrences.last_s)
        else:
            self.others.add(occurrences)


def _order(kind: str) -> tuple[int, str]:
    return len(kind), kind


_STATUS = r"(HTTP \d{3}\b)"
_ADDRESS = r"0x[0-9a-f]+"
_UUID = r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"
_PASSING = re.compile(rf"{_STATUS}|{_ADDRESS}|{_UUID}|\d+", re.IGNORECASE)


def kind_of(error: str) -> str:
    """Return the kind of failure that the text `error` belongs to.

    Addresses and numbers are what differs between two failures of a kind, so they are masked; the status in "HTTP 503"
    *is* the kind and stays. One line, at most MOST_KIND_CHARACTERS long.
    """
    line = " ".join(error.split())[: 2 * MOST_KIND_CHARACTERS]
    return _PASSING.sub(lambda found: found[1] or "N", line)[:MOST_KIND_CHARACTERS]
