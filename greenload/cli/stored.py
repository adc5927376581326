"""Runs that are over, or going on, as commands find them in a --db: looked at, never taken up."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from greenload.cli.keeping import DEFAULT_DB
from greenload.store import Store, StoredRun

db_option = click.option(
    "--db", type=click.Path(path_type=Path), default=DEFAULT_DB, show_default=True, help="Where the run was kept."
)


def stored_run(db: Path, run_id: str) -> StoredRun:
    """Return the run `run_id` of the file `db`.  Raises StoreError."""
    with closing(Store.found(db)) as store:
        return store.load(run_id)
