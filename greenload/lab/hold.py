"""Holds a lesson: looks whether the machine is quiet, measures, looks again."""

from __future__ import annotations

from greenload.lab.lesson import Effort, Held, Lesson
from greenload.lab.machine import circumstances
from greenload.lab.quiet import disturbances


def hold(lesson: Lesson, effort: Effort) -> Held:
    """Return what the lesson found here.  Raises LabError when it cannot be held on this machine."""
    before = disturbances()
    findings = lesson.measure(effort)
    after = disturbances()
    said = [*(f"before: {each}" for each in before), *(f"after: {each}" for each in after)]
    return Held(lesson, findings, circumstances(), said)
