"""The steps of a search: each a run of its own at one rate, with workers of its own, and what ends them all."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field

import gevent
from gevent.event import Event

from greenload.cli.conduct import Conducted, run_master, stop, unkept_run
from greenload.cli.guard import Guard, RunBroke, said_of
from greenload.cli.workers_here import workers_here
from greenload.core.gate import Breach, Gate
from greenload.core.messages import Plan
from greenload.core.offer import offer_of
from greenload.core.results import Results
from greenload.core.search import GENERATOR, STOPPED, Search, result_of
from greenload.core.verdict import judge
from greenload.master import Master
from greenload.report.live import LiveView
from greenload.report.search import Tried
from greenload.report.summary import summarize
from greenload.report.terminal import console_for
from greenload.scenario import Scenario

PAUSE_S = 1.0  # after each step: what the server still has to do of it must not slow down the next one
INTERRUPTED, BROKE = "interrupted", "broke"


@dataclass(frozen=True)
class Trial:
    """What each step of a search has in common.

    plan_at    returns the plan of a run at a rate
    processes  how many worker processes make it; None: it is made in this one
    """

    scenario: Scenario
    plan_at: Callable[[float], Plan]
    gate: Gate
    processes: int | None
    stop_timeout_s: float
    is_quiet: bool


@dataclass
class Steps:
    """Tries one rate after the other, until the search has its answer or something ends it.

    ended: how it ended, a search's outcome or what ended it before that
    """

    trial: Trial
    search: Search
    tried: list[Tried] = field(default_factory=list)
    ended: str = BROKE

    def __post_init__(self) -> None:
        self._interrupted = Event()
        self._master: Master | None = None  # of the step under way

    def go(self, tell: Callable[[Tried], object]) -> None:
        """Take all steps and `tell` of each when it is over; SIGINT and SIGTERM end the search.

        Raises what a step broke of; `ended` is BROKE then.
        """
        with ExitStack() as cleanup:
            for number in (signal.SIGINT, signal.SIGTERM):
                cleanup.callback(gevent.signal_handler(number, self._interrupt).cancel)
            while (rate := self._next_rate()) is not None:
                if self.tried:
                    self._interrupted.wait(PAUSE_S)  # switch
                    if self._interrupted.is_set():
                        continue
                tried = self._try(rate)  # switch
                self.tried.append(tried)
                self.search = self.search.after(tried.rate, tried.result)
                tell(tried)

    def _next_rate(self) -> float | None:
        """Return the rate to try next, or note why the search is over and return None."""
        rate = self.search.next_rate
        if self.tried and self.tried[-1].result == GENERATOR:
            self.ended = GENERATOR
        elif rate is None:
            self.ended = self.search.outcome
        elif self._interrupted.is_set():
            self.ended = INTERRUPTED
        else:
            return rate
        return None

    def _try(self, rate: float) -> Tried:
        """Make one run at `rate`.  Raises RunBroke."""
        trial = self.trial
        plan, console = trial.plan_at(rate), console_for(sys.stderr)
        view = LiveView(console, plan.duration_s) if console.is_terminal and not trial.is_quiet else None

        def observe(results: Results) -> None:
            if view is not None:
                view.show(results)
            guard.watch(results, master)

        with workers_here(trial.scenario, trial.processes) as (hub, local):
            run = unkept_run(trial.scenario, plan, trial.processes or 1, trial.gate)
            guard = Guard(trial.gate, plan.duration_s, None)
            master = self._master = Master(run.fleet, hub, run.keep, observe)
            taking_part = local.take_part(run.fleet, master) if local else nullcontext()
            try:
                with view or nullcontext(), taking_part:
                    broken = run_master(master)  # switch
            finally:
                self._master = None
            if broken is not None:
                raise RunBroke(said_of(broken)) from broken
        return self._judged(rate, run, guard.breach)

    def _judged(self, rate: float, run: Conducted, breach: Breach | None) -> Tried:
        """Return what came of a run at `rate`; of one that somebody stopped before its time nobody knows."""
        results = run.fleet.results
        outcomes, offer = run.gate.judge(results, breach), offer_of(run.plan, results)
        verdict = judge(results, offer, outcomes)
        is_cut = breach is None and self._interrupted.is_set() and results.stopped_s < (run.plan.duration_s or 0.0)
        result = STOPPED if is_cut else result_of(verdict, outcomes)
        return Tried(rate, result, verdict, summarize(run.info, results, outcomes, offer))

    def _interrupt(self) -> None:
        self._interrupted.set()
        if self._master is not None:
            stop(self._master, self.trial.stop_timeout_s)
