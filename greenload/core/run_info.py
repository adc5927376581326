"""What is known of a run before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunInfo:
    """Who this run is.

    started    ISO 8601 in UTC
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
    made_with: Mapping[str, str] = field(default_factory=dict)
