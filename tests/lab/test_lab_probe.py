"""A probe is called in a Python of its own; the machine is looked at before and after."""

import os
import socket
import sys

import pytest

from greenload.lab import quiet
from greenload.lab.findings import Findings
from greenload.lab.hold import hold
from greenload.lab.lesson import QUICK, LabError, Lesson
from greenload.lab.machine import circumstances
from greenload.lab.probe import bare, patched, run_python


def whose_socket() -> str:
    return socket.socket.__module__


def who(number: int) -> list[int]:
    return [os.getpid(), number]


def test_a_probe_runs_in_a_process_of_its_own_and_gets_its_arguments():
    pid, number = bare(who, number=7)

    assert pid != os.getpid()
    assert number == 7


def test_a_bare_probe_finds_nothing_patched_and_a_patched_one_does():
    assert bare(whose_socket) == "socket"
    assert patched(whose_socket) == "gevent._socket3"


def test_a_probe_that_breaks_is_a_sentence_with_its_last_words():
    with pytest.raises(LabError, match="ZeroDivisionError"):
        run_python(["-c", "1 / 0"])


def test_a_loop_that_computes_alone_gets_a_part_of_a_processor_and_never_more_than_one():
    assert 0 < quiet.share_of_a_processor() < 1.05


def test_the_idle_share_is_a_share():
    assert 0 <= quiet.idle_share() <= 1


@pytest.mark.parametrize(
    ("share", "idle", "said"),
    [
        (0.99, 0.95, []),
        (0.99, None, []),
        (0.5, 0.95, ["a loop that only computes got a processor for 50% of its time"]),
        (0.99, 0.4, ["others use 60% of the processors"]),
    ],
)
def test_what_disturbs_is_said(monkeypatch, share, idle, said):
    monkeypatch.setattr(quiet, "share_of_a_processor", lambda: share)
    monkeypatch.setattr(quiet, "idle_share", lambda: idle)

    assert quiet.disturbances() == said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (quiet.Used(120.0, 14.0, 5.0), ["others used 55% of the processors"]),
        (quiet.Used(120.0, 14.0, 16.0), []),
        (quiet.Used(100.5, 10.0, 0.0), []),
        (None, []),
    ],
)
def test_what_others_used_meanwhile_is_all_but_what_was_idle_and_ours(after, said):
    assert quiet.disturbances_between(quiet.Used(100.0, 10.0, 0.0), after) == said


def test_what_a_child_used_that_has_ended_is_ours():
    before = quiet.used()
    bare(who, number=1)
    after = quiet.used()

    assert after.ours_s - before.ours_s > 0.02
    assert after.all_s - before.all_s >= after.idle_s - before.idle_s


def test_a_lesson_is_held_with_the_circumstances_and_what_disturbed_it(monkeypatch):
    monkeypatch.setattr("greenload.lab.hold.disturbances", lambda: ["others are at work"])
    findings = Findings(notes=["found"])

    held = hold(Lesson("shown", "so?", [], lambda effort: findings, "So.", None), QUICK)

    assert held.findings is findings
    assert held.disturbances == ["before: others are at work", "after: others are at work"]
    assert dict(held.machine)["python"].split()[1].rstrip(",") == sys.version.split()[0]
    assert {name for name, _ in circumstances()} == {
        "date",
        "machine",
        "python",
        "greenload",
        "gevent",
        "greenlet",
        "granian",
    }
