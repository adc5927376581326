"""Runs that are over, or going on, as commands find them in a --db: looked at, never taken up."""

from __future__ import annotations

from pathlib import Path

import click

from greenload.cli.keeping import DEFAULT_DB

db_option = click.option(
    "--db", type=click.Path(path_type=Path), default=DEFAULT_DB, show_default=True, help="Where the run was kept."
)
