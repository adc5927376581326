"""Makes one run after the other, as the page asks for them: the Control that stands behind it.

Between runs the workers wait in the reception; each run is seen through as any other (conduct.py). Knows nothing of
HTTP.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click
import gevent
from gevent.event import Event

from greenload.cli.conduct import EDIT_SPAWN_RATE, Conducted, conduct
from greenload.cli.guard import Guard, said_of
from greenload.cli.outputs import log_to
from greenload.cli.page_options import PageWanted
from greenload.cli.premises import Premises
from greenload.core.errors import GreenloadError
from greenload.core.label import Label
from greenload.core.news import DONE
from greenload.core.schedule import NotRunning
from greenload.core.shape import ShapeError
from greenload.core.terms import Expected
from greenload.form import Form, Unfit, rate_by, users_by, values_of
from greenload.master import Master
from greenload.master_log import MasterLog
from greenload.reception import Reception
from greenload.web.control import (
    READY,
    RUNNING,
    STOPPING,
    WAITING,
    ClassOffered,
    LogLine,
    NotNow,
    Offered,
    Shown,
)
from greenload.web.extension import extensions_in
from greenload.web.server import WebServer

HERE = "master"  # whose own lines of the log are
COME_WITHIN_S = 10.0  # who was here when somebody pressed Start; one that is gone is not waited for

log = logging.getLogger("greenload")


@dataclass
class _Going:
    """A run that is being seen through, or was."""

    run: Conducted
    label: Label
    master: Master | None = None
    guard: Guard | None = None
    is_over: bool = False
    broken: str | None = None


class Serving:
    """One master's runs."""

    def __init__(self, premises: Premises, master_log: MasterLog) -> None:
        self._premises = premises
        self._master_log = master_log
        self._reception = Reception(premises.hub, premises.terms)
        self._form: Form = values_of(premises.asked, premises.keeping.label, premises.scenario.load)
        self._going: _Going | None = None
        self._woken = Event()
        self._is_ending = False
        self._ended_with: click.ClickException | None = None  # the last run

    def end(self) -> None:
        """Make no more runs."""
        self._is_ending = True
        self._woken.set()

    def serve(self, *, at_once: bool, quit_after_s: float | None) -> None:
        """Make runs until somebody ends this; then raise what the last one ended with, if anything.

        at_once       make one without being asked
        quit_after_s  end so long after a run, unless the next one has been asked for
        """
        with ExitStack() as cleanup:
            if at_once:
                self._going = _Going(*self._premises.planned(self._form, self._premises.expected))
            cleanup.callback(self._reception.dismiss)
            while not self._is_ending:
                if not self._is_asked_for:
                    has_run = self._going is not None
                    self._wait(quit_after_s if has_run else None)  # switch
                if not self._is_asked_for:
                    break
                self._make()  # switch
        if self._ended_with is not None:
            raise self._ended_with

    # What the page sees

    @property
    def state(self) -> str:
        if self._going is None or self._going.is_over:
            return READY
        if self._going.master is not None and self._going.master.is_stopping:
            return STOPPING
        return RUNNING if self._going.run.fleet.has_begun else WAITING

    @property
    def shown(self) -> Shown | None:
        going, now_s = self._going, time.monotonic()
        if going is None:
            return None
        fleet = going.run.fleet
        return Shown(
            info=going.run.info,
            plan=fleet.plan,
            gate=going.run.gate,
            results=fleet.results,
            members=fleet.members,
            now_s=now_s,
            elapsed_s=fleet.results.elapsed_s if going.is_over else fleet.elapsed_s(now_s),
            breach=going.guard.breach if going.guard is not None else None,
            broken=going.broken,
            is_over=going.is_over,
        )

    @property
    def db(self) -> Path | None:
        return self._premises.keeping.db

    def waiting_workers(self) -> Sequence[str]:
        return self._reception.here()

    def offered(self) -> Offered:
        scenario = self._premises.scenario
        return Offered(
            scenario=str(scenario.path),
            classes=[ClassOffered(name, each.weight, each.fixed_count) for name, each in scenario.classes.items()],
            options=scenario.options,
            thresholds=[str(threshold) for threshold in (*scenario.fail_if, *scenario.abort_if)],
            values=self._form,
        )

    def log(self) -> Sequence[LogLine]:
        lines = [LogLine(line.at, HERE, line.level, line.text) for line in self._master_log.lines]
        if self._going is not None:
            lines += (LogLine(*line) for line in self._going.run.fleet.log_book.lines)
        return sorted(lines, key=lambda line: line.at)

    # What the page asks for

    def start(self, form: Form) -> str:
        if self.state != READY:
            raise NotNow("a run goes on; stop it first")
        if self._is_ending:
            raise NotNow("this master is about to end")
        here, own = len(self._reception.here()), self._premises.own
        if not (here or own):
            raise NotNow(f"no worker is here; {self._premises.come_to}")
        self._going = _Going(*self._premises.planned(form, Expected(own or here, None if own else COME_WITHIN_S)))
        self._form = dict(form)
        self._woken.set()
        return self._going.run.info.id

    def edit(self, form: Form) -> None:
        master, is_open = self._master(), self._going is not None and self._going.run.plan.arrivals is not None
        try:
            if is_open:
                master.edit_rate(rate_by(form))
            else:
                master.edit(*users_by(form, EDIT_SPAWN_RATE))
        except NotRunning as error:
            raise NotNow(str(error)) from error
        except ShapeError as error:
            raise Unfit({"rate" if is_open else "users": str(error)}) from error

    def stop(self) -> bool:
        master = self._master()
        is_second = master.is_stopping
        master.stop()
        return is_second

    def reset(self) -> int:
        try:
            return self._master().reset()
        except NotRunning as error:
            raise NotNow(str(error)) from error

    # What a run that is seen through tells

    def begins(self, run: Conducted, master: Master, guard: Guard) -> None:
        assert self._going is not None
        self._going.run, self._going.master, self._going.guard = run, master, guard

    def ends(self, broken: BaseException | None) -> None:
        assert self._going is not None
        self._going.broken = None if broken is None else said_of(broken)

    # How it is made

    @property
    def _is_asked_for(self) -> bool:
        return self._going is not None and not self._going.is_over

    def _wait(self, quit_after_s: float | None) -> None:
        """Wait until a run is asked for, or for so long, or until somebody ends this."""
        threads = self._reception.threads
        with self._reception.open():
            gevent.wait([self._woken, threads.failed], timeout=quit_after_s, count=1)  # switch
        self._woken.clear()
        if threads.error is not None:
            raise threads.error

    def _make(self) -> None:
        """Have the run made that was asked for."""
        going, premises = self._going, self._premises
        assert going is not None
        try:
            keeping = replace(premises.keeping, label=going.label)
            with keeping.kept(going.run, premises.terms.bundle, premises.store) as kept:
                going.run = kept
                conduct(kept, premises.hub, premises.outputs, premises.local, self)  # switch
            self._ended_with = None
        except click.ClickException as error:
            self._ended_with = error
            if not self._is_ending:  # else it is said at the end
                error.show()
        except GreenloadError as error:
            if self._is_ending:
                raise
            going.broken = str(error)
            log.error("%s", error)
        finally:
            going.is_over = True
            fleet = going.run.fleet
            self._reception.expect(
                member for name, member in fleet.members.items() if member.state == DONE and name not in fleet.errors
            )

    def _master(self) -> Master:
        if self._going is None or self._going.is_over or self._going.master is None:
            raise NotNow("no run goes on")
        return self._going.master


def serve_page(premises: Premises, page: PageWanted) -> None:
    """Serve the page and make the runs it asks for, until a signal comes, or as long as `page` says."""
    master_log = MasterLog()
    serving = Serving(premises, master_log)
    server = WebServer(
        serving,
        page.web_host,
        page.web_port,
        page.web_token,
        page.web_cert,
        page.web_key,
        extensions_in(premises.scenario.names),
        readers=page.web_allow_origin,
    )
    with ExitStack() as cleanup:
        cleanup.callback(log_to(master_log, premises.outputs.log_level))
        # Before anybody is told of the page: who has read the line may press Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            cleanup.callback(gevent.signal_handler(number, serving.end).cancel)
        cleanup.enter_context(server)
        click.echo(f"page: {server.link}", err=True)
        serving.serve(at_once=page.autostart, quit_after_s=page.autoquit_s)  # switch
