"""The audit: which albums the service has said yes to, on paper, so that a loss can be proven.

A store without a lock forgets albums, and then nobody can ask it which. Each accepted POST is a line of JSON, written
before its answer leaves, in one call that appends: lines of several threads do not tear each other. Knows no stores.
"""

import json
import os
from pathlib import Path

from service.album import Album


class Audit:
    """The log of the albums that one start of the service accepted."""

    def __init__(self, path: Path) -> None:
        """Begins the file anew: held against the albums of this start, lines of an earlier one would all look lost.

        Raises OSError when it cannot be written to.
        """
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def accepted(self, album: Album) -> None:
        """Write down that the album was accepted."""
        os.write(self._file, json.dumps(album.plain()).encode("ascii") + b"\n")
