"""The command line: one module a command. It parses, wires the parts together and says the exit code.

Exit codes: 0 the run was made, 1 a threshold failed, 2 wrong usage, 3 the run itself broke, 4 the result is not valid
(--strict, or `find` came to the limit of the generator), 130 Ctrl-C before there was a run, or before `find` had its
answer. A request that failed is a result, not an error.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from greenload.core.errors import GreenloadError
from greenload.version import VERSION

INTERRUPTED = 130  # as shells say it

# The help of all commands is shown from here, so that `--help` need not import them.
COMMANDS = {
    "compare": "Compare runs: with each other, with a summary in a file, or with a run of Locust's.",
    "demo": "Load the album service for a quarter of a minute and see what greenload is.",
    "export": "Write a run that was kept as CSV, JSON, NDJSON, an HdrHistogram log or for Prometheus.",
    "find": "Find the highest rate at which a service still passes its thresholds.",
    "key": "Print a new join key, the secret that a master and its workers share.",
    "lab": "Lessons about green threads and load, measured on this machine; without LESSON, the list of them.",
    "master": "Wait for workers, give them the users of a scenario, and add up what they count.",
    "report": "Make a report of a run that was kept, as a page for a browser or in the terminal.",
    "run": "Load a service with the users of a scenario, a Python file.",
    "runs": "List the runs that were kept, the newest first; or remove, tag and note them.",
    "worker": "Run virtual users for a master until its run is over.",
}


class Commands(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"greenload.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GreenloadError as error:
            raise Refused(str(error)) from error
        except KeyboardInterrupt:  # before there was a run; click would say 1, as if a threshold had failed
            raise click.exceptions.Exit(INTERRUPTED) from None


class Refused(click.ClickException):
    """Wrong usage that only shows when the command looks closer; one sentence, no traceback."""

    exit_code = 2


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-V", "--version", prog_name="greenload")
def main() -> None:
    """Load a service with virtual users, each one green thread, and see numbers that add up."""
    # Here, for `--help` ends before this and need not import what users are made of.
    from greenload.descriptors import raise_limit

    raise_limit()
