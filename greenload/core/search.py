"""The search for the highest rate that holds: which rate to try next, and what is known when there is none left to try.

At first each rate is twice the one before, until one fails; then each is half way between the highest that held and the
lowest that failed. Takes for granted that a rate fails if a lower one does. Knows nothing of how a rate is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from greenload.core.errors import GreenloadError
from greenload.core.gate import Outcome
from greenload.core.verdict import Verdict

CLOSE_PART = 0.05
CLOSE_PER_S = 1.0
BISECTIONS = 6  # at most: a gap as wide as the rate itself is halved five times, and rounding may cost one more

# What came of trying a rate.
HOLDS, FAILS, GENERATOR, STOPPED = "holds", "fails", "generator", "stopped"
# What is known in the end.
FOUND, LOWEST_FAILED, HIGHEST_HELD, OPEN = "found", "lowest failed", "highest held", "open"


class SearchError(GreenloadError):
    """Nothing can be found between these rates."""


@dataclass(frozen=True)
class Search:
    """What is known of rates from `lowest` to `highest`, in arrivals a second.

    held    the highest that held so far;  failed: the lowest that did not
    """

    lowest: float
    highest: float
    held: float | None = None
    failed: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.lowest < self.highest < math.inf:
            raise SearchError(
                f"the rate to begin with must be above 0/s and below the highest one to try, not {self.lowest:g}/s and"
                f" {self.highest:g}/s"
            )

    @property
    def next_rate(self) -> float | None:
        """The rate to try next; None when all there is to find is found."""
        if self.failed is None:
            if self.held is None:
                return self.lowest
            return min(2 * self.held, self.highest) if self.held < self.highest else None
        if self.held is None or self.failed - self.held <= max(CLOSE_PART * self.held, CLOSE_PER_S):
            return None
        # Whole numbers read better. Between the two there is one, as they are more than 1/s apart.
        return float(round((self.held + self.failed) / 2))

    @property
    def most_steps(self) -> int:
        """How many rates are tried at most, from the beginning."""
        return math.ceil(math.log2(self.highest / self.lowest)) + 1 + BISECTIONS

    @property
    def outcome(self) -> str:
        """What is known: OPEN as long as there is a rate to try."""
        if self.next_rate is not None:
            return OPEN
        if self.held is None:
            return LOWEST_FAILED
        return HIGHEST_HELD if self.failed is None else FOUND

    def after(self, rate: float, result: str) -> Search:
        """Return what is known after `rate` was tried; only what HOLDS or FAILS says anything of the server."""
        if result == HOLDS:
            return replace(self, held=rate)
        return replace(self, failed=rate) if result == FAILS else self


def result_of(verdict: Verdict, outcomes: Sequence[Outcome]) -> str:
    """Return what came of trying a rate: it holds when all thresholds are passed and nothing speaks against that.

    What could not be judged, or was not even offered to the server, does not hold. When the numbers say less about the
    server than about the GENERATOR, nobody knows.
    """
    if verdict.generator_reasons:
        return GENERATOR
    return FAILS if verdict.doubts or not all(outcome.has_passed for outcome in outcomes) else HOLDS
