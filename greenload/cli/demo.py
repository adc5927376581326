"""`greenload demo`: the album service in a process of its own, twenty users on it, and what to try next."""

from __future__ import annotations

import os
from pathlib import Path

import click

from greenload.cli.conduct import conduct, unkept_run
from greenload.cli.local_workers import LocalWorkers
from greenload.cli.options import phases_option
from greenload.cli.outputs import Outputs
from greenload.core.messages import Plan
from greenload.core.shape import ramp
from greenload.key import JoinKey
from greenload.lab.album_service import album_service
from greenload.lab.lesson import CHECKOUT
from greenload.scenario import load
from greenload.transport import ZmqHub

USERS = 20
SPAWN_RATE = 10.0
RUN_TIME_S = 15.0
STOP_TIMEOUT_S = 10.0
SEED = 1
DELAY = "50ms"
WORKERS = 2


@click.command("demo")
@phases_option
def command(has_phases: bool) -> None:
    """Load the album service for a quarter of a minute and see what greenload is."""
    scenario_path = CHECKOUT / "examples" / "albums.py"
    with album_service("--delay", DELAY) as service:
        scenario = load(Path(os.path.relpath(scenario_path)), only=["AlbumUser"])
        shape = ramp(USERS, SPAWN_RATE)
        plan = Plan(shape, RUN_TIME_S, scenario.shares(), service.url, STOP_TIMEOUT_S, SEED, has_phases=has_phases)
        key = JoinKey.new()
        hub = ZmqHub("tcp://127.0.0.1:0", key)
        click.echo(f"{WORKERS} workers with {USERS} users load the album service for {RUN_TIME_S:.0f} s ...", err=True)
        local = LocalWorkers(WORKERS, "worker", [f"--master={hub.address}", f"--scenario={scenario.path}"], key)
        try:
            conduct(unkept_run(scenario, plan, WORKERS), hub, Outputs(), local)
        finally:
            hub.close()
    click.echo(NEXT)


NEXT = """
Next, in two terminals:
  .venv/bin/python -m service --port 8080
  .venv/bin/greenload run examples/albums.py -H http://127.0.0.1:8080 -u 50 -r 10 -t 30s
Then open examples/albums.py, change a task, and run it again. `greenload run --help` lists the rest."""
