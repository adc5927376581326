"""`greenload export`: a run that was kept, in the formats of others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from greenload.cli.stored import db_option
from greenload.core.errors import GreenloadError
from greenload.report.hlog import hlog
from greenload.report.locust_csv import LocustCsv
from greenload.report.ndjson import ndjson
from greenload.report.prometheus import prometheus
from greenload.report.stored import document_of
from greenload.store import Store, StoredRun

FORMATS = ("csv", "json", "ndjson", "hlog", "prometheus")


class NotExported(GreenloadError):
    """The run cannot be written like that."""


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to write it as.")
@click.option(
    "-o", "--output", metavar="PATH", help="Write into this file; of csv, what its names begin with.  [default: stdout]"
)
@db_option
def command(run_id: str, form: str, output: str | None, db: Path) -> None:
    """Write a run that was kept as CSV, JSON, NDJSON, an HdrHistogram log or for Prometheus."""
    if form == "csv" and output is None:
        raise click.UsageError("csv is five files; say with --output what their names begin with")
    with closing(Store.found(db)) as store:
        run = store.outline(run_id)
        if not any(record.sent for record in run.kept.results.workers.values()):
            raise NotExported(f"run {run_id} has no requests: there is nothing to write")
        try:
            if form == "csv" and output is not None:
                _write_csv(store, run, output)
            else:
                _write(_lines(store, run, form), output)
        except BrokenPipeError:  # who read it has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise NotExported(f"cannot write {error.filename or output or 'to stdout'}: {error.strerror}") from error


def _lines(store: Store, run: StoredRun, form: str) -> Iterable[str]:
    """Return the lines, of what is second by second as it is read: a run of days is more than memory should hold."""
    run_id = run.info.id
    if form == "ndjson":
        return ndjson(run.info, store.slots(run_id), run.gate.warmup_s)
    if form == "hlog":
        return hlog(run.info, store.slots(run_id))
    if form == "prometheus":
        return prometheus(run.info, store.load(run_id).kept.results)
    return [json.dumps(document_of(run if run.document is not None else store.load(run_id)), indent=1) + "\n"]


def _write(lines: Iterable[str], output: str | None) -> None:
    if output is None:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    else:
        with Path(output).open("w", encoding="utf-8") as file:
            file.writelines(lines)


def _write_csv(store: Store, run: StoredRun, prefix: str) -> None:
    files = LocustCsv(prefix, datetime.fromisoformat(run.info.started))
    try:
        files.history(store.slots(run.info.id), run.kept.results.elapsed_s)
        whole = store.load(run.info.id)
        files.finish(whole.kept.results, document_of(whole)["verdict"])
    finally:
        files.close()
