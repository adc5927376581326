"""The last lines that were logged, here and by workers, for whoever looks later; so many and no more."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timezone
from typing import NamedTuple

from greenload.core.codec import printable

MOST_LINES = 500
MOST_CHARACTERS = 500  # of a line
HERE = "master"


class Line(NamedTuple):
    """When (ISO 8601, UTC), whose (HERE, or a worker's name), how grave, and what."""

    at: str
    source: str
    level: str
    text: str


class LogBook(logging.Handler):
    """Takes down what this process logs, and what it is told that others did."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        self.add(Line(at, HERE, record.levelname.lower(), record.getMessage()))

    def add(self, line: Line) -> None:
        """Take down a line, of a length that can be shown."""
        self.lines.append(line._replace(text=printable(line.text)[:MOST_CHARACTERS]))
