"""What a person sees in the terminal: the run while it goes on, and the summary when it is over.

Both are drawn from the summary document. On a terminal the running view is redrawn in place; anywhere else, a line
every few seconds. Progress goes to stderr, the summary to stdout.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from greenload.core.histogram import Histogram
from greenload.core.results import Results
from greenload.core.slots import sum_of_totals
from greenload.core.stats import Tally
from greenload.report.summary import Document, milliseconds

LINE_EVERY_S = 5
NOW_S = 10
PLAIN_WIDTH = 140
MOST_LIVE_NAMES = 20
NOTHING = "–"


class Screen(Console):
    """A console that falls silent when its reader goes away: a run must not end because nobody looks at it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.file.fileno())


def console_for(stream: TextIO | None) -> Console:
    """Return a console on `stream`; where that is not a terminal, one wide enough for every table."""
    if stream is None or stream.closed:
        return Screen(quiet=True)
    return Screen(file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else PLAIN_WIDTH)


class LiveView:
    """Shows a run while it goes on.  duration_s: None when nobody knows when it will end."""

    def __init__(self, console: Console, duration_s: float | None) -> None:
        self._console = console
        self._duration_s = duration_s
        # What a scenario prints goes above the view when both are on this terminal, and is left alone when it is not.
        own_stdout = sys.stdout is not None and sys.stdout.isatty()
        live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=own_stdout)
        self._live = live if console.is_terminal else None
        self._line_due_s = LINE_EVERY_S

    def __enter__(self) -> LiveView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, results: Results) -> None:
        """Show `results` as they stand now; called each second."""
        if self._live is not None:
            self._live.update(self._screen(results), refresh=True)
        elif results.elapsed_s >= self._line_due_s:
            self._line_due_s = int(results.elapsed_s) + LINE_EVERY_S
            self._console.print(self._line(results))

    def _line(self, results: Results) -> Text:
        """Return the last seconds in one line."""
        slots = results.last(NOW_S)
        if not slots:
            return Text("nothing was reported yet", "dim")
        recent, lag = sum_of_totals(slots), Histogram()
        for slot in slots:
            lag.add(slot.stats.lag)
        seconds = min(NOW_S, results.elapsed_s)
        response = milliseconds(recent.ended().response)
        return Text(
            f"{int(results.elapsed_s):6} s  {results.users} users"
            f"  {recent.requests / seconds:.1f} requests/s  {recent.failed.service.count / seconds:.1f} failures/s"
            f"  median {_ms(response['p50'])}  p95 {_ms(response['p95'])}  p99 {_ms(response['p99'])} ms"
            f"  lag {_ms(milliseconds(lag)['p99'])} ms"
            + (f"  {results.total.exceptions.total()} exceptions" if len(results.total.exceptions) else "")
        )

    def _screen(self, results: Results) -> RenderableType:
        slots = results.last(NOW_S)
        table = _table("Name", "Requests", "Failures", "Median", "p95", "p99")
        for method, name in sorted(results.total.tallies)[:MOST_LIVE_NAMES]:
            tally = Tally()
            for slot in slots:
                tally.add(slot.stats.tallies.get((method, name), Tally()))
            response = milliseconds(tally.ended().response)
            failed = tally.failed.service.count
            percentiles = [_ms(response[key]) for key in ("p50", "p95", "p99")]
            table.add_row(_name(method, name), _count(tally.requests), _failures(failed), *percentiles)
        parts = [self._progress(results), self._line(results), Text(f"the last {NOW_S} s, in ms:", "dim"), table]
        return Group(*parts)

    def _progress(self, results: Results) -> RenderableType:
        if self._duration_s is None:
            return Text("running until Ctrl-C", "dim")
        done_s = min(results.elapsed_s, self._duration_s)
        row = Table.grid(padding=(0, 1))
        row.add_row(
            ProgressBar(total=self._duration_s, completed=done_s, width=40),
            Text(f"{done_s:.0f} of {self._duration_s:.0f} s"),
        )
        return row


