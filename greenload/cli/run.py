"""`greenload run`: one run in one process, master and worker in memory of each other."""

from __future__ import annotations

import secrets

import click

from greenload.cli.conduct import conduct
from greenload.cli.run_options import Wanted, run_options
from greenload.core.messages import Hello
from greenload.green import GreenThreads
from greenload.transport import MemoryHub
from greenload.version import VERSION
from greenload.worker import Worker

WORKER = "local"


@click.command("run")
@run_options
def command(wanted: Wanted) -> None:
    """Load a service with the users of a scenario, a Python file.

    Without SCENARIO it is loadfile.py, else locustfile.py, in the working folder. Ctrl-C lets running tasks finish, a
    second Ctrl-C stops at once; the summary is printed either way.
    """
    hub = MemoryHub()
    hello = Hello(WORKER, secrets.randbits(32), VERSION, wanted.scenario.sha256)
    # What breaks the worker is told to the master by its Bye, and raised there.
    GreenThreads().start(Worker(hub.line, hello, wanted.scenario.classes).run)
    conduct(wanted.scenario, wanted.plan, wanted.outputs, hub, workers=1)
