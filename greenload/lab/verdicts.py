"""What may be said about a claim, given how quiet the machine was."""

from __future__ import annotations

from greenload.lab.findings import Claim
from greenload.lab.lesson import Held

TRUE, FALSE, UNKNOWN = "came true here", "did NOT come true here", "too busy to conclude"
NOT_MEASURED = "not measured"


def verdict_on(claim: Claim, held: Held) -> str:
    """Return what came of the claim. On a busy machine nothing is concluded from times, in either direction."""
    if claim.came_true is None:
        return NOT_MEASURED
    if claim.needs_quiet and held.disturbances:
        return UNKNOWN
    return TRUE if claim.came_true else FALSE


def reading_of(held: Held) -> str:
    """Return how to read what was found: what holds anyway, and what follows from the claims that were concluded."""
    follows = []
    for claim in held.findings.claims:
        said = verdict_on(claim, held)
        follows.append(claim.reading if said == TRUE else claim.otherwise if said == FALSE else "")
    return " ".join(filter(None, [held.lesson.reading, *follows]))
