"""`greenload run`: one run by one command, with the worker in the memory of the master or with many in processes."""

from __future__ import annotations

from pathlib import Path

import click

from greenload.asked import Asked
from greenload.cli.conduct import conduct, unkept_run
from greenload.cli.keeping import Keeping
from greenload.cli.options import processes_option
from greenload.cli.outputs import Outputs, check_outputs
from greenload.cli.page_options import PageWanted, check_no_page_options, page_options
from greenload.cli.premises import Premises
from greenload.cli.run_options import run_options
from greenload.cli.workers_here import workers_here
from greenload.core.terms import Expected, Terms
from greenload.descriptors import check
from greenload.scenario import load
from greenload.scenario_files import read
from greenload.version import VERSION


@click.command("run")
@processes_option("Run the users in this many worker processes; auto: one for each core.  [default: in this one]")
@click.option("--web", is_flag=True, help="Serve the page, and make the runs that are asked for there.")
@page_options
@run_options
def command(
    scenario: Path | None,
    asked: Asked,
    outputs: Outputs,
    keeping: Keeping,
    processes: int | None,
    web: bool,
    page: PageWanted,
) -> None:
    """Load a service with the users of a scenario, a Python file.

    Without SCENARIO it is loadfile.py, else locustfile.py, in the working folder. Ctrl-C lets running tasks finish, a
    second Ctrl-C stops at once; the summary is printed either way.
    """
    check_outputs(outputs)
    if web:
        from greenload.cli.serving import serve_page  # which brings Flask along: 0.1 s that others need not wait

        loaded = load(scenario, only=())
        with keeping.store() as store, workers_here(loaded, processes) as (hub, local):
            # Processes are started for each run anew.
            terms = Terms(VERSION, loaded.sha256, read(loaded.path, ()), more_runs=local is None)
            own = processes or 1
            serve_page(Premises(loaded, asked, terms, hub, keeping, store, outputs, Expected(own), own, local), page)
        return
    check_no_page_options("say --web to have one")
    wanted = asked.of(load(scenario, asked.classes))
    check(wanted.scenario.classes, wanted.plan, processes or 1)
    run = unkept_run(wanted.scenario, wanted.plan, processes or 1, wanted.gate)
    with (
        keeping.store() as store,
        keeping.kept(run, read(wanted.scenario.path, ()), store) as kept,
        workers_here(wanted.scenario, processes) as (hub, local),
    ):
        conduct(kept, hub, outputs, local)
