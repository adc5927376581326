"""Sees a run through: shows it, writes it, stops it on a signal, and says when it broke.

The same for every command that makes a run; where the workers are makes no difference here.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import click
import gevent

from greenload.cli.guard import Guard, check
from greenload.cli.keyboard import keys
from greenload.cli.local_workers import LocalWorkers
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
from greenload.master import Master, WorkerBroke
from greenload.report.console import print_summary
from greenload.report.github import workflow_commands
from greenload.report.junit import junit
from greenload.report.live import LiveView, ProgressHandler
from greenload.report.locust_csv import LocustCsv, csv_paths
from greenload.report.summary import Document, summarize
from greenload.report.terminal import console_for
from greenload.scenario import Scenario
from greenload.transport import Hub
from greenload.user.recorder import describe
from greenload.version import VERSION

EDIT_SPAWN_RATE = 10.0  # users/s, when a key changes their number
LOG_LEVELS = ("debug", "info", "warning", "error")
NO_GATE = Gate()

log = logging.getLogger("greenload")


@dataclass(frozen=True)
class Outputs:
    """Where a run shows and writes itself, and (is_strict) whether a verdict of SUSPECT shall be an error."""

    json_file: Path | None = None
    junit_file: Path | None = None
    csv_prefix: str | None = None
    is_strict: bool = False
    quiet: bool = False
    log_level: str = "info"
    log_file: Path | None = None


@dataclass(frozen=True)
class Conducted:
    """A run that is about to be seen through.

    breach  what it was aborted for already, when another master did
    keep    is told what must outlive this process;  end: that all was kept which was to come, also what broke a worker
    """

    info: RunInfo
    plan: Plan
    fleet: Fleet
    gate: Gate = NO_GATE
    breach: Breach | None = None
    keep: Callable[[News], object] = lambda news: None
    end: Callable[[], object] = lambda: None


def conduct(run: Conducted, hub: Hub, outputs: Outputs, local: LocalWorkers | None = None) -> None:
    """Make a run with workers that come by `hub`; print and write all of it, also when it stops or breaks.

    local: those of them that are started for this run and end with it.
    Raises RunBroke, ThresholdsFailed or NotValid, last of all; EndedEarly when there was no run.
    """
    began = datetime.fromisoformat(run.info.started)
    progress = console_for(sys.stderr)
    results = run.fleet.results
    with ExitStack() as cleanup:
        for path in (outputs.json_file, outputs.junit_file, outputs.log_file, *csv_paths(outputs.csv_prefix)):
            check_writable(path)
        handler = ProgressHandler(progress) if outputs.log_file is None else logging.FileHandler(outputs.log_file)
        cleanup.callback(log_to(handler, outputs.log_level))
        csv_files = _open_csv(outputs.csv_prefix, began)
        cleanup.callback(_close_csv, csv_files)
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
        broken = _publish(document, results, outputs, csv_files, broken)
    if is_through:
        run.end()
    if broken is not None:
        raise RunBroke(said_of(broken)) from broken
    check(document, outputs.is_strict)


def _publish(
    document: Document, results: Results, outputs: Outputs, csv_files: LocustCsv | None, broken: BaseException | None
) -> BaseException | None:
    """Write and print all there is to say of a run; return what broke it, which may be that this could not be done."""
    # The files before the screen: whoever reads from that may have gone away. Each for itself: one disk may be full.
    if outputs.json_file is not None:
        text = json.dumps(document, indent=1) + "\n"
        broken = _written(partial(outputs.json_file.write_text, text, encoding="utf-8"), broken)
    if csv_files is not None:
        broken = _written(partial(csv_files.finish, results, document["verdict"]), broken)
    if outputs.junit_file is not None:  # the last one, for it says what broke
        said = None if broken is None else said_of(broken)
        broken = _written(partial(outputs.junit_file.write_bytes, junit(document, said, outputs.is_strict)), broken)
    try:
        print_summary(console_for(sys.stdout), document)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for command in workflow_commands(document):
                console_for(sys.stderr).out(command, highlight=False)
    except OSError as error:
        broken = broken or error
    return broken


def _written(write: Callable[[], object], broken: BaseException | None) -> BaseException | None:
    """Write a file; return what broke the run, which may be that this could not be done."""
    try:
        write()
    except OSError as error:
        return broken or error
    return broken


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


class RunBroke(click.ClickException):
    """The generator itself failed; what was measured until then was printed."""

    exit_code = 3


def said_of(broken: BaseException) -> str:
    return f"the run broke: {broken if isinstance(broken, GreenloadError) else describe(broken)}"


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


def log_to(handler: logging.Handler, level: str) -> Callable[[], None]:
    """Let everything log to `handler`; return how to undo that."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())

    def undo() -> None:
        root.removeHandler(handler)
        handler.close()

    return undo


def check_writable(path: Path | None) -> None:
    """Find out before the run whether the file can be written, and leave nothing behind."""
    if path is None:
        return
    is_new = not path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise Unwritable(f"cannot write {path}: {error.strerror}") from error
    if is_new:
        path.resolve().unlink()  # not the link, where it is one that leads to nothing


def _open_csv(prefix: str | None, began: datetime) -> LocustCsv | None:
    if prefix is None:
        return None
    try:
        return LocustCsv(prefix, began)
    except OSError as error:
        raise Unwritable(f"cannot write {error.filename or f'{prefix}_*.csv'}: {error.strerror}") from error


def _close_csv(files: LocustCsv | None) -> None:
    """Close what is open still, when there was no run; what cannot be written has been said by then."""
    if files is not None:
        with suppress(OSError):
            files.close()


class Unwritable(GreenloadError):
    """A file that was asked for and cannot be written."""
