"""`greenload report`: a run that was kept, as a page or in the terminal."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from greenload.cli.options import Parsed
from greenload.cli.stored import db_option
from greenload.core.excerpt import Window, parse_window
from greenload.report.console import print_summary
from greenload.report.page.page import html_page
from greenload.report.page.stored import shown_stored
from greenload.report.terminal import console_for
from greenload.store import Store, StoreError

WINDOW = Parsed("window", parse_window)


@click.command("report")
@click.argument("run_id", metavar="ID")
@db_option
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write the report to this file, as one page."
)
@click.option("--text", is_flag=True, help="Print the summary.  [default: without --html]")
@click.option("--window", type=WINDOW, metavar="FROM..UNTIL", help="Only what was measured in these seconds: 30s..90s.")
@click.option(
    "--name", "names", multiple=True, metavar="NAME", help="Only requests of this name: 'GET /albums'; may be repeated."
)
def command(
    run_id: str, db: Path, html_file: Path | None, text: bool, window: Window | None, names: tuple[str, ...]
) -> None:
    """Make a report of a run that was kept, as a page for a browser or in the terminal."""
    with closing(Store.found(db)) as store:
        shown = shown_stored(store, run_id, window, names)
    if html_file is not None:
        page = html_page(shown)
        try:
            html_file.write_bytes(page)
        except OSError as error:
            raise StoreError(f"cannot write {html_file}: {error.strerror}") from error
        click.echo(f"{html_file}: {len(page) / 1e6:.1f} MB", err=True)
    if text or html_file is None:
        console = console_for(sys.stdout)
        for note in shown.notes:
            console.print(note, markup=False)
        print_summary(console, shown.document)
