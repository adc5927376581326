"""Runs that were kept, as the page shows, exports and compares them.

Read in native threads, each with a connection of its own: to read an hour takes seconds, in which no green thread would
run, and the master's own connection is in the middle of writing. SQLite's log lets who reads and who writes alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Generic, TypeVar, cast
from zipfile import ZIP_DEFLATED, ZipFile

from gevent.hub import get_hub
from gevent.lock import BoundedSemaphore

from greenload.core.compare import Side
from greenload.core.sheet import sheet_of_side
from greenload.core.strip import RESPONSE, TOTAL
from greenload.report.comparison import compare
from greenload.report.export import CSV, FORMATS, check_exportable, lines_of, write_csv
from greenload.report.page.charts import charts_of, spectra
from greenload.report.page.page import html_page
from greenload.report.page.stored import shown_stored
from greenload.report.run_list import run_list
from greenload.report.stored import document_of, stored_strip
from greenload.report.summary import Document
from greenload.store import Store, StoredRun
from greenload.stored_run import BROKEN_OFF, ListedRun

HTML = "html"
EXPORTS = (*FORMATS, HTML)
MOST_RUNS = 1_000
MOST_BROKEN_OFF = 100
CONTENT_TYPES = {
    CSV: "application/zip",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "hlog": "text/plain; charset=utf-8",
    "prometheus": "text/plain; version=0.0.4; charset=utf-8",
    HTML: "text/html; charset=utf-8",
}

Result = TypeVar("Result")


class History:
    """The runs in the file `path`; one thing at a time, as what a thread computes it takes from the green threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading = BoundedSemaphore(1)
        self._broken_off: dict[str, Document] = {}  # what was made of runs that nobody has summed up, nor goes on with

    def runs(self, most: int, going_on: tuple[str, Document] | None) -> bytes:
        """Return the list of runs as JSON;  going_on: the one that is made here, and what is to be listed of it."""
        return self._apart(lambda: _json(self._list(most, going_on)))

    def run(self, run_id: str) -> bytes:
        """Return the summary of a run and its charts as JSON.  Raises StoreError."""
        return self._apart(lambda: _json(self._run(run_id)))

    def compare(self, one: str, other: str) -> bytes:
        """Return the comparison of two runs as JSON.  Raises StoreError, NothingToCompare."""
        return self._apart(lambda: _json(self._comparison(one, other)))

    def export(self, run_id: str, form: str) -> IO[bytes]:
        """Return a file with the run in one of EXPORTS, to be closed.  Raises StoreError, NotExported, NoPlotly."""
        return self._apart(lambda: self._export(run_id, form))

    def _apart(self, read: Callable[[], Result]) -> Result:
        with self._reading:  # switch
            done: _Done[Result] = get_hub().threadpool.apply(_done, (read,))  # switch
        if done.error is not None:
            raise done.error
        return cast(Result, done.result)

    def _list(self, most: int, going_on: tuple[str, Document] | None) -> Document:
        with closing(Store.found(self._path)) as store:
            runs = store.runs(most)
            known = dict([going_on]) if going_on is not None else {}
            return run_list([(run, run.document or known.get(run.info.id) or self._made(store, run)) for run in runs])

    def _made(self, store: Store, run: ListedRun) -> Document:
        if run.info.id in self._broken_off:
            return self._broken_off[run.info.id]
        document = document_of(store.load(run.info.id))
        if run.state == BROKEN_OFF and len(self._broken_off) < MOST_BROKEN_OFF:
            self._broken_off[run.info.id] = {key: document[key] for key in ("run", "total", "verdict")}
        return document

    def _run(self, run_id: str) -> Document:
        with closing(Store.found(self._path)) as store:
            outline = store.outline(run_id)
            if not outline.kept.results.slots:
                return {"document": document_of(outline), "charts": []}
            shown = shown_stored(store, run_id)
        charts = charts_of(shown.spans, shown.timings, shown.plan, shown.gate.warmup_s)
        return {"document": shown.document, "charts": charts}

    def _comparison(self, one: str, other: str) -> Document:
        with closing(Store.found(self._path)) as store:
            sides = [Side(run_id, [stored_strip(store, run_id, RESPONSE)]) for run_id in (one, other)]
        document = compare([sheet_of_side(side) for side in sides], RESPONSE)
        return {**document, "chart": spectra([(side.label, side.durations[TOTAL]) for side in sides])}

    def _export(self, run_id: str, form: str) -> IO[bytes]:
        with ExitStack() as cleanup:
            file: IO[bytes] = cleanup.enter_context(TemporaryFile())
            with closing(Store.found(self._path)) as store:
                if form == HTML:
                    file.write(html_page(shown_stored(store, run_id)))
                else:
                    _write(store, store.outline(run_id), form, file)
            file.seek(0)
            cleanup.pop_all()  # whoever gets it closes it
            return file


@dataclass(frozen=True)
class _Done(Generic[Result]):
    """What came of something: the pool of threads would print an error, as one that nobody expects."""

    result: Result | None = None
    error: Exception | None = None


def _done(act: Callable[[], Result]) -> _Done[Result]:
    try:
        return _Done(act())
    except Exception as error:  # thrown by whoever waits for it
        return _Done(error=error)


def _write(store: Store, run: StoredRun, form: str, file: IO[bytes]) -> None:
    check_exportable(run)
    if form != CSV:
        file.writelines(line.encode() for line in lines_of(store, run, form))
        return
    with TemporaryDirectory() as folder:
        write_csv(store, run, f"{folder}/{safe_name(run.info.id)}")
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)


def safe_name(run_id: str) -> str:
    """Return `run_id` as a part of a file's name: a file from elsewhere may call its runs anything."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", run_id)[:100]


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
