"""A run that was kept, in the formats of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime

from greenload.core.errors import GreenloadError
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.report.hlog import hlog
from greenload.report.locust_csv import LocustCsv
from greenload.report.ndjson import ndjson
from greenload.report.prometheus import prometheus
from greenload.report.stored import document_of
from greenload.store import StoredRun

CSV, JSON = "csv", "json"
_LINES: dict[str, Callable[[RunInfo, Results], Iterable[str]]] = {
    "ndjson": ndjson,
    "hlog": hlog,
    "prometheus": prometheus,
}
FORMATS = (CSV, JSON, *_LINES)


class NotExported(GreenloadError):
    """The run cannot be written like that."""


def check_exportable(run: StoredRun) -> None:
    """Raise NotExported when there is nothing in `run`."""
    if not run.kept.results.total.sent:
        raise NotExported(f"run {run.info.id} has no requests: there is nothing to write")


def lines_of(run: StoredRun, form: str) -> Iterable[str]:
    """Return the lines of `run` in one of FORMATS, but CSV, which is several files."""
    if form == JSON:
        return [json.dumps(document_of(run), indent=1) + "\n"]
    return _LINES[form](run.info, run.kept.results)


def write_csv(run: StoredRun, prefix: str) -> None:
    """Write the CSV files whose names begin with `prefix`.  Raises OSError."""
    files = LocustCsv(prefix, datetime.fromisoformat(run.info.started))
    try:
        files.history(run.kept.results)
        files.finish(run.kept.results, document_of(run)["verdict"])
    finally:
        files.close()
