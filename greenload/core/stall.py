"""A stall: a time in which requests were under way at a worker and none of them was answered."""

from __future__ import annotations

from typing import NamedTuple


class Stall(NamedTuple):
    """So many seconds without an answer, from the run's second `from_s` on."""

    length_s: float
    from_s: float


def longer(one: Stall | None, other: Stall | None) -> Stall | None:
    """Return the longer of two stalls; of equally long ones the earlier, so that their order makes no difference."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda stall: (stall.length_s, -stall.from_s))
