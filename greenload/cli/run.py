"""`greenload run`: one run by one command, with the worker in the memory of the master or with many in processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import click

from greenload.cli.conduct import Outputs, conduct, unkept_run
from greenload.cli.local_workers import LocalWorkers
from greenload.cli.options import processes_option
from greenload.cli.run_options import Wanted, run_options
from greenload.core.messages import Hello
from greenload.descriptors import check
from greenload.green import GreenThreads
from greenload.key import JoinKey
from greenload.transport import MemoryHub, ZmqHub
from greenload.version import VERSION
from greenload.worker import Worker

WORKER = "local"


@click.command("run")
@processes_option("Run the users in this many worker processes; auto: one for each core.  [default: in this one]")
@run_options
def command(wanted: Callable[[], Wanted], outputs: Outputs, processes: int | None) -> None:
    """Load a service with the users of a scenario, a Python file.

    Without SCENARIO it is loadfile.py, else locustfile.py, in the working folder. Ctrl-C lets running tasks finish, a
    second Ctrl-C stops at once; the summary is printed either way.
    """
    asked = wanted()
    check(asked.scenario.classes, asked.plan, processes or 1)
    if processes is None:
        _run_in_memory(asked, outputs)
    else:
        _run_in_processes(asked, outputs, processes)


def _run_in_memory(wanted: Wanted, outputs: Outputs) -> None:
    hub = MemoryHub()
    hello = Hello(WORKER, secrets.randbits(32), VERSION, wanted.scenario.sha256)
    # What breaks the worker is told to the master by its Bye, and raised there.
    GreenThreads().start(Worker(hub.line, hello, wanted.scenario.classes).run)
    conduct(unkept_run(wanted.scenario, wanted.plan, 1, wanted.gate), hub, outputs)


def _run_in_processes(wanted: Wanted, outputs: Outputs, count: int) -> None:
    key = JoinKey.new()  # others on this machine can reach the address, too
    hub = ZmqHub("tcp://127.0.0.1:0", key)
    local = LocalWorkers(count, WORKER, [f"--master={hub.address}", f"--scenario={wanted.scenario.path}"], key)
    try:
        conduct(unkept_run(wanted.scenario, wanted.plan, count, wanted.gate), hub, outputs, local)
    finally:
        hub.close()
