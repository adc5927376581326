"""Offered and delivered: what became of the arrivals that a plan of the open model wanted.

Each is begun by somebody or dropped; what is neither was due at a worker that was lost or had left. Knows nothing of
how they were made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from greenload.core.messages import Plan
from greenload.core.results import Results


@dataclass(frozen=True)
class Offer:
    """Arrivals of a run, in numbers; duration_s: the time in which `planned` came due.

    planned = started + dropped + missing. `missing` is below 0 when some were made twice: by a worker that could not be
    reached, and by those who took over for it.
    queued  those that found all users busy, and no room for another
    """

    planned: int
    started: int
    dropped: int
    queued: int
    duration_s: float

    @property
    def missing(self) -> int:
        return self.planned - self.started - self.dropped

    @property
    def offered_per_s(self) -> float:
        return self.planned / self.duration_s if self.duration_s else 0.0

    @property
    def delivered_per_s(self) -> float:
        return self.started / self.duration_s if self.duration_s else 0.0

    @property
    def dropped_part(self) -> float:
        return self.dropped / self.planned if self.planned else 0.0


def offer_of(plan: Plan, results: Results) -> Offer | None:
    """Return what became of the arrivals of `plan`, or None when it is of the closed model."""
    if plan.arrivals is None:
        return None
    total = results.total
    made = total.iterations + total.dropped
    planned_s = results.elapsed_s if plan.duration_s is None else plan.duration_s
    until_s = min(planned_s, results.stopped_s)
    if results.stopped_s < planned_s and not any(record.lost_s is not None for record in results.workers.values()):
        # The workers heard of the stop one after the other; what they made until then is what was wanted, and the time
        # is the one that takes: by the master's own, the rate would be above the one that was asked for.
        made_s = plan.arrivals.rate.reaches(made) if made else until_s
        if math.isinf(made_s):  # Poisson arrivals may be more than the whole area under the rate
            made_s = until_s
        return Offer(made, total.iterations, total.dropped, total.queued, made_s)
    planned = plan.arrivals.count_until(until_s, plan.seed)
    return Offer(planned, total.iterations, total.dropped, total.queued, until_s)
