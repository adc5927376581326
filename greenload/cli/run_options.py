"""The options of every command that makes a run, and what they come to: a scenario, a plan, and where to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from greenload.asked import Asked
from greenload.cli.keeping import keeping_options
from greenload.cli.load_options import LOAD_PARAMETERS, takes_load
from greenload.cli.options import CONDITION, DURATION, SETTING, Resolve, Seed, phases_option
from greenload.cli.outputs import LOG_LEVELS, Outputs

ASKED_PARAMETERS = tuple(field.name for field in fields(Asked))
OUTPUT_PARAMETERS = tuple(field.name for field in fields(Outputs))


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the argument SCENARIO and the options of a run.

    It is called with the path of the scenario, None where nobody said it, with what is Asked of a run of it, with the
    Outputs, with the Keeping, and with its own options.
    """

    def call(**said: Any) -> None:
        said["options"] = dict(said["options"])
        asked = Asked(**{name: said.pop(name) for name in ASKED_PARAMETERS})
        outputs = Outputs(**{name: said.pop(name) for name in OUTPUT_PARAMETERS})
        command(asked=asked, outputs=outputs, **said)

    call.__doc__ = command.__doc__
    call = keeping_options(takes_load(call))
    for option in reversed(RUN_OPTIONS):
        call = option(call)
    return call


def plan_options_said() -> list[str]:
    """Return which options on the command line say what the run shall be."""
    context = click.get_current_context()
    said = [name for name in PLANNING if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    return [
        each.opts[-1] if each.name != "scenario" else "SCENARIO" for each in context.command.params if each.name in said
    ]


# The parameters that say what the run shall be, and not what is shown or written of it.
PLANNING = ("scenario", *LOAD_PARAMETERS, *ASKED_PARAMETERS)

# What other commands that make load take, too.
scenario_argument = click.argument("scenario", required=False, type=click.Path(path_type=Path))
host_option = click.option(
    "-H", "--host", metavar="URL", help="Base URL of the service; goes before the classes' own host."
)
stop_timeout_option = click.option(
    "--stop-timeout",
    "stop_timeout_s",
    type=DURATION,
    default="10s",
    show_default=True,
    help="How long a running task may finish.",
)
class_option = click.option(
    "--class", "classes", multiple=True, metavar="NAME", help="Run this user class only; may be repeated."
)
option_option = click.option(
    "-o",
    "--option",
    "options",
    type=SETTING,
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of the scenario's own; may be repeated.",
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
    option_option,
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
        "--grace",
        "grace_s",
        type=DURATION,
        default="10s",
        show_default=True,
        help="How long after the warm-up nothing aborts.",
    ),
    click.option(
        "--warmup",
        "warmup_s",
        type=DURATION,
        default="0s",
        help="How much of the start does not count, in whole seconds.",
    ),
    click.option("--strict", "is_strict", is_flag=True, help="End with exit code 4 when the verdict is SUSPECT."),
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
