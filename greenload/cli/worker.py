"""`greenload worker`: runs the users that a master gives it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import gevent
from click.exceptions import Exit

from greenload.cli.guard import RunBroke
from greenload.cli.local_workers import LocalWorkers, end_with_stdin
from greenload.cli.options import DURATION, WorkerName, is_own_address, key_option, master_address, processes_option
from greenload.core.bundle import Bundle
from greenload.core.errors import GreenloadError
from greenload.core.messages import Hello
from greenload.green import THROWN, GreenThreads
from greenload.key import JoinKey
from greenload.scenario import Scenario, load
from greenload.scenario_files import fetch, write
from greenload.transport import Line, ZmqLine
from greenload.user.recorder import describe
from greenload.version import VERSION
from greenload.worker import DEFAULT_ORPHAN_TIMEOUT_S, Worker
from greenload.worker_log import WorkerLog

DEFAULT_PORT = 5557
ENDING = (signal.SIGINT, signal.SIGTERM)


@click.command("worker")
@click.option(
    "--master", required=True, metavar="HOST[:PORT]", help="Where the master is; the port is 5557 unless said."
)
@click.option(
    "-f", "--scenario", type=click.Path(path_type=Path), help="The scenario, if it is here.  [default: the master's]"
)
@click.option(
    "--id",
    "name",
    type=WorkerName(),
    metavar="NAME",
    help="What this worker is called.  [default: host name and process id]",
)
@click.option(
    "--orphan-timeout",
    type=DURATION,
    default=f"{DEFAULT_ORPHAN_TIMEOUT_S:g}s",
    show_default=True,
    help="How long to go on without a word from the master.",
)
@key_option
@processes_option("Be this many workers, NAME-1, NAME-2 and so on, each a process; auto: one for each core.")
@click.option("--end-with-stdin", "ends_with_stdin", is_flag=True, help="End when stdin does, at once.")
def command(
    master: str,
    scenario: Path | None,
    name: str | None,
    orphan_timeout: float,
    key: JoinKey | None,
    processes: int | None,
    ends_with_stdin: bool,
) -> None:
    """Run virtual users for a master until its run is over.

    Without a scenario the worker gets the master's. Ctrl-C takes this worker out of the run: its tasks may finish, and
    the other workers take its users.
    """
    log_lines = _logging_begun()
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    epoch = secrets.randbits(32)
    address = master_address(master, DEFAULT_PORT)
    if scenario is None and key is None and not is_own_address(address):
        raise click.UsageError(
            f"a scenario is a program, and without a key anybody could pose as the master at {master} and send one;"
            " say --key-file, or -f and the scenario's file"
        )
    if processes is not None:
        arguments = [f"--master={master}", f"--orphan-timeout={orphan_timeout:.3f}s"]
        if scenario is not None:
            load(scenario, only=())  # so that one process says what is wrong with it, not all
            arguments.append(f"--scenario={scenario}")
        WorkerName().convert(f"{name}-{processes}", None, None)  # the longest of their names
        raise SystemExit(LocalWorkers(processes, name, arguments, key).run())
    part = _Part(name, orphan_timeout, log_lines)

    def leave() -> None:
        part.stop()
        part.stop()  # at once

    if ends_with_stdin:
        GreenThreads().start(end_with_stdin, leave)
    with ExitStack() as cleanup:
        line = ZmqLine(address, key)
        cleanup.callback(line.close)
        if scenario is None:
            folder = Path(cleanup.enter_context(TemporaryDirectory(prefix="greenload-")))
            scenario = write(_fetched(line, name, epoch), folder)  # switch
        loaded = load(scenario, only=())
        for number in ENDING:
            cleanup.callback(gevent.signal_handler(number, part.stop).cancel)
        part.take(line, loaded)


class _Part:
    """This process' part in the runs of a master, one after the other, until somebody ends it."""

    def __init__(self, name: str, orphan_timeout_s: float, log_lines: WorkerLog) -> None:
        self._name = name
        self._orphan_timeout_s = orphan_timeout_s
        self._log_lines = log_lines
        self._worker: Worker | None = None
        self._is_ending = False

    def take(self, line: Line, scenario: Scenario) -> None:
        """Be a worker of each run, a new one every time, for as long as there may be another run."""
        may_return = True
        while may_return and not self._is_ending:
            hello = Hello(self._name, secrets.randbits(32), VERSION, scenario.sha256)
            self._worker = Worker(line, hello, scenario.classes, self._orphan_timeout_s, self._log_lines)
            _run(self._worker)  # switch
            may_return = self._worker.may_return

    def stop(self) -> None:
        self._is_ending = True
        if self._worker is not None:
            self._worker.stop()


def _logging_begun() -> WorkerLog:
    """Let everything log to stderr, and return what takes it in for the master."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    log_lines = WorkerLog()
    logging.getLogger().addHandler(log_lines)
    return log_lines


def _fetched(line: Line, name: str, epoch: int) -> Bundle:
    """Return the master's scenario; a signal ends the waiting for it."""
    # Thrown into this green thread: a KeyboardInterrupt comes up in the event loop, which prints it.
    enders = {number: gevent.signal_handler(number, gevent.kill, gevent.getcurrent(), Exit(0)) for number in ENDING}
    try:
        return fetch(line, name, epoch, VERSION)  # switch
    finally:
        for number, ender in enders.items():
            ender.cancel()
            # While the scenario is loaded no green thread runs; the folder it is in must go all the same.
            signal.signal(number, signal.default_int_handler)


def _run(worker: Worker) -> None:
    try:
        worker.run()  # switch
    except GreenloadError:
        raise
    except THROWN as error:
        raise RunBroke(f"this worker broke: {describe(error)}") from error
