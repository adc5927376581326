"""Worker processes on this machine: started together, heard, and never left behind. The only place that starts any.

Each is a `greenload worker` in a new interpreter; a fork would carry gevent's loop and ZeroMQ's threads over half dead.
It has a session of its own, so that Ctrl-C at a terminal reaches only the process that started it, which then says what
is to happen. Its stdin is a pipe from that process: when that one is gone, however it went, the pipe ends, and so does
the worker. What workers print and log is passed on from here, so that it cannot tear the running view.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import click
import gevent
from gevent.socket import wait_read

from greenload.cli.options import KEY_VARIABLE
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Fleet
from greenload.green import GreenThreads
from greenload.key import JoinKey
from greenload.master import Master

LEAVE_S = 4.0  # for workers that have said bye, or will find nobody to say it to
END_S = 5.0  # for those that were asked to end
LAST_WORDS_S = 1.0
WRONG_USAGE, BROKE = 2, 3  # exit codes
ERROR = "Error: "  # how click begins the one sentence with which a command ends
# What a worker logs, in its own format.
LOGGED = re.compile(r"[\d-]+ [\d:,]+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (\S+): (.*)")

log = logging.getLogger("greenload")


class CannotStart(GreenloadError):
    """The machine does not give us so many processes."""


class RefusedThere(GreenloadError):
    """What a worker process found wrong before the run began, and a person can mend."""


class EndedEarly(click.ClickException):
    """A worker process broke before the run began."""

    exit_code = BROKE


@dataclass
class LocalWorker:
    """One worker process.  error: the sentence with which it ends, when it said one."""

    name: str
    process: subprocess.Popen[str]
    error: str = ""

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def exit_code(self) -> int:
        """The exit code of one that has ended; 3 when a signal ended it."""
        code = int(self.process.returncode)
        return code if code >= 0 else BROKE

    @property
    def last_words(self) -> str:
        """Why it ended."""
        code = int(self.process.returncode)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else self.error or f"exit code {code}"


class LocalWorkers:
    """The worker processes `name`-1, `name`-2, ... of one run.

    arguments  of `greenload worker`, the same for each
    key        with which they join, if the master has one
    """

    def __init__(self, count: int, name: str, arguments: Sequence[str], key: JoinKey | None) -> None:
        self._names = [f"{name}-{number}" for number in range(1, count + 1)]
        python = [sys.executable, *_path_flags(), "-m", "greenload"]
        self._command = [*python, "worker", "--end-with-stdin", *arguments]
        self._environment = dict(os.environ) if key is None else {**os.environ, KEY_VARIABLE: str(key)}
        self._threads = GreenThreads()
        self._workers: list[LocalWorker] = []
        self._attendants: list[gevent.Greenlet[..., None]] = []
        self._ended_early: LocalWorker | None = None
        self._is_ending = False  # whoever ends now was told to

    @property
    def count(self) -> int:
        return len(self._names)

    @contextmanager
    def take_part(self, fleet: Fleet, master: Master) -> Iterator[None]:
        """Be the workers of `master`'s run while the block lasts.

        Raises CannotStart, or after the block RefusedThere or EndedEarly: there was no run, since one of them ended.
        """

        def on_end(worker: LocalWorker) -> None:
            if fleet.has_begun:
                _say_end(worker)
                if not any(each.is_alive for each in self._workers):
                    master.stop()  # nobody will come back
            elif not master.is_stopping:
                self._ended_early = worker
                master.stop()  # the run would wait for it for ever

        try:
            self._start(on_end)  # switch
            yield
        finally:
            self._end(LEAVE_S if fleet.has_begun else 0.0)  # switch
        if self._ended_early is not None:
            raise _no_run_because_of(self._ended_early)

    def run(self) -> int:
        """Run until all have ended, passing SIGINT and SIGTERM on to them; return the highest exit code."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        signals = [gevent.signal_handler(number, self._signal, number) for number in numbers]
        try:
            self._start(_say_end)  # switch
            self._wait(None)  # switch
        finally:
            self._end(0.0)  # switch
            for each in signals:
                each.cancel()
        return max(worker.exit_code for worker in self._workers)

    def _start(self, on_end: Callable[[LocalWorker], None]) -> None:
        for name in self._names:
            try:
                process = subprocess.Popen(
                    [*self._command, f"--id={name}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._environment,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )  # switch
            except OSError as error:
                raise CannotStart(f"cannot start {self.count} worker processes: {error.strerror}") from error
            worker = LocalWorker(name, process)
            self._workers.append(worker)
            self._attendants.append(self._threads.start(self._attend, worker, on_end))

    def _attend(self, worker: LocalWorker, on_end: Callable[[LocalWorker], None]) -> None:
        """Pass on what `worker` says until it ends."""
        process = worker.process
        assert process.stdin is not None  # asked for in _start, as the two below
        assert process.stdout is not None
        assert process.stderr is not None
        readers = [
            self._threads.start(_read, process.stdout, _print),
            self._threads.start(_read, process.stderr, functools.partial(_log, worker)),
        ]
        process.wait()  # switch
        process.stdin.close()
        # Not for ever: a process which the worker has started may live on and hold the pipes.
        gevent.joinall(readers, timeout=LAST_WORDS_S)  # switch
        if not self._is_ending:
            on_end(worker)

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.is_alive:
                worker.process.send_signal(number)

    def _wait(self, timeout_s: float | None) -> None:
        """Wait until all have ended, or for `timeout_s`."""
        gevent.joinall(self._attendants, timeout=timeout_s)  # switch

    def _end(self, patience_s: float) -> None:
        """See to it that all end: wait for `patience_s`, then ask them, then make them."""
        self._wait(patience_s)  # switch
        self._is_ending = True
        for number, wait_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, LAST_WORDS_S)):
            self._signal(number)
            self._wait(wait_s)  # switch


