"""`greenload lab`: lessons about green threads and load, measured on the reader's own machine."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from greenload.core.errors import GreenloadError
from greenload.lab.catalogue import GROUPS, LESSONS, chosen
from greenload.lab.console import as_text
from greenload.lab.hold import hold
from greenload.lab.lesson import FULL, QUICK, Held
from greenload.lab.page import as_page
from greenload.lab.plain import as_json


class CannotWrite(GreenloadError):
    """What was asked for cannot be written there."""


@click.command("lab")
@click.argument("lesson", nargs=-1)
@click.option("--quick", is_flag=True, help="Measure less: seconds instead of minutes.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write the lesson to this file, as one page."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what was found as JSON to this file.")
@click.option(
    "--files", "folder", type=click.Path(path_type=Path), help="Write what a lesson recorded into this folder."
)
def command(
    lesson: tuple[str, ...], quick: bool, html_file: Path | None, json_file: Path | None, folder: Path | None
) -> None:
    """Lessons about green threads and load, measured on this machine; without LESSON, the list of them."""
    if not lesson:
        _list()
        return
    lessons = chosen(" ".join(lesson))
    _check_folders(html_file, json_file)
    effort = QUICK if quick else FULL
    held = []
    with _signals_end_it():
        for each in lessons:
            click.echo(f"{each.name}: measuring ...", err=True)
            held.append(hold(each, effort))
            click.echo(as_text(held[-1]))
    _write(held, html_file, json_file, folder)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Let a signal unwind what is going on, so that no run and no service is left behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_folders(*paths: Path | None) -> None:
    """Say now what would fail after minutes of measuring."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise CannotWrite(f"cannot write {path}: there is no folder {path.parent}")


def _list() -> None:
    lines = {name: lesson.question for name, lesson in LESSONS.items()}
    lines |= {name: what for name, (_, what) in GROUPS.items()}
    width = max(map(len, lines))
    for name, what in lines.items():
        click.echo(f"  {name.ljust(width)}  {what}")
    click.echo("\nBegin with: greenload lab race --quick")


def _write(held: Sequence[Held], html_file: Path | None, json_file: Path | None, folder: Path | None) -> None:
    documents = {}
    if html_file is not None:
        documents[html_file] = as_page(held)
    if json_file is not None:
        documents[json_file] = as_json(held)
    if folder is not None:
        documents |= {folder / name: text for each in held for name, text in each.findings.files.items()}
    for path, text in documents.items():
        try:
            if path.parent == folder:
                folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CannotWrite(f"cannot write {path}: {error.strerror}") from error
        click.echo(f"written: {path}", err=True)
