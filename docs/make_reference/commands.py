"""The page of commands: what each of them prints when it is asked for its `--help`.

All in the width of a terminal of 80 columns, so the page is the same whatever it is made in, and on each Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from greenload.cli import main

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 80
WIDTH = COLUMNS - 2  # click and argparse both leave that much at the right
HEAD = """\
# Commands

What each command prints when it is asked for its `--help`, in a terminal of 80 columns: this page is made of that, by
`docs/make_reference/`. What the options are for, and which of them go together, is on the page [Command line](cli.md).
"""


def page() -> str:
    """Return the page as it should be now."""
    helps = [
        *helps_of(main, "greenload", None),
        ("python -m service", printed("service")),
        *((f"python -m {module}", without_usage(printed(module))) for module in ("service.race", "service.cost")),
    ]
    return "\n".join([HEAD, *(section(typed, text) for typed, text in helps)])


def section(typed: str, text: str) -> str:
    """Return what the page says of one command."""
    return f"## `{typed}`\n\n```text\n{text.rstrip()}\n```\n"


def helps_of(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield what one types, and the help, of a command and of all below it, in the order of its own list."""
    context = click.Context(
        command, info_name=name, parent=parent, **{**command.context_settings, "terminal_width": WIDTH}
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            each = command.get_command(context, below)
            assert each is not None, below
            yield from helps_of(each, below, context)


def printed(module: str) -> str:
    """Return the help of a program that does not belong to greenload.  Raises CalledProcessError."""
    return subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def without_usage(text: str) -> str:
    """Return what argparse prints without its first paragraph, which Python 3.13 breaks in other places."""
    return text.partition("\n\n")[2]
