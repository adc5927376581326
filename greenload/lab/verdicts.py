"""What may be said about a claim, given how quiet the machine was."""

from __future__ import annotations

from greenload.lab.findings import Claim
from greenload.lab.lesson import Held

TRUE, FALSE, UNKNOWN = "came true here", "did NOT come true here", "too busy to conclude"


def verdict_on(claim: Claim, held: Held) -> str:
    """Return what came of the claim. On a busy machine nothing is concluded from times, in either direction."""
    if claim.needs_quiet and held.disturbances:
        return UNKNOWN
    return TRUE if claim.came_true else FALSE
