"""The workers of a run that one command makes by itself: one in the memory of the master, or many in processes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from greenload.cli.local_workers import LocalWorkers
from greenload.core.messages import Hello
from greenload.green import GreenThreads
from greenload.key import JoinKey
from greenload.scenario import Scenario
from greenload.transport import Hub, MemoryHub, ZmqHub
from greenload.version import VERSION
from greenload.worker import Worker

WORKER = "local"
LEAVE_S = 1.0

Here = tuple[Hub, LocalWorkers | None]


def workers_here(scenario: Scenario, processes: int | None) -> AbstractContextManager[Here]:
    """Return where the workers of one run come, and those of them that are processes and start and end with the run.

    processes: how many of these; None for one worker in this process
    """
    return _in_memory(scenario) if processes is None else _in_processes(scenario, processes)


@contextmanager
def _in_memory(scenario: Scenario) -> Iterator[Here]:
    hub = MemoryHub()
    # What breaks the worker is told to the master by its Bye, and raised there.
    worker = GreenThreads().start(_take_part, hub, scenario)
    yield hub, None
    worker.join(LEAVE_S)  # it has said bye, and shall not run on beside another run


def _take_part(hub: MemoryHub, scenario: Scenario) -> None:
    """Be the worker of one run after the other, for as long as there may be another."""
    may_return = True
    while may_return:
        hello = Hello(WORKER, secrets.randbits(32), VERSION, scenario.sha256)
        worker = Worker(hub.line, hello, scenario.classes)
        worker.run()  # switch
        may_return = worker.may_return


@contextmanager
def _in_processes(scenario: Scenario, count: int) -> Iterator[Here]:
    key = JoinKey.new()  # others on this machine can reach the address, too
    hub = ZmqHub("tcp://127.0.0.1:0", key)
    try:
        yield hub, LocalWorkers(count, WORKER, [f"--master={hub.address}", f"--scenario={scenario.path}"], key)
    finally:
        hub.close()
