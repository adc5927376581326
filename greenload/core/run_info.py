"""What is known of a run before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class PlannedTask(NamedTuple):
    """A task of a user class, or of a TaskSet in it ("Checkout.pay"), and how often it is to come.

    percent  of all tasks begun in that class, or in that set; None where the class itself decides what comes next
    """

    class_name: str
    task: str
    percent: float | None


@dataclass(frozen=True)
class RunInfo:
    """Who this run is.

    started    ISO 8601 in UTC
    tasks      what its users are to do
    made_with  versions and machine of the master, by what they are of; empty where nobody wrote that down
    """

    id: str
    started: str
    model: str
    scenario: str
    scenario_sha256: str
    host: str | None
    seed: int
    version: str
    tasks: tuple[PlannedTask, ...] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
