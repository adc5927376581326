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
from typing import Protocol

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

EDIT_SPAWN_RATE = 10.0  # users/s, when their number is changed and nobody says how fast
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


class Onlooker(Protocol):
    """Somebody who looks on while a run is seen through, and may have a word with its master."""

    def begins(self, run: Conducted, master: Master, guard: Guard) -> None:
        """Hear that the run is about to begin: its workers are waited for."""

    def ends(self, broken: BaseException | None) -> None:
        """Hear that it is over, and what broke it, if anything did."""


def conduct(
    run: Conducted, hub: Hub, outputs: Outputs, local: LocalWorkers | None = None, onlooker: Onlooker | None = None
) -> None:
    """Make a run with workers that come by `hub`; print and write all of it, also when it stops or breaks.

    The caller has had `check_outputs` look at the outputs.

    local: those of them that are started for this run and end with it.
    Raises RunBroke, ThresholdsFailed or NotValid, last of all; EndedEarly when there was no run.
    """
    progress = console_for(sys.stderr)
    results = run.fleet.results
    guard = Guard(run.gate, run.plan.duration_s, run.breach)
    with ExitStack() as cleanup:
        handler = ProgressHandler(progress) if outputs.log_file is None else logging.FileHandler(outputs.log_file)
        cleanup.callback(log_to(handler, outputs.log_level))
        csv_files = open_csv(outputs.csv_prefix, datetime.fromisoformat(run.info.started))
        cleanup.callback(close_csv, csv_files)
        view = None if outputs.quiet else LiveView(progress, run.plan.duration_s)

        def observe(results: Results) -> None:
            if csv_files is not None:
                csv_files.second(results)
            if view is not None:
                view.show(results)
            guard.watch(results, master)

        master = Master(run.fleet, hub, run.keep, observe)
        for number in (signal.SIGINT, signal.SIGTERM):
            cleanup.callback(gevent.signal_handler(number, stop, master, run.plan.stop_timeout_s).cancel)
        if onlooker is not None:
            onlooker.begins(run, master, guard)
        taking_part = local.take_part(run.fleet, master) if local else nullcontext()
        with keys(_Users(master, results).change), view or nullcontext(), taking_part:
            broken = run_master(master)
        if broken is not None:
            results.stop(results.elapsed_s)  # what was to come after that, nobody was asked for
        document = document_of(run, guard.breach)
        published = publish(outputs, document, results, csv_files, lambda: _page_of(run, document), broken)
    if broken is None or isinstance(broken, WorkerBroke):
        run.end(document)
    if onlooker is not None:
        onlooker.ends(published)
    if published is not None:
        raise RunBroke(said_of(published)) from published
    check(document, outputs.is_strict)


def document_of(run: Conducted, breach: Breach | None) -> Document:
    """Return the summary of a run as it stands now."""
    results = run.fleet.results
    return summarize(run.info, results, run.gate.judge(results, breach), offer_of(run.fleet.plan, results))


def _page_of(run: Conducted, document: Document) -> bytes:
    command = shlex.join(["greenload", *sys.argv[1:]])
    return html_page(shown_now(document, run.fleet.results, run.fleet.plan, run.gate, command))


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
        tasks=scenario.tasks(),
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
