"""A comparison in the terminal: a block of lines for each name, drawn from the comparison's document."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from greenload.core.compare import CONFIDENCE, FASTER, SLOWER
from greenload.report.summary import Document
from greenload.report.terminal import grouped, ms, name_cell, new_table, visible
from greenload.report.thresholds import NOTHING

STYLES = {SLOWER: "bold red", FASTER: "bold green"}


def print_comparison(console: Console, document: Document) -> None:
    """Print each of the comparisons, and what one has to know to read them."""
    for comparison in document["comparisons"]:
        console.print()
        console.print(_table(comparison, document["clock"]))
        for side, other in (("one", "other"), ("other", "one")):
            for missing in comparison[f"only_in_{side}"]:
                text = Text.assemble(name_cell(missing["method"], missing["name"]), " is not in ", comparison[other])
                console.print(text, style="dim")
    rows = [row for each in document["comparisons"] for row in _times(each) if row["reason"] is not None]
    for judgement, reason in dict.fromkeys((row["judgement"] or "not judged", row["reason"]) for row in rows):
        console.print(f"{judgement}: {reason}", style="dim")
    judged = [row["interval_ms"] for each in document["comparisons"] for row in _times(each)]
    if any(interval is not None for interval in judged):
        sides = "" if all(side["runs"] > 1 for side in document["sides"]) else (
            " What differs from run to run shows only with several runs a side (--a, --b)."
        )  # fmt: skip
        console.print(f"Of twenty such judgements, one is expected to be chance.{sides}", style="dim")


def _times(comparison: Document) -> list[Document]:
    return [time for name in comparison["names"] for time in name["times"].values()]


def _table(comparison: Document, clock: str) -> Table:
    one, other = (escape(visible(comparison[side])) for side in ("one", "other"))
    table = new_table("Name", one, other, "Difference", "", f"{CONFIDENCE:.0%} interval")
    table.title = f"{clock} time in ms"
    table.add_column("", overflow="fold")
    for number, name in enumerate(comparison["names"]):
        if number:
            table.add_row()
        requests = name["requests"]
        table.add_row(name_cell(name["method"], name["name"]), *map(grouped, requests), _signed(requests, 0))
        for what, key, digits in (("failures", "failures", 0), ("requests/s", "requests_per_s", 1)):
            cells = [f"{value:.{digits}f}" for value in name[key]]
            table.add_row(f"  {what}", *cells, _signed(name[key], digits))
        for time, row in name["times"].items():
            table.add_row(f"  {time}", *map(ms, row["ms"]), *_difference(row), _interval(row), _words(row))
    return table


def _signed(values: list[float], digits: int) -> str:
    one, other = values
    return f"{other - one:+.{digits}f}" if one != other else "0"


def _difference(row: Document) -> tuple[str, str]:
    if row["difference_ms"] is None:
        return NOTHING, ""
    percent = row["difference_percent"]
    return f"{row['difference_ms']:+.2f}", "" if percent is None else f"{percent:+.1f} %"


def _interval(row: Document) -> str:
    interval = row["interval_ms"]
    return "" if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f}"


def _words(row: Document) -> Text:
    if row["judgement"] is not None:
        return Text(row["judgement"], STYLES.get(row["judgement"], ""))
    return Text("not judged" if row["reason"] else "", "dim")
