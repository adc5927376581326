"""`greenload key`: makes a join key."""

from __future__ import annotations

import click

from greenload.key import JoinKey


@click.command("key")
def command() -> None:
    """Print a new join key, the secret that a master and its workers share.

    Keep it in a file that only you can read (umask 077; greenload key > greenload.key) and give that to the master and
    to each worker with --key-file.
    """
    click.echo(str(JoinKey.new()))