def end_with_stdin(leave: Callable[[], object]) -> None:
    """Wait for the end of stdin, which is that of whoever started this process; `leave`, and end the process."""
    stdin = 0
    wait_read(stdin)  # switch
    while os.read(stdin, 4096):
        wait_read(stdin)  # switch
    log.warning("whoever started this worker is gone: stopping now")
    leave()
    gevent.sleep(END_S)  # switch: to hand over what was counted, if the master lives elsewhere
    os._exit(BROKE)  # there is nobody to be told more, and nothing of the scenario's may hold this up


def _path_flags() -> list[str]:
    """Return what makes Python look for modules in the workers where it does in this process."""
    # `-m` looks in the working folder first, and takes a queue.py there for the standard library's; the console script,
    # which is no module, does not. Python 3.10 knows no such flag.
    is_script = getattr(sys.modules["__main__"], "__spec__", None) is None
    return ["-P"] if is_script and sys.version_info >= (3, 11) else []


def _no_run_because_of(worker: LocalWorker) -> Exception:
    message = f"worker {worker.name} ended before the run began: {worker.last_words}"
    return RefusedThere(message) if worker.exit_code == WRONG_USAGE else EndedEarly(message)


def _say_end(worker: LocalWorker) -> None:
    if worker.exit_code != 0:
        log.warning("worker %s ended: %s", worker.name, worker.last_words)


def _read(stream: IO[str], take: Callable[[str], None]) -> None:
    with stream:
        for line in stream:  # switch
            take(line)


def _print(line: str) -> None:
    # When nobody reads it any more this raises and closes the pipe, and whoever prints in a worker hears of it there.
    sys.stdout.write(line)
    sys.stdout.flush()


def _log(worker: LocalWorker, line: str) -> None:
    """Log a line of stderr: what `worker` logged at the level it had, anything else as a warning."""
    text = line.rstrip()
    if worker.error:  # was not the last word, so it was the scenario's
        log.warning("%s: %s%s", worker.name, ERROR, worker.error)
        worker.error = ""
    logged = LOGGED.fullmatch(text)
    if logged is not None:
        level, logger, message = logged.groups()
        logging.getLogger(logger).log(getattr(logging, level), "%s: %s", worker.name, message)
    elif text.startswith(ERROR):
        worker.error = text.removeprefix(ERROR)
    elif text:
        log.warning("%s: %s", worker.name, text)
