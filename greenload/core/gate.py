"""The gate at the end of a run: which thresholds it must pass, and how it came through them.

Those that fail a run are judged once, at the end; those that abort it each second, too, once the grace period is over.
All are about what was measured, which begins with the end of the warm-up. Looks only at Results.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from greenload.core.pause import Pause, no_pause
from greenload.core.results import Results
from greenload.core.stats import Tally
from greenload.core.thresholds import FAILED, NOT_JUDGED, PASSED, Judgement, Measured, Threshold

FAIL, ABORT = "fail", "abort"


@dataclass(frozen=True)
class Gate:
    """What was asked of a run.

    warmup_s  the seconds from its beginning that do not count
    grace_s   from the end of the warm-up on, so long nothing aborts it
    """

    fail_if: tuple[Threshold, ...] = ()
    abort_if: tuple[Threshold, ...] = ()
    grace_s: float = 10.0
    warmup_s: int = 0

    def breach(self, results: Results) -> Breach | None:
        """Return what the run is to be aborted for now, if anything."""
        if results.measured_s < self.grace_s:
            return None
        for number, threshold in enumerate(self.abort_if):
            judgement = _judge(threshold, results)
            if judgement.status == FAILED and judgement.value is not None:
                return Breach(number, results.elapsed_s, judgement.value)
        return None

    def judge(self, results: Results, breach: Breach | None = None, pause: Pause = no_pause) -> list[Outcome]:
        """Return how each threshold came out; `breach` is what the run was aborted for."""
        outcomes = []
        for threshold in self.fail_if:
            outcomes.append(Outcome(threshold, FAIL, _judge(threshold, results)))
            pause()
        for number, threshold in enumerate(self.abort_if):
            pause()
            if breach is not None and breach.number == number:
                # By what it was then: the last answers may have come in quickly, and change nothing.
                outcomes.append(Outcome(threshold, ABORT, Judgement(FAILED, breach.value), breach.at_s))
            else:
                outcomes.append(Outcome(threshold, ABORT, _judge(threshold, results)))
        return outcomes


@dataclass(frozen=True)
class Breach:
    """The threshold `number` of those that abort failed, with `value`, when the run was measured until `at_s`."""

    number: int
    at_s: float
    value: float


@dataclass(frozen=True)
class Outcome:
    """A threshold, whether it was to FAIL or to ABORT the run, how it came out, and when it aborted the run."""

    threshold: Threshold
    action: str
    judgement: Judgement
    aborted_at_s: float | None = None

    @property
    def has_passed(self) -> bool:
        """Whether it is known to hold: what could not be checked is not passed."""
        return self.judgement.status == PASSED


def shown_name(method: str, name: str) -> str:
    """Return what a request is called in the summary's table, and in a threshold."""
    return f"{method} {name}".strip()


def _judge(threshold: Threshold, results: Results) -> Judgement:
    if threshold.name is None:
        dropped = results.measured.dropped
        arrivals = results.measured.iterations + dropped
        return threshold.judge(Measured(results.measured_tally, results.measured_s, arrivals, dropped))
    tallies = results.measured.tallies
    called = [tally for name, tally in tallies.items() if shown_name(*name) == threshold.name]
    if not called:
        near = difflib.get_close_matches(threshold.name, [shown_name(*name) for name in tallies], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return Judgement(NOT_JUDGED, None, f"nothing was measured under this name{hint}")
    return threshold.judge(Measured(_sum(called), results.measured_s))


def _sum(tallies: list[Tally]) -> Tally:
    if len(tallies) == 1:
        return tallies[0]
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total
