"""The summary of a run that was kept: as it was printed at its end, or else made now of what is there of it."""

from __future__ import annotations

from greenload.core.offer import offer_of
from greenload.report.summary import Document, summarize
from greenload.store import StoredRun


def document_of(run: StoredRun) -> Document:
    """Return what there is to say about `run`; of one that did not end, as far as it got."""
    if run.document is not None:
        return run.document
    results = run.kept.results
    return summarize(run.info, results, run.gate.judge(results, run.breach), offer_of(run.plan_as_edited, results))
