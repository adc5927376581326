"""Holds a run to its thresholds and its verdict: ends it when one of them says so, and says the exit code."""

from __future__ import annotations

import logging

import click

from greenload.core.codec import printable
from greenload.core.errors import GreenloadError
from greenload.core.gate import Breach, Gate
from greenload.core.results import Results
from greenload.core.thresholds import PASSED
from greenload.master import Master
from greenload.report.summary import Document
from greenload.user.recorder import describe

log = logging.getLogger("greenload")


class Guard:
    """Aborts a run for the first threshold that fails and is to end it.

    duration_s  how long the run goes on by itself, or None
    breach      what it was aborted for; at first what another master aborted it for, if one did
    """

    def __init__(self, gate: Gate, duration_s: float | None, breach: Breach | None) -> None:
        self._gate = gate
        self._duration_s = duration_s
        self.breach = breach

    def watch(self, results: Results, master: Master) -> None:
        """Look at `results` as they stand now; called each second."""
        is_past = self._duration_s is not None and results.elapsed_s >= self._duration_s
        if is_past or master.is_over or master.is_stopping:
            return  # what fails now is judged at the end, and has ended nothing
        self.breach = self._gate.breach(results)
        if self.breach is not None:
            threshold = self._gate.abort_if[self.breach.number]
            log.warning("stopping now, because of --abort-if '%s'", printable(str(threshold)))
            master.abort(self.breach)


class ThresholdsFailed(click.ClickException):
    """The run was made and did not pass a threshold."""

    exit_code = 1


class NotValid(click.ClickException):
    """The run was made, its verdict is SUSPECT, and that was not to be put up with."""

    exit_code = 4


def check(document: Document, is_strict: bool) -> None:
    """Raise what the exit code is to say of a run that was made: ThresholdsFailed goes before NotValid."""
    bad = [f"{each['text']} ({each['status']})" for each in document["thresholds"] if each["status"] != PASSED]
    if bad:
        raise ThresholdsFailed(printable(f"the run did not pass {len(bad)} threshold(s): {', '.join(bad)}"))
    if is_strict and document["verdict"]["status"] != "valid":
        raise NotValid("the verdict is SUSPECT, and --strict was said")


class RunBroke(click.ClickException):
    """The generator itself failed; what was measured until then was printed."""

    exit_code = 3


def said_of(broken: BaseException) -> str:
    return f"the run broke: {broken if isinstance(broken, GreenloadError) else describe(broken)}"
