"""What a user is given by the process it lives in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from greenload.core.options import OptionValue
from greenload.user.recorder import Recorder


class Environment:
    """The surroundings of the users of one worker.

    host      base URL from the command line, which goes before a class's own; None when there is none
    recorder  where their requests are counted
    now       seconds since the run began
    seed      what all their random numbers come from
    worker_index  which worker of the run this is: 0, 1, 2, ... in the order of coming
    take_row      asks the master for the number of a row of test data; see Rows
    has_phases    whether the phases of requests are counted
    options       the scenario's own, as they are set for this run
    worker_count  how many have come so far, those that are gone included: worker_index is always below it
    """

    def __init__(
        self,
        host: str | None,
        recorder: Recorder,
        now: Callable[[], float],
        seed: int,
        take_row: Callable[[str], int],
    ) -> None:
        self.host = host
        self.recorder = recorder
        self.now = now
        self.seed = seed
        self.take_row = take_row
        self.worker_index = 0
        self.worker_count = 1
        self.has_phases = False
        self.options: Mapping[str, OptionValue] = {}
        self._born: Counter[str] = Counter()

    def new_seed(self, class_name: str) -> str:
        """Return what the random numbers of the next user of that class begin with.

        A stream of its own for each user: with one for all, the order in which green threads happen to run would
        decide who draws what, and no run could be repeated.
        """
        self._born[class_name] += 1
        return f"{self.seed}/{self.worker_index}/{class_name}/{self._born[class_name]}"
