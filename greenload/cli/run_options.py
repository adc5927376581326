"""The options of every command that makes a run, and what they come to: a scenario, a plan, and where to write."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from greenload.cli.conduct import LOG_LEVELS, Outputs
from greenload.cli.options import Duration, Resolve, Stages
from greenload.core.messages import Plan, Resolved
from greenload.core.shape import Shape, ramp
from greenload.scenario import Scenario, check_hosts, load

Command = Callable[..., None]


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for on the command line: these users, for so long."""

    scenario: Scenario
    plan: Plan


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the argument SCENARIO and the options of a run.

    It is called with a function that returns what is Wanted (it loads the scenario, and raises what is wrong with it),
    with the Outputs, and with its own options.
    """

    def call(
        scenario: Path | None,
        host: str | None,
        users: int | None,
        spawn_rate: float | None,
        run_time: float | None,
        stages: Shape | None,
        stop_timeout: float,
        classes: tuple[str, ...],
        seed: int | None,
        resolved: tuple[Resolved, ...],
        json_file: Path | None,
        csv_prefix: str | None,
        quiet: bool,
        log_level: str,
        log_file: Path | None,
        **own: Any,
    ) -> None:
        def wanted() -> Wanted:
            shape, duration_s = _when(users, spawn_rate, run_time, stages)
            loaded = load(scenario, classes)
            check_hosts(loaded, host)
            drawn = secrets.randbelow(2**31) if seed is None else seed
            return Wanted(loaded, Plan(shape, duration_s, loaded.shares(), host, stop_timeout, drawn, resolved))

        command(wanted, Outputs(json_file, csv_prefix, quiet, log_level, log_file), **own)

    call.__doc__ = command.__doc__
    for option in reversed(RUN_OPTIONS):
        call = option(call)
    return call


def plan_options_said() -> list[str]:
    """Return which options on the command line say what the run shall be."""
    context = click.get_current_context()
    return [name for name in PLANNING if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]


def _when(
    users: int | None, spawn_rate: float | None, run_time: float | None, stages: Shape | None
) -> tuple[Shape, float | None]:
    """Return the shape of a run and its duration in seconds, None for no end."""
    if stages is not None and (users is not None or spawn_rate is not None):
        raise click.UsageError("--stages says the users over time; -u and -r do not go with it")
    if run_time is not None and run_time <= 0:
        raise click.UsageError("-t needs a run time above 0, for example 30s")
    if stages is not None:
        return stages, stages.duration_s if run_time is None else run_time
    return ramp(1 if users is None else users, 1.0 if spawn_rate is None else spawn_rate), run_time


# The parameters that say what the run shall be, and not what is shown or written of it.
PLANNING = (
    "scenario", "host", "users", "spawn_rate", "run_time", "stages", "stop_timeout", "classes", "seed", "resolved",
)  # fmt: skip

RUN_OPTIONS = (
    click.argument("scenario", required=False, type=click.Path(path_type=Path)),
    click.option("-H", "--host", metavar="URL", help="Base URL of the service; goes before the classes' own host."),
    click.option("-u", "--users", type=click.IntRange(min=1), help="How many virtual users.  [default: 1]"),
    click.option(
        "-r", "--spawn-rate", type=click.FloatRange(min=0, min_open=True), help="Users started a second.  [default: 1]"
    ),
    click.option(
        "-t", "--run-time", type=Duration(), help="When to stop, for example 30s, 2m or 1h20m.  [default: never]"
    ),
    click.option("--stages", type=Stages(), help='Users over time instead of -u and -r: "50@30s,50@2m,0@10s".'),
    click.option(
        "--stop-timeout", type=Duration(), default="10s", show_default=True, help="How long a running task may finish."
    ),
    click.option(
        "--class", "classes", multiple=True, metavar="NAME", help="Run this user class only; may be repeated."
    ),
    click.option("--seed", type=int, help="Repeats the choice of tasks and wait times of a run with this seed."),
    click.option(
        "--resolve",
        "resolved",
        type=Resolve(),
        multiple=True,
        metavar="HOST:IP",
        help="Use this address for HOST instead of looking it up; may be repeated.",
    ),
    click.option(
        "--json", "json_file", type=click.Path(path_type=Path), help="Write the summary as JSON to this file."
    ),
    click.option(
        "--csv", "csv_prefix", metavar="PREFIX", help="Write Locust's four CSV files, PREFIX_stats.csv and so on."
    ),
    click.option("--quiet", is_flag=True, help="No progress, only the summary."),
    click.option(
        "--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="What is logged."
    ),
    click.option("--log-file", type=click.Path(path_type=Path), help="Log into this file instead of stderr."),
)
