"""`greenload master`: one run whose users live in worker processes."""

from __future__ import annotations

import click

from greenload.cli.conduct import conduct
from greenload.cli.run_options import Wanted, run_options
from greenload.transport import ZmqHub

DEFAULT_BIND = "tcp://127.0.0.1:5557"
OWN_ADDRESSES = ("tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://")


@click.command("master")
@click.option(
    "--bind", default=DEFAULT_BIND, show_default=True, metavar="ADDRESS", help="Where workers come; port 0: a free one."
)
@click.option(
    "--expect-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Start when so many are here."
)
@click.option("--insecure", is_flag=True, help="Allow a --bind that others can reach; nothing protects the run there.")
@run_options
def command(wanted: Wanted, bind: str, expect_workers: int, insecure: bool) -> None:
    """Wait for workers, give them the users of a scenario, and add up what they count.

    Start workers with `greenload worker` and the same scenario file. Who comes late gets its part of the users; that of
    a worker that is lost goes to the others.
    """
    if not insecure and not bind.startswith(OWN_ADDRESSES):
        raise click.UsageError(
            f"{bind} can be reached from other machines, and there is no key yet to keep them out;"
            " bind 127.0.0.1, or say --insecure if the network is yours alone"
        )
    hub = ZmqHub(bind)
    click.echo(f"master: {hub.address}, waiting for {expect_workers} worker(s)", err=True)
    try:
        conduct(wanted.scenario, wanted.plan, wanted.outputs, hub, expect_workers)
    finally:
        hub.close()
