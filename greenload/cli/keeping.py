"""Where a run is kept, and what is said of it: the options of every command that makes a run, and what they come to."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from greenload.cli.conduct import Conducted
from greenload.cli.options import NOTE, TAG
from greenload.core.bundle import Bundle
from greenload.core.label import Label
from greenload.store import Store, StoreError

DEFAULT_DB = "greenload.db"


@dataclass(frozen=True)
class Keeping:
    """db: the file in which the run is kept, or None;  label: what is said of it there."""

    db: Path | None
    label: Label

    @contextmanager
    def store(self) -> Iterator[Store | None]:
        """Yield the file, made when it is not there; None when nothing is to be kept."""
        if self.db is None:
            yield None
            return
        try:
            store = Store(self.db)
        except StoreError as error:
            raise StoreError(f"{error}; or say --no-db, and the run is not kept") from error
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def kept(self, run: Conducted, bundle: Bundle, store: Store | None) -> Iterator[Conducted]:
        """Yield a new `run` as one that outlives this process, unless it has not begun when the block is left."""
        if store is None:
            yield run
            return
        store.open_run(run.info, run.plan, run.gate, bundle, self.label)
        try:
            yield keeping_in(store, run)
        finally:
            if run.fleet.has_begun:
                click.echo(f"kept as run {run.info.id} in {self.db}", err=True)
            else:
                store.discard(run.info.id)
            store.let_go(run.info.id)


def keeping_in(store: Store, run: Conducted) -> Conducted:
    """Return `run`, of which the store knows, as one that is written there while it goes on."""
    run_id = run.info.id
    return replace(
        run,
        keep=lambda news: store.keep(run_id, news),
        end=lambda document: store.end_run(run_id, document),
    )


def keeping_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options below; it is called with a Keeping of what they say."""

    @wraps(command)  # with the options it has
    def call(db: Path, no_db: bool, tags: tuple[tuple[str, str], ...], note: str | None, **own: Any) -> None:
        label = Label(dict(tags), note, shlex.join(["greenload", *sys.argv[1:]]))
        command(keeping=Keeping(None if no_db else db, label), **own)

    for option in reversed(KEEPING_OPTIONS):
        call = option(call)
    return call


KEEPING_OPTIONS = (
    click.option(
        "--db",
        type=click.Path(path_type=Path),
        default=DEFAULT_DB,
        show_default=True,
        help="Keep the run in this SQLite file, beside the others.",
    ),
    click.option("--no-db", is_flag=True, help="Do not keep the run."),
    click.option(
        "--tag",
        "tags",
        type=TAG,
        multiple=True,
        metavar="KEY=VALUE",
        help="Tag the run, to find it again; may be repeated.",
    ),
    click.option("--note", type=NOTE, metavar="TEXT", help="Note this with the run."),
)
