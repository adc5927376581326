"""What a page shows of a run that was kept, or of an excerpt of it: read second by second."""

from __future__ import annotations

from collections.abc import Iterator

from greenload.core.curves import Timeline
from greenload.core.excerpt import ExcerptError, Window, of_names
from greenload.core.gate import shown_name
from greenload.core.stats import Stats, Tally
from greenload.report.page.page import Shown
from greenload.report.stored import document_of
from greenload.report.summary import excerpt
from greenload.store import Store, StoredRun, StoreError


def shown_stored(store: Store, run_id: str, window: Window | None = None, names: tuple[str, ...] = ()) -> Shown:
    """Return what there is to show of the run `run_id`; of an excerpt, in the frame of the whole."""
    run = store.outline(run_id)
    results = run.kept.results
    if not results.slots:
        raise StoreError(f"nothing was reported in run {run_id}, so there is nothing to show")
    whole = document_of(run if run.document is not None else store.load(run_id))
    seen = window or Window(0, None)
    until_s = min(seen.end_s, results.elapsed_s)
    # Who asks for seconds of the warm-up gets them; else it does not count.
    counts_from_s = run.gate.warmup_s if window is None else window.from_s
    is_excerpt = window is not None or bool(names)
    timeline, measured = Timeline(seen.from_s, counts_from_s, until_s), Stats()
    timeline.note(store.accounts(run_id))
    for second, stats in store.seconds(run_id, seen.from_s, seen.end_s):
        timeline.count(second, stats, _called(stats, names))
        if is_excerpt and second >= counts_from_s:
            measured.add(stats)
    document = whole
    if is_excerpt:
        if not measured.tallies:
            raise ExcerptError(f"no request ended in this part of the run, which took {results.elapsed_s:.1f} s")
        document = excerpt(whole, of_names(measured, names), until_s - counts_from_s)
    command, about, notes = run.label.command, _about(run), _notes(run, window, names)
    spans, timings = timeline.spans(), timeline.measured()
    return Shown(document, spans, timings, results.workers, run.plan_as_edited, run.gate, command, about, notes)


def _called(stats: Stats, names: tuple[str, ...]) -> Iterator[Tally]:
    """Yield what happened to the requests called `names`; to all where there are no names."""
    return (tally for key, tally in stats.tallies.items() if not names or shown_name(*key) in names)


def _about(run: StoredRun) -> tuple[tuple[str, str], ...]:
    tags = ", ".join(f"{key}={value}" for key, value in run.label.tags.items())
    return ("Tags", tags), ("Note", run.label.note or "")


def _notes(run: StoredRun, window: Window | None, names: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if not run.has_ended:
        notes.append("This run has no end here: it is still going on, or its master was killed or broke.")
    parts = [f"from {window}"] if window is not None else []
    parts += [", ".join(names)] if names else []
    if parts:
        notes.append(f"Requests, failures and charts are an excerpt: {'; '.join(parts)}. All else is of the whole run.")
    return tuple(notes)