class ProgressHandler(logging.Handler):
    """Logs above the running view, which is redrawn in place and would be torn by anything else that prints."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(self.format(record), "dim"))


def print_summary(console: Console, document: Document) -> None:
    """Print all of a finished run that fits on a page: verdict, table, failures, exceptions, and what adds up."""
    run, verdict = document["run"], document["verdict"]
    console.print()
    if verdict["status"] == "valid":
        console.print("VALID", style="bold green", end="  ")
    else:
        console.print("SUSPECT", style="bold yellow", end="  ")
    where = f" against {run['host']}" if run["host"] else ""
    console.print(f"{escape(run['scenario'])}{escape(where)}, {run['duration_s']:.1f} s, seed {run['seed']}")
    for reason in verdict["reasons"]:
        console.print(Padding(Text(reason, "yellow"), (0, 0, 0, 2)))
    console.print(_requests(document))
    if document["failures"]:
        console.print(_failure_table(document["failures"]))
    for exception in document["exceptions"]:
        _print_exception(console, exception)
    if document["users_died"]:
        console.print(f"users that failed and were started anew: {document['users_died']}", style="red")
    _print_sums(console, document)


def _requests(document: Document) -> Table:
    table = _table("Name", "Requests", "Failures", "req/s", "Median", "p95", "p99", "Max", "Mean", "Bytes")
    table.title = "response time in ms"
    for row in [*document["names"], document["total"]]:
        response = row["response_ms"]
        times = [_ms(response[key]) for key in ("p50", "p95", "p99", "max", "mean")]
        cells: list[RenderableType] = [
            _count(row["requests"]),
            _failures(row["failures"], row["requests"]),
            f"{row['rps']:.1f}",
        ]
        last = row is document["names"][-1] if document["names"] else False
        table.add_row(_name(row["method"], row["name"]), *cells, *times, _count(row["bytes"]), end_section=last)
    return table


def _failure_table(failures: list[Document]) -> Table:
    table = _table("Failures", "Count", "First", "Last")
    for row in failures:
        title = Text.assemble(_name(row["method"], row["name"]), ": ", (row["error"], "red"))
        table.add_row(title, _count(row["count"]), f"{row['first_s']} s", f"{row['last_s']} s")
    return table


def _print_exception(console: Console, exception: Document) -> None:
    times = "once" if exception["count"] == 1 else f"{_count(exception['count'])} times"
    console.print(Text(f"Exception in {exception['where']}, {times}", "bold red"))
    console.print(Padding(Text(exception["traceback"]), (0, 0, 1, 2)))


def _print_sums(console: Console, document: Document) -> None:
    sums, generator = document["reconciliation"], document["generator"]
    parts = [
        f"{key} {_count(sums[key])}" for key in ("planned", "sent", "succeeded", "failed", "unfinished", "dropped")
    ]
    console.print("  ".join(parts), style="bold")
    reconciled = f"reconciled: {_count(sums['merged_by_master'])} of {_count(sums['counted_by_workers'])}"
    console.print(reconciled, style="bold" if sums["merged_by_master"] == sums["counted_by_workers"] else "bold red")
    for gap in sums["missing"]:
        requests = f"{_count(gap['requests'])} requests known of"
        console.print(
            f"missing: {escape(gap['worker'])}, {gap['from_s']:.1f} s to {gap['until_s']:.1f} s, {requests}",
            style="red",
        )
    oldest_s = document["total"]["unfinished_oldest_s"]
    if oldest_s is not None:
        console.print(f"the oldest unfinished request was {oldest_s:.1f} s old")
    lag, cpu = generator["lag_ms"], generator["cpu_percent"]
    console.print(
        f"generator: lag p99 {_ms(lag['p99'])} ms, max {_ms(lag['max'])} ms;"
        f" CPU {cpu['mean']:.0f} %, max {cpu['max']:.0f} %"
    )


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", title_style="dim")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _name(method: str, name: str) -> Text:
    # Names come from scenarios and may hold what a terminal would obey.
    return Text("".join(c if c.isprintable() else "?" for c in f"{method} {name}".strip()))


def _failures(failed: int, requests: int | None = None) -> Text:
    if not failed:
        return Text("0", "dim")
    part = f" ({failed / requests:.1%})" if requests else ""
    return Text(f"{_count(failed)}{part}", "red")


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _ms(value: float | None) -> str:
    """Return milliseconds with three digits or so; nothing measured is a dash, never 0."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else _count(round(value))
