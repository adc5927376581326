"""`greenload runs`: the runs that were kept: listed, tagged, removed."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import click

from greenload.cli.keeping import DEFAULT_DB
from greenload.cli.options import NOTE, TAG
from greenload.report.run_list import run_list, run_table
from greenload.report.stored import document_of
from greenload.report.terminal import console_for
from greenload.store import Store
from greenload.stored_run import GOING_ON

DEFAULT_LIMIT = 20

tags_argument = click.argument("tags", type=TAG, nargs=-1, required=True, metavar="KEY=VALUE...")
run_argument = click.argument("run_id", metavar="ID")
runs_argument = click.argument("run_ids", nargs=-1, metavar="ID...")


def _db(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path:
    """Return what was said here, or else before the subcommand."""
    assert ctx.parent is not None
    return Path(ctx.parent.params["db"]) if path is None else path


db_option = click.option(
    "--db", type=click.Path(path_type=Path), callback=_db, help=f"The file they are kept in.  [default: {DEFAULT_DB}]"
)


# The metavar is spelled out: not each release of click says by itself that a command may be left out.
@click.group("runs", invoke_without_command=True, subcommand_metavar="[COMMAND] [ARGS]...")
@click.option(
    "--db",
    type=click.Path(path_type=Path),
    default=DEFAULT_DB,
    show_default=True,
    is_eager=True,  # subcommands fall back on it
    help="The file they are kept in.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=DEFAULT_LIMIT, show_default=True, help="List so many, the newest."
)
@click.option(
    "--tag", "tags", type=TAG, multiple=True, metavar="KEY=VALUE", help="Only runs tagged so; may be repeated."
)
@click.option("--json", "is_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(ctx: click.Context, db: Path, limit: int, tags: tuple[tuple[str, str], ...], is_json: bool) -> None:
    """List the runs that were kept, the newest first; or remove, tag and note them."""
    if ctx.invoked_subcommand is not None:
        return
    with closing(Store.found(db)) as store:
        runs = store.runs(limit, dict(tags))
        # Of a run that has not ended nobody has written a summary.
        listed = run_list([(run, run.document or document_of(store.load(run.info.id))) for run in runs])
    if is_json:
        click.echo(json.dumps(listed, indent=1))
    elif listed["runs"]:
        console_for(sys.stdout).print(run_table(listed))
    else:
        click.echo(f"no runs in {db}" + (" with these tags" if tags else ""))


@command.command("rm")
@runs_argument
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="In place of IDs: all but the N newest.")
@db_option
def remove(run_ids: tuple[str, ...], keep: int | None, db: Path) -> None:
    """Remove runs for good; the file becomes smaller.

    With --keep those that are going on stay, too.
    """
    if bool(run_ids) == (keep is not None):
        raise click.UsageError("say which runs to remove by their IDs, or with --keep how many to leave")
    with closing(Store.found(db)) as store:
        if keep is not None:
            run_ids = tuple(run.info.id for run in store.runs()[keep:] if run.state != GOING_ON)
        if run_ids:
            store.remove(run_ids)
    click.echo(f"removed {len(set(run_ids))} run(s)")


@command.command("tag")
@run_argument
@tags_argument
@db_option
def tag(run_id: str, tags: tuple[tuple[str, str], ...], db: Path) -> None:
    """Tag a run, in the place of tags of the same key."""
    with closing(Store.found(db)) as store:
        store.tag(run_id, dict(tags))


@command.command("note")
@run_argument
@click.argument("text", type=NOTE)
@db_option
def note(run_id: str, text: str, db: Path) -> None:
    """Note TEXT with a run, in the place of its note."""
    with closing(Store.found(db)) as store:
        store.note(run_id, text)
