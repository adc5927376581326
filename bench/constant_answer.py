"""The answer everybody measures against where there is no nginx: granian calls this.

/count speaks like nginx's stub_status, so that both are read alike. Knows nothing of who asks.
"""

from __future__ import annotations

from typing import Any

from bench.server import ANSWER, COUNT_PATH, UNIQUE_HEADER

_HEADERS = [("Content-Type", "application/json")]


class App:
    """Counts every request, those for the count included, as nginx does; names each in its answer if wanted."""

    def __init__(self, has_unique_heads: bool) -> None:
        self._has_unique_heads = has_unique_heads
        self._requests = 0

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        self._requests += 1
        if scope.path == COUNT_PATH:
            protocol.response_str(200, [], f"server accepts handled requests\n 0 0 {self._requests} \n")
        else:
            name = [(UNIQUE_HEADER, f"{self._requests:032x}")] if self._has_unique_heads else []
            protocol.response_str(200, _HEADERS + name, ANSWER)


constant = App(has_unique_heads=False)
named = App(has_unique_heads=True)
