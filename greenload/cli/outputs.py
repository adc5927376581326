"""Where a run shows and writes itself: what is checked before it, and what is written and printed when it is over."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from greenload.cli.guard import said_of
from greenload.core.errors import GreenloadError
from greenload.core.results import Results
from greenload.report.console import print_summary
from greenload.report.github import workflow_commands
from greenload.report.junit import junit
from greenload.report.locust_csv import LocustCsv, csv_paths
from greenload.report.page.plotly_js import plotly_js
from greenload.report.summary import Document
from greenload.report.terminal import console_for

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Outputs:
    """Where a run shows and writes itself, and (is_strict) whether a verdict of SUSPECT shall be an error."""

    json_file: Path | None = None
    junit_file: Path | None = None
    csv_prefix: str | None = None
    is_strict: bool = False
    quiet: bool = False
    log_level: str = "info"
    log_file: Path | None = None
    html_file: Path | None = None


def log_to(handler: logging.Handler, level: str) -> Callable[[], None]:
    """Let everything log to `handler`; return how to undo that."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())

    def undo() -> None:
        root.removeHandler(handler)
        handler.close()

    return undo


def check_outputs(outputs: Outputs) -> None:
    """Raise Unwritable for a file that is asked for and cannot be written, before there is a run."""
    files = (outputs.json_file, outputs.junit_file, outputs.html_file, outputs.log_file)
    for path in (*files, *csv_paths(outputs.csv_prefix)):
        check_writable(path)
    if outputs.html_file is not None:
        plotly_js()  # whether it is there


def check_writable(path: Path | None) -> None:
    """Find out before the run whether the file can be written, and leave nothing behind."""
    if path is None:
        return
    is_new = not path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from error
    if is_new:
        path.resolve().unlink()  # not the link, where it is one that leads to nothing


def open_csv(prefix: str | None, began: datetime) -> LocustCsv | None:
    if prefix is None:
        return None
    try:
        return LocustCsv(prefix, began)
    except OSError as error:
        raise Unwritable(f"cannot write {error.filename or f'{prefix}_*.csv'}: {error.strerror}") from error


def close_csv(files: LocustCsv | None) -> None:
    """Close what is open still, when there was no run; what cannot be written has been said by then."""
    if files is not None:
        with suppress(OSError):
            files.close()


class Unwritable(GreenloadError):
    """A file that was asked for and cannot be written."""


def publish(
    outputs: Outputs,
    document: Document,
    results: Results,
    csv_files: LocustCsv | None,
    page: Callable[[], bytes],
    broken: BaseException | None,
) -> BaseException | None:
    """Write and print all there is to say of a run; return what broke it, which may be that this could not be done.

    page: returns the report as a page
    """
    # The files before the screen: whoever reads from that may have gone away. Each for itself: one disk may be full.
    if outputs.json_file is not None:
        text = json.dumps(document, indent=1) + "\n"
        broken = _written(partial(outputs.json_file.write_text, text, encoding="utf-8"), broken)
    if csv_files is not None:
        broken = _written(partial(csv_files.finish, results, document["verdict"]), broken)
    if outputs.html_file is not None:
        broken = _written(partial(outputs.html_file.write_bytes, page()), broken)
    if outputs.junit_file is not None:  # the last one, for it says what broke
        said = None if broken is None else said_of(broken)
        broken = _written(partial(outputs.junit_file.write_bytes, junit(document, said, outputs.is_strict)), broken)
    try:
        print_summary(console_for(sys.stdout), document)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for command in workflow_commands(document):
                console_for(sys.stderr).out(command, highlight=False)
    except OSError as error:
        broken = broken or error
    return broken


def _written(write: Callable[[], object], broken: BaseException | None) -> BaseException | None:
    """Write a file; return what broke the run, which may be that this could not be done."""
    try:
        write()
    except OSError as error:
        return broken or error
    return broken
