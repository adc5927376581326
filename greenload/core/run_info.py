"""What is known of a run before it begins."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunInfo:
    """Who this run is; `started` is ISO 8601 in UTC."""

    id: str
    started: str
    model: str
    scenario: str
    scenario_sha256: str
    host: str | None
    seed: int
    version: str
