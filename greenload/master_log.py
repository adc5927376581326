"""What this process logs, for whoever looks later: the last lines, in bounded memory."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime, timezone

from greenload.core.codec import printable
from greenload.core.log_book import MOST_LINES
from greenload.core.log_line import MOST_LINE_CHARACTERS, LogLine


class MasterLog(logging.Handler):
    """Takes in what is logged at INFO and above, wherever it is hung in; in `lines`, the oldest first."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[LogLine] = deque(maxlen=MOST_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        text = printable(record.getMessage())[:MOST_LINE_CHARACTERS]
        self.lines.append(LogLine(at, record.levelname.lower(), text))
