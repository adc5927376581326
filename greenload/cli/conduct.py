"""Sees a run through: shows it, writes it, stops it on a signal, and says when it broke.

The same for every command that makes a run; where the workers are makes no difference here.
"""

from __future__ import annotations

import logging
import secrets
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone

import gevent

from greenload.cli.guard import Guard, RunBroke, check, said_of
from greenload.cli.keyboard import keys
from greenload.cli.local_workers import LocalWorkers
from greenload.cli.outputs import Outputs, close_csv, log_to, open_csv, publish
from greenload.core.bundle import Bundle
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Fleet
from greenload.core.gate import Breach, Gate
from greenload.core.messages import Plan
from greenload.core.news import News
from greenload.core.offer import offer_of
from greenload.core.results import Results
from greenload.core.run_info import RunInfo
from greenload.core.schedule import NotRunning
from greenload.core.shape import MOST_USERS, ShapeError
from greenload.core.terms import Expected, Terms
from greenload.green import THROWN
from greenload.made_with import made_with
from greenload.master import Master, WorkerBroke
from greenload.report.live import LiveView, ProgressHandler
from greenload.report.page.page import html_page, shown_now
from greenload.report.summary import Document, summarize
from greenload.report.terminal import console_for
from greenload.scenario import Scenario
from greenload.transport import Hub
from greenload.version import VERSION

EDIT_SPAWN_RATE = 10.0  # users/s, when a key changes their number
NO_GATE = Gate()

log = logging.getLogger("greenload")


@dataclass(frozen=True)
class Conducted:
    """A run that is about to be seen through.

    breach  what it was aborted for already, when another master did
    keep    is told what must outlive this process
    end     is told the summary, once all was kept that was to come, also what broke a worker
    """

    info: RunInfo
    plan: Plan
    fleet: Fleet
    gate: Gate = NO_GATE
    breach: Breach | None = None
    keep: Callable[[News], object] = lambda news: None
    end: Callable[[Document], object] = lambda document: None


def conduct(run: Conducted, hub: Hub, outputs: Outputs, local: LocalWorkers | None = None) -> None:
    """Make a run with workers that come by `hub`; print and write all of it, also when it stops or breaks.

    The caller has had `check_outputs` look at the outputs.

    local: those of them that are started for this run and end with it.
    Raises RunBroke, ThresholdsFailed or NotValid, last of all; EndedEarly when there was no run.
    """
    began = datetime.fromisoformat(run.info.started)
    progress = console_for(sys.stderr)
    results = run.fleet.results
    with ExitStack() as cleanup:
        handler = ProgressHandler(progress) if outputs.log_file is None else logging.FileHandler(outputs.log_file)
        cleanup.callback(log_to(handler, outputs.log_level))
        csv_files = open_csv(outputs.csv_prefix, began)
        cleanup.callback(close_csv, csv_files)
        view = None if outputs.quiet else LiveView(progress, run.plan.duration_s)

        def observe(results: Results) -> None:
            if csv_files is not None:
                csv_files.second(results)
            if view is not None:
                view.show(results)
            guard.watch(results, master)

        guard = Guard(run.gate, run.plan.duration_s, run.breach)
        master = Master(run.fleet, hub, run.keep, observe)
        for number in (signal.SIGINT, signal.SIGTERM):
            cleanup.callback(gevent.signal_handler(number, stop, master, run.plan.stop_timeout_s).cancel)
        taking_part = local.take_part(run.fleet, master) if local else nullcontext()
        with keys(_Users(master, results).change), view or nullcontext(), taking_part:
            broken = run_master(master)
        if broken is not None:
            results.stop(results.elapsed_s)  # what was to come after that, nobody was asked for
        is_through = broken is None or isinstance(broken, WorkerBroke)
        document = summarize(run.info, results, run.gate.judge(results, guard.breach), offer_of(run.plan, results))

        def page() -> bytes:
            command = shlex.join(["greenload", *sys.argv[1:]])
            return html_page(shown_now(document, results, run.plan, run.gate, command))

        broken = publish(outputs, document, results, csv_files, page, broken)
    if is_through:
        run.end(document)
    if broken is not None:
        raise RunBroke(said_of(broken)) from broken
    check(document, outputs.is_strict)


def unkept_run(scenario: Scenario, plan: Plan, workers: int, gate: Gate = NO_GATE) -> Conducted:
    """Return a run that begins now, of which nothing outlives this process, for workers that have its scenario."""
    terms = Terms(VERSION, scenario.sha256, Bundle(b""))
    fleet = Fleet(plan, Expected(workers), terms, gate.warmup_s)
    return Conducted(new_run(scenario, plan), plan, fleet, gate)


def new_run(scenario: Scenario, plan: Plan) -> RunInfo:
    """Return what there is to know of a run that begins now."""
    began = datetime.now(timezone.utc)
    hosts = {each.host for each in scenario.classes.values() if each.host}
    return RunInfo(
        id=f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=began.isoformat(timespec="seconds"),
        model="users" if plan.arrivals is None else "rate",
        scenario=str(scenario.path),
        scenario_sha256=scenario.sha256,
        host=plan.host or ", ".join(sorted(hosts)) or None,
        seed=plan.seed,
        version=VERSION,
        made_with=made_with(),
    )


class _Users:
    """The number of users as somebody at the keyboard changes it."""

    def __init__(self, master: Master, results: Results) -> None:
        self._master = master
        self._results = results
        self._wanted: int | None = None

    def change(self, more: int) -> None:
        wanted = (self._results.users if self._wanted is None else self._wanted) + more
        wanted = min(max(0, wanted), MOST_USERS)
        try:
            self._master.edit(wanted, EDIT_SPAWN_RATE)
        except (NotRunning, ShapeError) as error:
            log.warning("%s", error)
        else:
            self._wanted = wanted
            log.info("from now on %d users", wanted)


def run_master(master: Master) -> BaseException | None:
    """Run `master` to its end and return what broke it, if anything did."""
    try:
        master.run()  # switch
    except THROWN as error:  # whatever broke, what was measured until then belongs to the person
        if not isinstance(error, GreenloadError):  # which says in a sentence all there is to say
            log.exception("the run broke")
        return error
    return None


def stop(master: Master, stop_timeout_s: float) -> None:
    if master.is_stopping:
        log.warning("stopping now: requests under way are counted as unfinished")
    else:
        log.warning("stopping: tasks under way have %g s to finish; once more to stop now", stop_timeout_s)
    master.stop()
