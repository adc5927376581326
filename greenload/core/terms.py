"""On what terms a run is made: who may take part, and how many are waited for.

Who has no scenario gets the master's. Knows nothing of who has come, or when.
"""

from __future__ import annotations

from dataclasses import dataclass

from greenload.core.bundle import Bundle
from greenload.core.errors import GreenloadError
from greenload.core.messages import Fetch, Hello, Piece, Refused


@dataclass(frozen=True)
class Terms:
    """What a master demands and gives.

    version          of greenload
    scenario_sha256  fingerprint of the scenario itself
    bundle           the scenario and the files that go with it
    any_scenario     whether a worker may have another one
    more_runs        whether another run may come after this one: workers stay for it
    """

    version: str
    scenario_sha256: str
    bundle: Bundle
    any_scenario: bool = False
    more_runs: bool = False

    def objection(self, hello: Hello) -> str | None:
        """Return why a worker that says `hello` may not take part, or None."""
        if hello.version != self.version:
            return self._other_version(hello.version)
        if hello.scenario_sha256 != self.scenario_sha256 and not self.any_scenario:
            return (
                "this worker has another scenario than the master; give both the same file, or leave out -f to get the"
                " master's, or let the master say --any-scenario"
            )
        return None

    def answer(self, fetch: Fetch) -> Piece | Refused:
        """Return the piece of the bundle that a worker wants."""
        if fetch.version != self.version:
            return Refused(self._other_version(fetch.version))
        return self.bundle.piece(fetch.offset)

    def _other_version(self, version: str) -> str:
        return f"this master is greenload {self.version}, the worker is {version}; install the same"


class TooFewWorkers(GreenloadError):
    """The workers that were expected did not come."""


@dataclass(frozen=True)
class Expected:
    """How many workers there must be for the run to begin, and for how long they are waited for; None: for ever."""

    workers: int
    timeout_s: float | None = None

    def check(self, here: int, waited_s: float) -> None:
        """Raise TooFewWorkers when only `here` are there and have been waited for long enough."""
        if self.timeout_s is not None and waited_s > self.timeout_s:
            raise TooFewWorkers(f"only {here} of {self.workers} workers came within {self.timeout_s:g} s")
