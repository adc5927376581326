"""`greenload run`: one run in one process."""

from __future__ import annotations

import json
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import gevent

from greenload.cli.options import Duration, Stages
from greenload.core.errors import GreenloadError
from greenload.core.messages import Plan, Report
from greenload.core.results import Results
from greenload.core.shape import Shape, ramp
from greenload.green import THROWN
from greenload.report.console import LiveView, ProgressHandler, console_for, print_summary
from greenload.report.locust_csv import LocustCsv, csv_paths
from greenload.report.summary import RunInfo, summarize
from greenload.scenario import Scenario, load
from greenload.user.recorder import describe
from greenload.version import VERSION
from greenload.worker import Worker

LOG_LEVELS = ("debug", "info", "warning", "error")

log = logging.getLogger("greenload")


@click.command("run")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option("-H", "--host", metavar="URL", help="Base URL of the service; goes before the classes' own host.")
@click.option("-u", "--users", type=click.IntRange(min=1), help="How many virtual users.  [default: 1]")
@click.option(
    "-r", "--spawn-rate", type=click.FloatRange(min=0, min_open=True), help="Users started a second.  [default: 1]"
)
@click.option("-t", "--run-time", type=Duration(), help="When to stop, for example 30s, 2m or 1h20m.  [default: never]")
@click.option("--stages", type=Stages(), help='Users over time instead of -u and -r: "50@30s,50@2m,0@10s".')
@click.option(
    "--stop-timeout", type=Duration(), default="10s", show_default=True, help="How long a running task may finish."
)
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Run this user class only; may be repeated.")
@click.option("--seed", type=int, help="Repeats the choice of tasks and wait times of a run with this seed.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the summary as JSON to this file.")
@click.option(
    "--csv", "csv_prefix", metavar="PREFIX", help="Write Locust's four CSV files, PREFIX_stats.csv and so on."
)
@click.option("--quiet", is_flag=True, help="No progress, only the summary.")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="What is logged.")
@click.option("--log-file", type=click.Path(path_type=Path), help="Log into this file instead of stderr.")
def command(
    scenario: Path | None,
    host: str | None,
    users: int | None,
    spawn_rate: float | None,
    run_time: float | None,
    stages: Shape | None,
    classes: tuple[str, ...],
    seed: int | None,
    stop_timeout: float,
    **outputs: Any,
) -> None:
    """Load a service with the users of a scenario, a Python file.

    Without SCENARIO it is loadfile.py, else locustfile.py, in the working folder. Ctrl-C lets running tasks finish, a
    second Ctrl-C stops at once; the summary is printed either way.
    """
    if stages is not None and (users is not None or spawn_rate is not None):
        raise click.UsageError("--stages says the users over time; -u and -r do not go with it")
    if run_time is not None and run_time <= 0:
        raise click.UsageError("-t needs a run time above 0, for example 30s")
    shape = stages or ramp(1 if users is None else users, 1.0 if spawn_rate is None else spawn_rate)
    loaded = load(scenario, classes, host)
    plan = Plan(
        shape=shape,
        duration_s=shape.duration_s if stages is not None and run_time is None else run_time,
        shares=loaded.shares(),
        host=host,
        stop_timeout_s=stop_timeout,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )
    carry_out(loaded, plan, Outputs(**outputs))


@dataclass(frozen=True)
class Outputs:
    """Where a run shows and writes itself."""

    json_file: Path | None = None
    csv_prefix: str | None = None
    quiet: bool = False
    log_level: str = "info"
    log_file: Path | None = None


def carry_out(scenario: Scenario, plan: Plan, outputs: Outputs) -> None:
    """Make the run and print and write all of it, also when it is stopped or breaks.  Raises RunBroke, last of all."""
    began = datetime.now(timezone.utc)
    progress, results = console_for(sys.stderr), Results()
    with ExitStack() as cleanup:
        for path in (outputs.json_file, outputs.log_file, *csv_paths(outputs.csv_prefix)):
            _check_writable(path)
        handler = ProgressHandler(progress) if outputs.log_file is None else logging.FileHandler(outputs.log_file)
        cleanup.callback(_log_to(handler, outputs.log_level))
        csv_files = _open_csv(outputs.csv_prefix, began)
        view = None if outputs.quiet else LiveView(progress, plan.duration_s)

        def deliver(report: Report) -> None:
            results.add(report)
            if csv_files is not None:
                csv_files.second(results)
            if view is not None:
                view.show(results)

        worker = Worker("local", plan, scenario.classes, deliver)
        for number in (signal.SIGINT, signal.SIGTERM):
            cleanup.callback(gevent.signal_handler(number, _stop, worker, plan.stop_timeout_s).cancel)
        with view or nullcontext():
            broken = _run(worker)
        # The files before the screen: whoever reads from that may have gone away.
        document = summarize(_run_info(scenario, plan, began), results)
        try:
            if outputs.json_file is not None:
                outputs.json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            if csv_files is not None:
                csv_files.finish(results)
        except OSError as error:
            broken = broken or error
        try:
            print_summary(console_for(sys.stdout), document)
        except OSError as error:
            broken = broken or error
    if broken is not None:
        raise RunBroke(f"the run broke: {describe(broken)}") from broken


class RunBroke(click.ClickException):
    """The generator itself failed; what was measured until then was printed."""

    exit_code = 3


def _run(worker: Worker) -> BaseException | None:
    """Run `worker` to its end and return what broke it, if anything did."""
    try:
        worker.run()  # switch
    except THROWN as error:  # whatever broke, what was measured until then belongs to the person
        log.exception("the run broke")
        return error
    return None


def _stop(worker: Worker, stop_timeout_s: float) -> None:
    if worker.is_stopping:
        log.warning("stopping now: requests under way are counted as unfinished")
    else:
        log.warning("stopping: tasks under way have %g s to finish; once more to stop now", stop_timeout_s)
    worker.stop()


def _run_info(scenario: Scenario, plan: Plan, began: datetime) -> RunInfo:
    hosts = {each.host for each in scenario.classes.values() if each.host}
    return RunInfo(
        id=f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        started=began.isoformat(timespec="seconds"),
        model="users",
        scenario=str(scenario.path),
        scenario_sha256=scenario.sha256,
        host=plan.host or ", ".join(sorted(hosts)) or None,
        seed=plan.seed,
        version=VERSION,
    )


def _log_to(handler: logging.Handler, level: str) -> Callable[[], None]:
    """Let everything log to `handler`; return how to undo that."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())

    def undo() -> None:
        root.removeHandler(handler)
        handler.close()

    return undo


def _check_writable(path: Path | None) -> None:
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


class Unwritable(GreenloadError):
    """A file that was asked for and cannot be written."""
