"""The options of every command that makes a run, and what they come to: a scenario, a plan, and where to write."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from greenload.cli.keeping import keeping_options
from greenload.cli.load_options import LOAD_PARAMETERS, takes_load
from greenload.cli.options import CONDITION, DURATION, Resolve, Seed, phases_option
from greenload.cli.outputs import LOG_LEVELS, Outputs
from greenload.core.gate import Gate
from greenload.core.load import Load
from greenload.core.messages import Plan, Resolved
from greenload.core.thresholds import Threshold
from greenload.scenario import Scenario, check_arrivals, check_hosts
from greenload.scenario import load as load_scenario

Command = Callable[..., None]


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for on the command line: these users, for so long, and what they must come through."""

    scenario: Scenario
    plan: Plan
    gate: Gate


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the argument SCENARIO and the options of a run.

    It is called with a function that returns what is Wanted (it loads the scenario, and raises what is wrong with it),
    with the Outputs, with the Keeping, and with its own options.
    """

    def call(
        scenario: Path | None,
        host: str | None,
        load: Load,
        stop_timeout: float,
        classes: tuple[str, ...],
        seed: int | None,
        resolved: tuple[Resolved, ...],
        phases: bool,
        fail_if: tuple[Threshold, ...],
        abort_if: tuple[Threshold, ...],
        grace: float,
        warmup: float,
        strict: bool,
        json_file: Path | None,
        junit_file: Path | None,
        csv_prefix: str | None,
        quiet: bool,
        log_level: str,
        log_file: Path | None,
        html_file: Path | None,
        **own: Any,
    ) -> None:
        def wanted() -> Wanted:
            loaded = load_scenario(scenario, classes)
            check_hosts(loaded, host)
            shape, arrivals, duration_s = load.over(loaded.load).planned()
            check_arrivals(loaded, arrivals)
            drawn = secrets.randbelow(2**31) if seed is None else seed
            shares = loaded.shares()
            plan = Plan(shape, duration_s, shares, host, stop_timeout, drawn, resolved, arrivals, phases)
            gate = Gate(both(loaded.fail_if, fail_if), both(loaded.abort_if, abort_if), grace, math.ceil(warmup))
            _check_warmup(gate, plan)
            return Wanted(loaded, plan, gate)

        shown = Outputs(json_file, junit_file, csv_prefix, strict, quiet, log_level, log_file, html_file)
        command(wanted, shown, **own)

    call.__doc__ = command.__doc__
    call = keeping_options(takes_load(call))
    for option in reversed(RUN_OPTIONS):
        call = option(call)
    return call


def plan_options_said() -> list[str]:
    """Return which options on the command line say what the run shall be."""
    context = click.get_current_context()
    return [name for name in PLANNING if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def both(in_the_scenario: tuple[Threshold, ...], typed: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
    """Return both, each once."""
    return tuple(dict.fromkeys((*in_the_scenario, *typed)))


def _check_warmup(gate: Gate, plan: Plan) -> None:
    if plan.duration_s is not None and plan.duration_s <= gate.warmup_s:
        raise click.UsageError(
            f"with --warmup nothing would be measured: it takes {gate.warmup_s} s (whole seconds),"
            f" and the run {plan.duration_s:g} s"
        )


# The parameters that say what the run shall be, and not what is shown or written of it.
PLANNING = (
    "scenario", "host", *LOAD_PARAMETERS, "stop_timeout", "classes", "seed", "resolved", "phases",
    "fail_if", "abort_if", "grace", "warmup",
)  # fmt: skip

# What other commands that make load take, too.
scenario_argument = click.argument("scenario", required=False, type=click.Path(path_type=Path))
host_option = click.option(
    "-H", "--host", metavar="URL", help="Base URL of the service; goes before the classes' own host."
)
stop_timeout_option = click.option(
    "--stop-timeout", type=DURATION, default="10s", show_default=True, help="How long a running task may finish."
)
class_option = click.option(
    "--class", "classes", multiple=True, metavar="NAME", help="Run this user class only; may be repeated."
)
seed_option = click.option(
    "--seed", type=Seed(), help="Repeats the choice of tasks and wait times of a run with this seed."
)
resolve_option = click.option(
    "--resolve",
    "resolved",
    type=Resolve(),
    multiple=True,
    metavar="HOST:IP",
    help="Use this address for HOST instead of looking it up; may be repeated.",
)
fail_if_option = click.option(
    "--fail-if",
    type=CONDITION,
    multiple=True,
    metavar="CONDITION",
    help="At the end, fail (exit code 1) if this is so, for example 'p99 > 300ms'; may be repeated.",
)
log_level_option = click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="What is logged."
)
log_file_option = click.option(
    "--log-file", type=click.Path(path_type=Path), help="Log into this file instead of stderr."
)

RUN_OPTIONS = (
    scenario_argument,
    host_option,
    stop_timeout_option,
    class_option,
    seed_option,
    resolve_option,
    phases_option,
    fail_if_option,
    click.option(
        "--abort-if",
        type=CONDITION,
        multiple=True,
        metavar="CONDITION",
        help="The same, looked at each second; the run stops at once. May be repeated.",
    ),
    click.option(
        "--grace", type=DURATION, default="10s", show_default=True, help="How long after the warm-up nothing aborts."
    ),
    click.option(
        "--warmup", type=DURATION, default="0s", help="How much of the start does not count, in whole seconds."
    ),
    click.option("--strict", is_flag=True, help="End with exit code 4 when the verdict is SUSPECT."),
    click.option(
        "--json", "json_file", type=click.Path(path_type=Path), help="Write the summary as JSON to this file."
    ),
    click.option(
        "--junit", "junit_file", type=click.Path(path_type=Path), help="Write thresholds and verdict as JUnit XML."
    ),
    click.option(
        "--html", "html_file", type=click.Path(path_type=Path), help="Write a report to this file, as one page."
    ),
    click.option(
        "--csv",
        "csv_prefix",
        metavar="PREFIX",
        help="Write Locust's four CSV files, PREFIX_stats.csv and so on, and the verdict.",
    ),
    click.option("--quiet", is_flag=True, help="No progress, only the summary."),
    log_level_option,
    log_file_option,
)
