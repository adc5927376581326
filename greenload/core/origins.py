"""Which workers each exception of a run came from, in bounded memory. None of it outlives the master.

Knows nothing of how often it came.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from greenload.core.kinds import MOST_KINDS, Kinds


class Origins:
    """Workers by kind of exception."""

    def __init__(self) -> None:
        self._workers: dict[str, dict[str, None]] = {}

    @property
    def are_too_many(self) -> bool:
        """Whether `forget` is to be called."""
        return len(self._workers) > 2 * MOST_KINDS

    def note(self, worker: str, kinds: Kinds) -> None:
        """Take in what came from `worker`."""
        for kind in kinds.kept:
            self._workers.setdefault(kind, {})[worker] = None

    def of(self, kind: str) -> Sequence[str]:
        """Return whom `kind` came from, the first one first."""
        return list(self._workers.get(kind, ()))

    def forget(self, kept: Container[str]) -> None:
        """Let go of all kinds that are not in `kept`."""
        self._workers = {kind: workers for kind, workers in self._workers.items() if kind in kept}
