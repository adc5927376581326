"""Counts: what the service itself saw, to hold a load generator's numbers against.

Each request is counted when it arrives and again, by route and by status, just before its answer leaves: a client that
has its answer finds it counted. So `requests` minus the sum of `by_status` is how many are being worked on. Knows
nothing of HTTP.
"""

import threading
from collections import Counter


class Counts:
    """Exact under any number of threads."""

    def __init__(self) -> None:
        # Without it two threads that read the same number both write the same next one, and a request is missing.
        self._lock = threading.Lock()
        self._requests = 0
        self._by_route: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()

    def arrived(self) -> None:
        """Count a request that came in."""
        with self._lock:
            self._requests += 1

    def answered(self, route: str, status: int) -> None:
        """Count the answer to a request that came in."""
        with self._lock:
            self._by_route[route] += 1
            self._by_status[str(status)] += 1

    def plain(self) -> dict[str, object]:
        """Return all counts of one moment as a dict that JSON can carry."""
        with self._lock:
            return {
                "requests": self._requests,
                "by_route": dict(self._by_route),
                "by_status": dict(self._by_status),
            }
