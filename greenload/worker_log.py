"""What a worker process logs, kept until it goes to the master: some lines of it, the others counted.

Knows nothing of how it gets there.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timezone

from greenload.core.codec import writable
from greenload.core.log_line import MOST_LINE_CHARACTERS, MOST_LINES_AT_ONCE, LogLine

MOST_WAITING = 200
CUT = "..."
LEVELS = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"), (logging.WARNING, "warning"))
LOWEST = "info"


class WorkerLog(logging.Handler):
    """Takes in what is logged at INFO and above, wherever it is hung in."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._waiting: deque[LogLine] = deque()
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        # The first ones stay: of a scenario that logs each request they say as much as the last. And a line that is
        # dropped is not even put together.
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        try:
            text = writable(self.format(record))
        except Exception:  # whatever somebody logs; logging's own way to say so
            self.handleError(record)
            return
        if len(text) > MOST_LINE_CHARACTERS:
            text = text[: MOST_LINE_CHARACTERS - len(CUT)] + CUT
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        level = next((word for least, word in LEVELS if record.levelno >= least), LOWEST)
        self._waiting.append(LogLine(at, level, text))

    def take(self) -> tuple[tuple[LogLine, ...], int]:
        """Return the next lines to be sent, and how many there was no room for since the last call."""
        lines = tuple(self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_LINES_AT_ONCE)))
        dropped, self._dropped = self._dropped, 0
        return lines, dropped
