"""A run as it stands now, as documents: made when somebody asks, a little at a time, and kept for a while."""

from __future__ import annotations

import heapq

from greenload.core.curves import Span, spans_of
from greenload.core.news import READY as HERE
from greenload.core.offer import offer_of
from greenload.core.pause import Pause
from greenload.core.results import Results
from greenload.core.stats import Tally, Timings
from greenload.report.page.charts import charts_of
from greenload.report.prometheus import prometheus
from greenload.report.summary import Document, milliseconds, summarize
from greenload.web.breath import REST
from greenload.web.control import READY, Control, Shown
from greenload.web.live import Live
from greenload.web.prepared import Prepared, encoded
from greenload.web.recent import last_of, remaining_s_of, tally_of, wanted_of

MOST_FAILURES = 1_000  # rows; a run can have 100 for each name
ALL, SUCCEEDED, FAILED = "all", "succeeded", "failed"
OF = (ALL, SUCCEEDED, FAILED)

Called = tuple[str, str]  # method and name


class NoSuchName(LookupError):
    """Nothing was measured under that name."""


class Snapshot:
    """The documents of the run that is shown, each as JSON or text."""

    def __init__(self, control: Control, live: Live) -> None:
        self._control = control
        self._live = live
        self._prepared = Prepared(lambda: 0 if control.state == READY else REST)

    def summary(self) -> bytes:
        return self._prepared.get(("summary", *self._now()), lambda pause: encoded(self._summary(pause), pause))

    def statistics(self, of: str, clock: str) -> bytes:
        """Return the rows of one of OF, by the clock "response" or "service"."""
        key = ("statistics", of, clock, *self._now())
        return self._prepared.get(key, lambda pause: encoded(self._statistics(of, clock, pause), pause))

    def series(self, called: Called | None) -> bytes:
        """Return the charts of all requests, or of one name.  Raises NoSuchName."""
        shown = self._control.shown
        if called is not None and (shown is None or called not in shown.results.total.tallies):
            raise NoSuchName(f"nothing was measured under the name {' '.join(called).strip()}")
        return self._prepared.get(
            ("series", called, *self._now()), lambda pause: encoded(self._series(called, pause), pause)
        )

    def metrics(self) -> bytes:
        return self._prepared.get(("metrics", *self._now()), self._metrics)

    def _now(self) -> tuple[str | None, str]:
        shown = self._control.shown
        return None if shown is None else shown.info.id, self._control.state

    def _summary(self, pause: Pause) -> Document:
        shown, state = self._control.shown, self._control.state
        head: Document = {
            "state": state,
            "run": None,
            "elapsed_s": 0.0,
            "remaining_s": None,
            "model": None,
            "wanted": {"users": None, "rate": None},
            "last": None,
            "workers": [_waiting(worker) for worker in self._control.waiting_workers()],
            "tasks": [],
            "log": [
                {"at": line.at, "from": line.source, "level": line.level, "text": line.text}
                for line in self._control.log()
            ],
            "broken": None,
            "document": None,
        }
        if shown is None:
            return head
        document = document_now(shown, pause)
        elapsed_s = shown.results.elapsed_s if state == READY else shown.elapsed_s
        return {
            **head,
            "run": shown.info.id,
            "elapsed_s": round(elapsed_s, 3),
            "remaining_s": remaining_s_of(shown, state),
            "model": shown.info.model,
            "wanted": wanted_of(shown),
            "last": last_of(shown.results, pause),
            "workers": self._workers(shown),
            "tasks": document.get("tasks", []),
            "broken": shown.broken,
            "document": document,
        }

    def _workers(self, shown: Shown) -> list[Document]:
        waiting = self._control.waiting_workers()
        rows = []
        for index, (worker, record) in enumerate(shown.results.workers.items()):
            member = shown.members.get(worker)
            known = "unknown" if member is None else member.state
            rows.append(
                {
                    "id": worker,
                    "index": index,
                    "state": HERE if worker in waiting else known,
                    "users": record.users,
                    "rps": None if worker in waiting else round(record.lately.rps, 3),
                    "cpu_percent": round(record.lately.cpu_percent, 1),
                    "lag_p99_ms": milliseconds(record.lately.lag())["p99"],
                    "last_heard_s": None if member is None else round(max(0.0, shown.now_s - member.heard_s), 1),
                    "unacknowledged": record.unacknowledged,
                    "requests": record.requests,
                }
            )
        ready = [worker for worker, member in shown.members.items() if member.state == HERE]  # for this run to begin
        others = dict.fromkeys([*waiting, *ready])
        return rows + [_waiting(worker) for worker in others if worker not in shown.results.workers]

    def _statistics(self, of: str, clock: str, pause: Pause) -> Document:
        shown = self._control.shown
        if shown is None:
            return {"rows": [], "total": None, "from_s": 0, "until_s": 0.0}
        results, measured_s = shown.results, shown.results.measured_s
        named = [*sorted(results.measured.tallies.items()), (("", "Total"), results.measured_tally)]
        rows = [_counts(tally, of, measured_s, *called) for called, tally in named]
        until_s = round(results.elapsed_s, 3)
        for row, (_, tally) in zip(rows, named, strict=True):
            times = milliseconds(getattr(_timings(tally, of), clock))
            row.update({f"{key}_ms": value for key, value in times.items()})
            pause()
        return {"rows": rows[:-1], "total": rows[-1], "from_s": results.warmup_s, "until_s": until_s}

    def _series(self, called: Called | None, pause: Pause) -> Document:
        shown = self._control.shown
        if shown is None:
            return {"run": None, "from_event": None, "charts": []}
        run, results, elapsed_s = shown.info.id, shown.results, shown.results.elapsed_s
        # What is not pushed yet comes as an event, and would be in the page twice.
        told = self._live.told(run)
        measured = results.measured_tally if called is None else results.measured.tallies.get(called, Tally())
        timings = measured.ended()
        spans = _spans(results, elapsed_s, told, called, pause)
        charts = charts_of(spans, timings, shown.plan, results.warmup_s, pause)
        return {"run": run, "from_event": f"{run}:{told}", "charts": charts}

    def _metrics(self, pause: Pause) -> bytes:
        shown = self._control.shown
        lines = []
        for line in () if shown is None else prometheus(shown.info, shown.results):
            lines.append(line)
            pause()
        return "".join(lines).encode()


