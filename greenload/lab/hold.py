"""Holds a lesson: looks whether the machine is quiet, measures, looks again, and what others did meanwhile."""

from __future__ import annotations

from greenload.lab.lesson import Effort, Held, Lesson
from greenload.lab.machine import circumstances
from greenload.lab.quiet import disturbances, disturbances_between, used


def hold(lesson: Lesson, effort: Effort) -> Held:
    """Return what the lesson found here.  Raises LabError when it cannot be held on this machine."""
    before = disturbances()
    began = used()
    findings = lesson.measure(effort)
    during = disturbances_between(began, used())
    after = disturbances()
    seen = {"before": before, "during": during, "after": after}
    said = [f"{when}: {each}" for when, found in seen.items() for each in found]
    return Held(lesson, findings, circumstances(), said)
