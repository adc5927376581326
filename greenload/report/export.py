"""A run that was kept, in the formats of others.

What is second by second is written as it is read: a run of days is more than memory should hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from greenload.core.errors import GreenloadError
from greenload.report.hlog import hlog
from greenload.report.locust_csv import LocustCsv
from greenload.report.ndjson import ndjson
from greenload.report.prometheus import prometheus
from greenload.report.stored import document_of
from greenload.store import Store, StoredRun

CSV, JSON, NDJSON, HLOG, PROMETHEUS = FORMATS = ("csv", "json", "ndjson", "hlog", "prometheus")


class NotExported(GreenloadError):
    """The run cannot be written like that."""


def check_exportable(run: StoredRun) -> None:
    """Raise NotExported when there is nothing in `run`, of which an outline will do."""
    if not any(record.sent for record in run.kept.results.workers.values()):
        raise NotExported(f"run {run.info.id} has no requests: there is nothing to write")


def lines_of(store: Store, run: StoredRun, form: str) -> Iterable[str]:
    """Return the lines of `run`, an outline from `store`, in one of FORMATS, but CSV, which is several files."""
    run_id = run.info.id
    if form == NDJSON:
        return ndjson(run.info, store.slots(run_id), run.gate.warmup_s)
    if form == HLOG:
        return hlog(run.info, store.slots(run_id))
    if form == PROMETHEUS:
        return prometheus(run.info, store.load(run_id).kept.results)
    return [json.dumps(document_of(run if run.document is not None else store.load(run_id)), indent=1) + "\n"]


def write_csv(store: Store, run: StoredRun, prefix: str) -> None:
    """Write the CSV files of `run`, an outline from `store`; their names begin with `prefix`.  Raises OSError."""
    files = LocustCsv(prefix, datetime.fromisoformat(run.info.started))
    try:
        files.history(store.slots(run.info.id), run.kept.results.elapsed_s)
        whole = store.load(run.info.id)
        files.finish(whole.kept.results, document_of(whole)["verdict"])
    finally:
        files.close()
