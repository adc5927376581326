"""Placement: which user class lives on which worker.

Two questions, answered apart. *Of which class is user number i?* follows from the weights alone (`class_sequence`).
*Where does user number i live?* on the worker with the fewest users, and among those the one with the fewest of that
class: class by class, or four workers and a cycle of four classes would put a whole class on one worker.

Everything is arithmetic on whole numbers: who repeats the same calls gets the same placement. Knows nothing of time,
messages or user code.
"""

from __future__ import annotations

import heapq
import itertools
import math
from bisect import insort
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple


class Share(NamedTuple):
    """How many users a class gets: exactly `fixed_count`, or when that is 0 a part in proportion to `weight`."""

    name: str
    weight: float = 1.0
    fixed_count: int = 0


def class_sequence(shares: Sequence[Share]) -> Iterator[str]:
    """Yield the class of user 0, 1, 2, ...: the fixed ones first, then by weight, for ever.

    After any number of users each class has its exact quota rounded up or down, never further off. Ends after the
    fixed users when no class has a weight.  Raises ValueError for a negative weight or count, or when no class may
    have a user.
    """
    for share in shares:
        if not isinstance(share.weight, (int, float)) or not 0 <= share.weight < math.inf:
            raise ValueError(f"{share.name}: weight must be a number of 0 or more, not {share.weight!r}")
        if not isinstance(share.fixed_count, int) or share.fixed_count < 0:
            raise ValueError(
                f"{share.name}: fixed_count must be a whole number of 0 or more, not {share.fixed_count!r}"
            )
    fixed = [(share.name, Fraction(share.fixed_count)) for share in shares if share.fixed_count]
    weighted = [(share.name, Fraction(share.weight)) for share in shares if share.weight and not share.fixed_count]
    if not fixed and not weighted:
        raise ValueError("every class has weight 0 and fixed_count 0: there is no user to run")
    return itertools.chain(
        itertools.islice(_in_proportion(fixed), sum(share.fixed_count for share in shares)),
        _in_proportion(weighted),
    )


