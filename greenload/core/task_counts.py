"""How often each task of each user class was begun, in bounded memory however many tasks there are.

Knows nothing of what a task is: it has the name of a class, and its own.
"""

from __future__ import annotations

from collections.abc import Iterable

MOST_TASKS = 1_000
OTHER_TASKS = "(other tasks)"

TaskKey = tuple[str, str]  # the user class, and the task: "look", or "Checkout.pay" for one of a TaskSet


class TaskCounts:
    """Tasks begun, for at most MOST_TASKS different ones; all others together count as `others`.

    Those with the shortest names are kept, as Kinds keeps them and for the same reason: so adding may be done in any
    order.
    """

    __slots__ = ("kept", "others")

    def __init__(self) -> None:
        self.kept: dict[TaskKey, int] = {}
        self.others = 0

    def __len__(self) -> int:
        return len(self.kept) + (self.others > 0)

    def count(self, begun: Iterable[tuple[TaskKey, int]]) -> None:
        """Count each task as many times as `begun` says."""
        kept = self.kept
        for key, times in begun:
            kept[key] = kept.get(key, 0) + times
        if len(kept) > MOST_TASKS:
            # All at once: somebody may add thousands.
            for key in sorted(kept, key=lambda key: (len(key[0]) + len(key[1]), key))[MOST_TASKS:]:
                self.others += kept.pop(key)

    def add(self, other: TaskCounts) -> None:
        self.count(other.kept.items())
        self.others += other.others

    def total(self) -> int:
        return sum(self.kept.values()) + self.others
