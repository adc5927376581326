"""`greenload export`: a run that was kept, in the formats of others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import click

from greenload.cli.stored import db_option
from greenload.report.export import CSV, FORMATS, NotExported, check_exportable, lines_of, write_csv
from greenload.store import Store


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to write it as.")
@click.option(
    "-o", "--output", metavar="PATH", help="Write into this file; of csv, what its names begin with.  [default: stdout]"
)
@db_option
def command(run_id: str, form: str, output: str | None, db: Path) -> None:
    """Write a run that was kept as CSV, JSON, NDJSON, an HdrHistogram log or for Prometheus."""
    if form == CSV and output is None:
        raise click.UsageError("csv is five files; say with --output what their names begin with")
    with closing(Store.found(db)) as store:
        run = store.outline(run_id)
        check_exportable(run)
        try:
            if form == CSV and output is not None:
                write_csv(store, run, output)
            else:
                _write(lines_of(store, run, form), output)
        except BrokenPipeError:  # who read it has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise NotExported(f"cannot write {error.filename or output or 'to stdout'}: {error.strerror}") from error


def _write(lines: Iterable[str], output: str | None) -> None:
    if output is None:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    else:
        with Path(output).open("w", encoding="utf-8") as file:
            file.writelines(lines)
