"""What somebody asks of a run, on the command line or in a form, and what comes of it with a scenario.

The scenario may say some of it itself: its load holds where nobody asks for another one, its thresholds always. Knows
nothing of how the asking is done.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from greenload.core.errors import GreenloadError
from greenload.core.gate import Gate
from greenload.core.load import Load
from greenload.core.messages import Plan, Resolved
from greenload.core.options import options_with
from greenload.core.thresholds import Threshold
from greenload.scenario import Scenario, check_arrivals, check_hosts

NO_LOAD = Load()


class NothingMeasured(GreenloadError):
    """The warm-up would take the whole run."""


@dataclass(frozen=True)
class Wanted:
    """A run that can be made: a scenario, with the classes that take part, a plan for it and what it must pass."""

    scenario: Scenario
    plan: Plan
    gate: Gate


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a run.

    load      how much, when;  host: goes before the classes' own
    classes   the names of those that take part; none are all
    options   the scenario's own, by name, as they were written
    seed      None for one that nobody has used before
    """

    load: Load = NO_LOAD
    host: str | None = None
    stop_timeout_s: float = 10.0
    classes: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    resolved: tuple[Resolved, ...] = ()
    has_phases: bool = False
    fail_if: tuple[Threshold, ...] = ()
    abort_if: tuple[Threshold, ...] = ()
    grace_s: float = 10.0
    warmup_s: float = 0.0

    def of(self, scenario: Scenario) -> Wanted:
        """Return the run of `scenario` that this asks for.  Raises what is wrong with it, a GreenloadError."""
        chosen = scenario.only(self.classes)
        check_hosts(chosen, self.host)
        shape, arrivals, duration_s = self.load.over(scenario.load).planned()
        check_arrivals(chosen, arrivals)
        plan = Plan(
            shape=shape,
            duration_s=duration_s,
            shares=chosen.shares(),
            host=self.host,
            stop_timeout_s=self.stop_timeout_s,
            seed=secrets.randbelow(2**31) if self.seed is None else self.seed,
            resolved=self.resolved,
            arrivals=arrivals,
            has_phases=self.has_phases,
            options=options_with(scenario.options, self.options),
        )
        fail_if, abort_if = both(scenario.fail_if, self.fail_if), both(scenario.abort_if, self.abort_if)
        gate = Gate(fail_if, abort_if, self.grace_s, math.ceil(self.warmup_s))
        if duration_s is not None and duration_s <= gate.warmup_s:
            raise NothingMeasured(
                f"with --warmup nothing would be measured: it takes {gate.warmup_s} s (whole seconds),"
                f" and the run {duration_s:g} s"
            )
        return Wanted(chosen, plan, gate)


def both(in_the_scenario: tuple[Threshold, ...], asked_for: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
    """Return both, each once."""
    return tuple(dict.fromkeys((*in_the_scenario, *asked_for)))
