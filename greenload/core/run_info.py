"""What is known of a run before it begins."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Who this run is; `started` is ISO 8601 in UTC, `tasks` what its users are to do."""

    id: str
    started: str
    model: str
    scenario: str
    scenario_sha256: str
    host: str | None
    seed: int
    version: str
    tasks: tuple[PlannedTask, ...] = ()