def _in_proportion(weights: Sequence[tuple[str, Fraction]]) -> Iterator[str]:
    """Yield names in proportion to their weights, each prefix as close as whole numbers allow.

    The jth user of a class with part p of all users may come at position floor((j - 1) / p) and must come before
    position ceil(j / p); whoever must come soonest goes next.
    Source: Baruah, Cohen, Plaxton, Varvel, "Proportionate Progress" (1996), one processor.
    """
    total = sum((weight for _, weight in weights), Fraction())
    # In whole numbers, for a Fraction's own arithmetic takes most of the time: part p is above / below.
    parts = [(weight / total).as_integer_ratio() for _, weight in weights]
    may_come = [(0, order, 1) for order in range(len(weights))]
    must_come: list[tuple[int, int, int]] = []
    for position in itertools.count() if weights else ():
        while may_come and may_come[0][0] <= position:
            _, order, j = heapq.heappop(may_come)
            above, below = parts[order]
            heapq.heappush(must_come, (-(-j * below // above), order, j))
        _, order, j = heapq.heappop(must_come)
        yield weights[order][0]
        above, below = parts[order]
        heapq.heappush(may_come, (j * below // above, order, j + 1))


class Placement:
    """Users 0 .. n-1 on the workers that are here.

    Holds after every call: workers differ by at most one user; a lost worker's users are all that move, onto workers
    that keep their own; a joining worker takes just its part. Growing moves nobody, and neither does shrinking unless
    workers came or went before.
    """

    def __init__(self, shares: Sequence[Share]) -> None:
        self._sequence = class_sequence(shares)
        self._class_of: list[str] = []
        self._users = 0
        self._index: dict[str, int] = {}  # worker -> its bit in _Levels
        self._numbers: dict[int, list[int]] = {}  # the users on each worker, ascending
        self._home: dict[int, int] = {}  # and the worker of each user
        self._total = _Levels()
        self._of_class = {share.name: _Levels() for share in shares}
        self._joined = itertools.count()

    @property
    def users(self) -> int:
        """How many users there are: what was asked for, or all fixed ones when no class has a weight."""
        return self._users

    def on(self, worker: str) -> dict[str, int]:
        """Return how many users of each class live on `worker`."""
        index = self._index[worker]
        return {name: levels.count[index] for name, levels in self._of_class.items()}

    def resize(self, users: int) -> None:
        """Let there be `users` users, fewer when the classes allow no more."""
        self._class_of.extend(itertools.islice(self._sequence, max(0, users - len(self._class_of))))
        users = min(users, len(self._class_of))
        for number in range(self._users, users):
            self._settle(number)
        for number in range(self._users - 1, users - 1, -1):
            self._leave(number)
        self._users = users

    def join(self, worker: str) -> None:
        """Let `worker` take its part of the users."""
        if worker in self._index:
            raise ValueError(f"{worker} is here already")
        index = self._index[worker] = next(self._joined)
        self._numbers[index] = []
        for levels in (self._total, *self._of_class.values()):
            levels.join(index)
        if len(self._index) == 1:
            for number in range(self._users):
                self._settle(number)
        self._even_out()

    def lose(self, worker: str) -> None:
        """Let the others take the users of `worker`; with no others, they wait for the next one to join."""
        index = self._index.pop(worker)
        homeless = self._numbers.pop(index)
        for levels in (self._total, *self._of_class.values()):
            levels.lose(index)
        for number in homeless:
            del self._home[number]
            self._settle(number)

    def _settle(self, number: int) -> None:
        if self._index:
            least_loaded = self._total.fewest(self._total.everyone)
            self._put(number, _first(self._of_class[self._class_of[number]].fewest(least_loaded)))

    def _leave(self, number: int) -> None:
        if self._index:
            self._take(number)
            self._even_out()

    def _put(self, number: int, index: int) -> None:
        self._home[number] = index
        insort(self._numbers[index], number)
        self._total.change(index, 1)
        self._of_class[self._class_of[number]].change(index, 1)

    def _take(self, number: int) -> None:
        index = self._home.pop(number)
        self._numbers[index].remove(number)
        self._total.change(index, -1)
        self._of_class[self._class_of[number]].change(index, -1)

    def _even_out(self) -> None:
        """Move users, one at a time, until no worker has two more than another."""
        while self._index:
            low = _first(self._total.fewest(self._total.everyone))
            high = _first(self._total.most(self._total.everyone))
            if self._total.count[high] - self._total.count[low] <= 1:
                return
            self._move_one(high, low)

    def _move_one(self, giver: int, taker: int) -> None:
        """Move the youngest user of the class that `giver` has most more of than `taker`."""
        surplus = {name: of.count[giver] - of.count[taker] for name, of in self._of_class.items()}
        name = max(surplus, key=surplus.__getitem__)
        number = next(n for n in reversed(self._numbers[giver]) if self._class_of[n] == name)
        self._take(number)
        self._put(number, taker)


class _Levels:
    """How many users each worker has, and who has fewest or most.

    A set of workers is the bits of one int: with a thousand workers the one with the fewest is found in a few machine
    instructions instead of a thousand comparisons.
    """

    def __init__(self) -> None:
        self.count: dict[int, int] = {}
        self.everyone = 0
        self._with: dict[int, int] = {}  # number of users -> the workers that have it

    def join(self, index: int) -> None:
        self.count[index] = 0
        self.everyone |= 1 << index
        self._with[0] = self._with.get(0, 0) | 1 << index

    def lose(self, index: int) -> None:
        self._leave(index)
        del self.count[index]
        self.everyone &= ~(1 << index)

    def change(self, index: int, by: int) -> None:
        self._leave(index)
        count = self.count[index] = self.count[index] + by
        self._with[count] = self._with.get(count, 0) | 1 << index

    def fewest(self, among: int) -> int:
        return self._first_of(sorted(self._with), among)

    def most(self, among: int) -> int:
        return self._first_of(sorted(self._with, reverse=True), among)

    def _first_of(self, counts: Sequence[int], among: int) -> int:
        for count in counts:
            if found := self._with[count] & among:
                return found
        raise ValueError("there is no worker among nobody")

    def _leave(self, index: int) -> None:
        count = self.count[index]
        self._with[count] &= ~(1 << index)
        if not self._with[count]:
            del self._with[count]


def _first(workers: int) -> int:
    """Return the lowest of a set of workers."""
    return (workers & -workers).bit_length() - 1
