"""A line that a worker, or the master, logged."""

from __future__ import annotations

from typing import NamedTuple

LOG_LEVELS = ("info", "warning", "error", "critical")
MOST_LINES_AT_ONCE = 50  # in one message
MOST_LINE_CHARACTERS = 500


class LogLine(NamedTuple):
    """A line that somebody logged.

    at  when, by their calendar clock: ISO 8601, in UTC. For people only: nothing is computed from it
    """

    at: str
    level: str
    text: str
