"""What a person sees in the terminal while a run goes on.

On a terminal the view is redrawn in place; anywhere else there is a line every few seconds.
"""

from __future__ import annotations

import logging
import sys

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from greenload.core.histogram import Histogram
from greenload.core.results import Results
from greenload.core.slots import sum_of_totals
from greenload.core.stats import Tally
from greenload.report.summary import milliseconds
from greenload.report.terminal import failures_cell, grouped, lines_of, ms, name_cell, new_table

LINE_EVERY_S = 5
NOW_S = 10
MOST_LIVE_NAMES = 20


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
        ended = recent.ended()
        response, service = milliseconds(ended.response), milliseconds(ended.service)
        missed, dropped = sum(slot.stats.missed_slots for slot in slots), sum(slot.stats.dropped for slot in slots)
        parts = [
            f"{int(results.elapsed_s):6} s",
            f"{results.users} users",
            f"{results.in_flight} in flight",
            f"{recent.requests / seconds:.1f} requests/s",
            f"{recent.failed.service.count / seconds:.1f} failures/s",
            f"median {ms(response['p50'])}  p95 {ms(response['p95'])}  p99 {ms(response['p99'])} ms",
            f"service p99 {ms(service['p99'])} ms" if ms(service["p99"]) != ms(response["p99"]) else "",
            f"{missed / seconds:.1f} missed slots/s" if missed else "",
            f"{dropped / seconds:.1f} dropped/s" if dropped else "",
            f"lag {ms(lag.percentile(99) / 1000 if lag.count else None)} ms",
            f"{results.total.exceptions.total()} exceptions" if len(results.total.exceptions) else "",
        ]
        return Text(lines_of([part for part in parts if part], "  ", self._console.width))

    def _screen(self, results: Results) -> RenderableType:
        slots = results.last(NOW_S)
        table = new_table("Name", "Requests", "Failures", "Median", "p95", "p99", "Service p99")
        for method, name in sorted(results.total.tallies)[:MOST_LIVE_NAMES]:
            tally = Tally()
            for slot in slots:
                tally.add(slot.stats.tallies.get((method, name), Tally()))
            ended, failed = tally.ended(), tally.failed.service.count
            response = milliseconds(ended.response)
            percentiles = [ms(response[key]) for key in ("p50", "p95", "p99")]
            percentiles.append(ms(milliseconds(ended.service)["p99"]))
            table.add_row(name_cell(method, name), grouped(tally.requests), failures_cell(failed), *percentiles)
        title = Text(f"the last {NOW_S} s, response time in ms:", "dim")
        return Group(self._progress(results), self._last_second(results), self._line(results), title, table)

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

    def _last_second(self, results: Results) -> Text:
        """Return what happened in the last second that as many workers as possible have reported."""
        if not results.slots:
            return Text("")
        slot = max(results.slots[-3:], key=lambda slot: (len(slot.users_on), slot.first_s))
        stats = slot.stats
        parts = [
            f"the last second: {stats.sent} started",
            f"{stats.succeeded + stats.failed} completed",
            f"{stats.failed} failed",
            f"{slot.in_flight} in flight",
            f"{stats.dropped} dropped",
            f"{stats.missed_slots} slots missed",
        ]
        return Text(lines_of(parts, ", ", self._console.width))


class ProgressHandler(logging.Handler):
    """Logs above the running view, which is redrawn in place and would be torn by anything else that prints."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(self.format(record), "dim"))
