"""How things look in a terminal: consoles, tables, and what stands in their cells.

Progress goes to stderr, the summary to stdout.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from greenload.report.thresholds import NOTHING

PLAIN_WIDTH = 140


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
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")  # not all that stands in names can be written everywhere
    return Screen(file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else PLAIN_WIDTH)


def lines_of(parts: Sequence[str], between: str, width: int) -> str:
    """Return `parts` in as few lines of `width` as it takes, without breaking any of them."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(between) + len(part) <= width:
            lines[-1] += between + part
        else:
            lines[-1] += between.rstrip()
            lines.append(f"  {part}")
    return "\n".join(lines)


def new_table(first: str, *others: str) -> Table:
    """Return a table without lines; all columns but the first are numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left", title_style="dim")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def name_cell(method: str, name: str) -> Text:
    """Return what a request is called."""
    return Text(visible(f"{method} {name}".strip()))


def visible(text: str) -> str:
    """Return `text` without what a terminal would obey: names come from scenarios, and from servers."""
    return "".join(c if c.isprintable() else "?" for c in text)


def failures_cell(failed: int, requests: int | None = None) -> Text:
    """Return a number of failures, and what part of `requests` they are when that is given."""
    if not failed:
        return Text("0", "dim")
    part = f" ({failed / requests:.1%})" if requests else ""
    return Text(f"{grouped(failed)}{part}", "red")


def grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def ms(value: float | None) -> str:
    """Return milliseconds with three digits or so; nothing measured is a dash, never 0."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else grouped(round(value))
