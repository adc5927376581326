"""`greenload export`: a run that was kept, in the formats of others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import click

from greenload.cli.stored import db_option, stored_run
from greenload.core.errors import GreenloadError
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.report.hlog import hlog
from greenload.report.locust_csv import LocustCsv
from greenload.report.ndjson import ndjson
from greenload.report.prometheus import prometheus
from greenload.report.stored import document_of
from greenload.store import StoredRun

LINES: dict[str, Callable[[RunInfo, Results], Iterable[str]]] = {
    "ndjson": ndjson,
    "hlog": hlog,
    "prometheus": prometheus,
}


class NotExported(GreenloadError):
    """The run cannot be written like that."""


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", *LINES]), required=True, help="What to write it as."
)
@click.option(
    "-o", "--output", metavar="PATH", help="Write into this file; of csv, what its names begin with.  [default: stdout]"
)
@db_option
def command(run_id: str, form: str, output: str | None, db: Path) -> None:
    """Write a run that was kept as CSV, JSON, NDJSON, an HdrHistogram log or for Prometheus."""
    if form == "csv" and output is None:
        raise click.UsageError("csv is five files; say with --output what their names begin with")
    run = stored_run(db, run_id)
    if not run.kept.results.total.sent:
        raise NotExported(f"run {run_id} has no requests: there is nothing to write")
    try:
        if form == "csv" and output is not None:
            _write_csv(run, output)
        else:
            _write(_lines(run, form), output)
    except BrokenPipeError:  # who read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise NotExported(f"cannot write {error.filename or output or 'to stdout'}: {error.strerror}") from error


def _lines(run: StoredRun, form: str) -> Iterable[str]:
    if form == "json":
        return [json.dumps(document_of(run), indent=1) + "\n"]
    return LINES[form](run.info, run.kept.results)


def _write(lines: Iterable[str], output: str | None) -> None:
    if output is None:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    else:
        with Path(output).open("w", encoding="utf-8") as file:
            file.writelines(lines)


def _write_csv(run: StoredRun, prefix: str) -> None:
    files = LocustCsv(prefix, datetime.fromisoformat(run.info.started))
    try:
        files.history(run.kept.results)
        files.finish(run.kept.results, document_of(run)["verdict"])
    finally:
        files.close()