def _spans(results: Results, elapsed_s: float, until: int, called: Called | None, pause: Pause) -> list[Span]:
    """Return the run up to second `until` as spans that nobody changes any more."""
    while True:
        kept = results.slots
        slots = [slot for slot in kept if slot.first_s <= until]
        spans = spans_of(slots, elapsed_s, lambda slot: tally_of(slot, called), pause)
        # There are others when old ones were joined: what was then drawn already was drawn a second time. That happens
        # every half a minute at most.
        if results.slots is kept:
            return spans


def document_now(shown: Shown, pause: Pause) -> Document:
    """Return the summary as it stands now, with the most frequent failures if there are very many."""
    results = shown.results
    outcomes = shown.gate.judge(results, shown.breach, pause)
    offer = offer_of(shown.plan, results)
    pause()
    document = summarize(shown.info, results, outcomes, offer, pause, shown.judge)
    failures = document["failures"]
    if len(failures) > MOST_FAILURES:
        most = heapq.nlargest(MOST_FAILURES, failures, key=lambda failure: int(failure["count"]))
        document["failures"] = most
        document["failures_left_out"] = len(failures) - len(most)
    return document


def listed_now(shown: Shown) -> Document:
    """Return as much of the summary as a list of runs needs."""
    tally, results = shown.results.measured_tally, shown.results
    return {
        "run": {"duration_s": round(results.elapsed_s, 3)},
        "total": {
            "requests": tally.requests,
            "failures": tally.failed.service.count,
            "response_ms": milliseconds(tally.ended().response),
        },
        "verdict": {"status": None},
    }


def _waiting(worker: str) -> Document:
    facts = dict.fromkeys(("index", "rps", "cpu_percent", "lag_p99_ms", "last_heard_s", "unacknowledged"))
    return {"id": worker, "state": HERE, "users": 0, "requests": 0, **facts}


def _timings(tally: Tally, of: str) -> Timings:
    if of == ALL:
        return tally.ended()
    return tally.succeeded if of == SUCCEEDED else tally.failed


def _counts(tally: Tally, of: str, seconds: float, method: str, name: str) -> Document:
    failures = 0 if of == SUCCEEDED else tally.failed.service.count
    requests = failures + (0 if of == FAILED else tally.succeeded.service.count)
    return {
        "method": method,
        "name": name,
        "requests": requests,
        "failures": failures,
        "rps": round(requests / seconds, 3) if seconds else 0.0,
        # Nobody has counted the bytes of those that succeeded apart.
        "bytes": tally.received_bytes if of == ALL else None,
    }
