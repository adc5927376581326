"""`greenload find`: the highest rate at which a service still passes its thresholds, and the steps that lead there."""

from __future__ import annotations

import json
import logging
import math
import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.exceptions import Exit

from greenload.asked import both
from greenload.cli import INTERRUPTED as INTERRUPTED_CODE
from greenload.cli.conduct import new_run
from greenload.cli.guard import NotValid, RunBroke, ThresholdsFailed, said_of
from greenload.cli.load_options import arrivals_option, max_lag_option, max_users_option
from greenload.cli.options import DURATION, RATE, processes_option
from greenload.cli.outputs import check_writable, log_to
from greenload.cli.run_options import (
    class_option,
    fail_if_option,
    host_option,
    log_file_option,
    log_level_option,
    resolve_option,
    scenario_argument,
    seed_option,
    stop_timeout_option,
)
from greenload.cli.steps import BROKE, INTERRUPTED, Steps, Trial
from greenload.core.codec import printable
from greenload.core.gate import Gate
from greenload.core.load import Load
from greenload.core.messages import Plan, Resolved
from greenload.core.run_info import RunInfo
from greenload.core.search import GENERATOR, LOWEST_FAILED, Search
from greenload.core.thresholds import Threshold
from greenload.descriptors import check
from greenload.report.console import print_search
from greenload.report.live import ProgressHandler
from greenload.report.search import per_s, search_document, step_line
from greenload.report.terminal import console_for
from greenload.scenario import Scenario, check_arrivals, check_hosts
from greenload.scenario import load as load_scenario

WARMUP_PART = 0.1


@click.command("find")
@scenario_argument
@host_option
@fail_if_option
@click.option("--from", "lowest", type=RATE, required=True, help="The rate to begin with, for example 50/s.")
@click.option("--to", "highest", type=RATE, required=True, help="The highest rate to try, for example 5000/s.")
@click.option("--step-time", type=DURATION, default="20s", show_default=True, help="How long each rate is tried.")
@click.option(
    "--warmup",
    type=DURATION,
    help="How much of the start of each step does not count, in whole seconds.  [default: a tenth of the step]",
)
@arrivals_option
@max_users_option
@max_lag_option
@processes_option("Run the users in this many worker processes; auto: one for each core.  [default: in this one]")
@stop_timeout_option
@class_option
@seed_option
@resolve_option
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all of it as JSON to this file.")
@click.option("--quiet", is_flag=True, help="No progress, only what was found.")
@log_level_option
@log_file_option
def command(json_file: Path | None, log_level: str, log_file: Path | None, **said: Any) -> None:
    """Find the highest rate at which a service still passes its thresholds.

    Each step is a run at one rate: twice the one before until one fails, then half way between the highest that held
    and the lowest that failed, until these are within 5 % or 1/s of each other. A step that says more about the
    generator than about the service ends the search.
    """
    asked = Sought(**said)
    steps = Steps(asked.trial(), Search(asked.lowest, asked.highest))
    info = new_run(steps.trial.scenario, steps.trial.plan_at(asked.lowest))
    progress = console_for(sys.stderr)

    def say(text: str) -> None:
        if not asked.quiet:
            progress.out(printable(text), highlight=False)

    with ExitStack() as cleanup:
        for path in (json_file, log_file):
            check_writable(path)
        handler = ProgressHandler(progress) if log_file is None else logging.FileHandler(log_file)
        cleanup.callback(log_to(handler, log_level))
        # Also when a step breaks: what was found until then belongs to the person.
        cleanup.callback(_publish, info, asked, steps, json_file)
        say(_announcement(asked, steps))
        steps.go(lambda step: say(f"step {len(steps.tried)}: {step_line(step)}"))  # switch
    _check(steps)


@dataclass(frozen=True)
class Sought:
    """What somebody asked for on the command line, of the search and of each of its steps."""

    scenario: Path | None
    host: str | None
    fail_if: tuple[Threshold, ...]
    lowest: float
    highest: float
    step_time: float
    warmup: float | None
    arrivals: str | None
    max_users: int | None
    max_lag: float | None
    processes: int | None
    stop_timeout_s: float
    classes: tuple[str, ...]
    seed: int | None
    resolved: tuple[Resolved, ...]
    quiet: bool

    def trial(self) -> Trial:
        """Load the scenario and return what all steps are to be.  Raises what is wrong with any of it."""
        scenario = load_scenario(self.scenario, self.classes)
        check_hosts(scenario, self.host)
        gate = Gate(both(scenario.fail_if, self.fail_if), scenario.abort_if, warmup_s=self._warmup_s())
        if not gate.fail_if:
            raise click.UsageError("nothing says what a rate has to come through: say --fail-if, such as 'p99 > 300ms'")
        plan_at = self._plans(scenario)
        for rate in (self.lowest, self.highest):  # so that what cannot be planned is said before there is any load
            plan = plan_at(rate)
            check_arrivals(scenario, plan.arrivals)
            check(scenario.classes, plan, self.processes or 1)
        return Trial(scenario, plan_at, gate, self.processes, self.stop_timeout_s, self.quiet)

    def _plans(self, scenario: Scenario) -> Callable[[float], Plan]:
        """Return what makes a plan of a rate."""
        shares, seed = scenario.shares(), secrets.randbelow(2**31) if self.seed is None else self.seed

        def plan_at(rate: float) -> Plan:
            load = Load(
                rate=rate,
                arrivals=self.arrivals,
                max_users=self.max_users,
                max_lag=self.max_lag,
                run_time=self.step_time,
            )
            shape, arrivals, duration_s = load.over(scenario.load).planned()
            return Plan(shape, duration_s, shares, self.host, self.stop_timeout_s, seed, self.resolved, arrivals)

        return plan_at

    def _warmup_s(self) -> int:
        warmup_s = math.ceil(WARMUP_PART * self.step_time if self.warmup is None else self.warmup)
        if self.step_time <= warmup_s:
            raise click.UsageError(
                f"nothing would be measured: a step takes {self.step_time:g} s (--step-time), and the warm-up"
                f" {warmup_s} s of it (--warmup, whole seconds)"
            )
        return warmup_s


def _announcement(asked: Sought, steps: Steps) -> str:
    conditions = ", ".join(f"'{each}'" for each in steps.trial.gate.fail_if)
    return (
        f"from {per_s(asked.lowest)} to {per_s(asked.highest)}, at most {steps.search.most_steps} steps of"
        f" {asked.step_time:g} s; a rate fails if {conditions}"
    )


def _publish(info: RunInfo, asked: Sought, steps: Steps, json_file: Path | None) -> None:
    """Write and print all there is to say of a search that has begun."""
    if steps.ended == BROKE and not steps.tried:
        return
    document = search_document(info, asked.step_time, steps.search, steps.tried, steps.ended)
    try:
        if json_file is not None:
            json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print_search(console_for(sys.stdout), document)
    except OSError as error:
        raise RunBroke(said_of(error)) from error


def _check(steps: Steps) -> None:
    """Raise what the exit code is to say of a search that has ended."""
    if steps.ended == LOWEST_FAILED:
        raise ThresholdsFailed("even the lowest rate failed")
    if steps.ended == GENERATOR:
        raise NotValid(f"the search ended at {per_s(steps.tried[-1].rate)} because of the generator")
    if steps.ended == INTERRUPTED:
        raise Exit(INTERRUPTED_CODE)
