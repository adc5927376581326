"""`greenload compare`: two runs or more side by side, of a --db or from files, and what of it is more than chance."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from greenload.cli.guard import ThresholdsFailed
from greenload.cli.stored import db_option
from greenload.core.codec import printable
from greenload.core.compare import Side
from greenload.core.gate import shown_name
from greenload.core.sheet import LOCUST, Sheet, sheet_of_side
from greenload.core.strip import RESPONSE, SERVICE, Strip
from greenload.report.comparison import compare
from greenload.report.comparison_page import comparison_page
from greenload.report.comparison_table import print_comparison
from greenload.report.sheets import NotComparable, sheet_of_text
from greenload.report.stored import stored_strip
from greenload.report.summary import Document
from greenload.report.terminal import console_for
from greenload.store import Store

GATED = ("p95", "p99")


class Percent(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A number of percent, from 5%."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            number = float(str(value).removesuffix("%"))
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf") or not str(value).endswith("%"):
            self.fail(f"{value!r} is not a part in percent; write for example 5%", param, ctx)
        return number


@click.command("compare")
@click.argument("sides", nargs=-1)
@click.option("--a", "first", metavar="RUN,...", help="Several runs that are one side, the first.")
@click.option("--b", "second", metavar="RUN,...", help="Several runs that are the other side.")
@click.option(
    "--clock",
    type=click.Choice([RESPONSE, SERVICE]),
    help="By which clock.  [default: response; service beside a file of Locust's, which has no other]",
)
@click.option(
    "--fail-if-slower",
    "most_percent",
    type=Percent(),
    metavar="PERCENT",
    help="End with exit code 1 when a p95 or p99 is slower by more than that, by all of its interval.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the comparison to this file.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write a page with the spectra to this file."
)
@db_option
def command(
    sides: tuple[str, ...],
    first: str | None,
    second: str | None,
    clock: str | None,
    most_percent: float | None,
    json_file: Path | None,
    html_file: Path | None,
    db: Path,
) -> None:
    """Compare runs: with each other, with a summary in a file, or with a run of Locust's.

    SIDES are runs of the --db, summaries that --json wrote, or Locust's _stats.csv, _stats_history.csv and --json
    files. Each is compared with the first one.
    """
    typed = _typed(sides, first, second)
    sources = [_source(each, db) for each in typed]
    sheets = [source(clock or RESPONSE) for source in sources]
    if clock is None and any(sheet.kind == LOCUST for sheet in sheets):
        clock = SERVICE
        sheets = [source(clock) for source in sources]
    if most_percent is not None:
        _need_seconds(sheets)
    document = compare(sheets, clock or RESPONSE)
    _write(json_file, json.dumps(document, indent=1) + "\n")
    _write(html_file, comparison_page(document))
    print_comparison(console_for(sys.stdout), document)
    if most_percent is not None:
        _check(document, most_percent)


def _typed(sides: tuple[str, ...], first: str | None, second: str | None) -> list[list[str]]:
    """Return the sides, each a list of what was typed for it."""
    if (first is None) != (second is None) or (first is not None and sides):
        raise click.UsageError("say --a and --b, or two sides or more without them")
    if first is not None and second is not None:
        return [[each.strip() for each in text.split(",") if each.strip()] or [text] for text in (first, second)]
    if len(sides) < 2:
        raise click.UsageError("it takes two sides to compare: runs of the --db, or files")
    return [[each] for each in sides]


def _source(typed: list[str], db: Path) -> Callable[[str], Sheet]:
    """Return what makes a sheet, by a clock, of what was typed for one side."""
    label = ", ".join(typed)
    if len(typed) == 1 and Path(label).is_file():
        text = _text_of(Path(label))
        return lambda clock: sheet_of_text(label, text, clock)
    if len(set(typed)) < len(typed):
        raise NotComparable(f"{label}: the same run twice would count twice")
    # A file is a side of its own: of several, only runs have the seconds it takes to add them up.
    files = [each for each in typed if Path(each).is_file()]
    if files:
        raise NotComparable(f"{files[0]} is a file; several to a side can only be runs of a --db")
    if not db.exists():
        raise NotComparable(f"{typed[0]} is no file, and there is no file {db} that could have a run of this name")
    return lambda clock: sheet_of_side(Side(label, [_strip(db, run_id, clock) for run_id in typed]))


def _strip(db: Path, run_id: str, clock: str) -> Strip:
    with closing(Store.found(db)) as store:
        return stored_strip(store, run_id, clock)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotComparable(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NotComparable(f"{path} is not text: neither a summary of greenload's nor a file of Locust's") from error


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotComparable(f"cannot write {path}: {error.strerror}") from error


def _need_seconds(sheets: list[Sheet]) -> None:
    for sheet in sheets:
        if sheet.side is None:
            raise NotComparable(f"--fail-if-slower needs runs of a --db: {sheet.label} is a file, without any seconds")


def _check(document: Document, most_percent: float) -> None:
    """Raise ThresholdsFailed for each name, and the total, that is slower by more; a total that is not judged is, too.

    A name of which there are too few requests is passed over: most runs have one, and the total has it as well.
    """
    bad = []
    for comparison in document["comparisons"]:
        for name in comparison["names"]:
            called = shown_name(name["method"], name["name"])
            for time in GATED:
                row = name["times"][time]
                if row["interval_percent"] is None:
                    if name is comparison["names"][-1]:
                        bad.append(f"{called} {time}: not judged, {row['reason']}")
                elif row["judgement"] == "slower" and row["interval_percent"][0] > most_percent:
                    bad.append(f"{called} {time}: {row['difference_percent']:+.1f} %")
    if bad:
        raise ThresholdsFailed(printable(f"slower by more than {most_percent:g} %, or not judged: {'; '.join(bad)}"))
