"""`greenload worker`: runs the users that a master gives it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
from pathlib import Path

import click
import gevent

from greenload.cli.conduct import RunBroke
from greenload.core.errors import GreenloadError
from greenload.core.messages import Hello
from greenload.green import THROWN
from greenload.scenario import load
from greenload.transport import ZmqLine
from greenload.user.recorder import describe
from greenload.version import VERSION
from greenload.worker import Worker

DEFAULT_PORT = 5557


@click.command("worker")
@click.option(
    "--master", required=True, metavar="HOST[:PORT]", help="Where the master is; the port is 5557 unless said."
)
@click.option("-f", "--scenario", type=click.Path(path_type=Path), help="The scenario; the same file as the master's.")
@click.option("--id", "name", metavar="NAME", help="What this worker is called.  [default: host name and process id]")
def command(master: str, scenario: Path | None, name: str | None) -> None:
    """Run virtual users for a master until its run is over.

    Without a scenario it is loadfile.py, else locustfile.py, in the working folder. Ctrl-C takes this worker out of the
    run: its tasks may finish, and the other workers take its users.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    loaded = load(scenario, only=())
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    line = ZmqLine(f"tcp://{master if ':' in master else f'{master}:{DEFAULT_PORT}'}")
    worker = Worker(line, Hello(name, secrets.randbits(32), VERSION, loaded.sha256), loaded.classes)
    signals = [gevent.signal_handler(number, worker.stop) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        worker.run()  # switch
    except GreenloadError:
        raise
    except THROWN as error:
        raise RunBroke(f"this worker broke: {describe(error)}") from error
    finally:
        for each in signals:
            each.cancel()
        line.close()
