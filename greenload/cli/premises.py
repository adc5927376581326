"""What all runs of one master have in common, and what a form comes to there: a run that can begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from greenload.asked import Asked, NothingMeasured, Wanted
from greenload.cli.conduct import Conducted, new_run
from greenload.cli.keeping import Keeping
from greenload.cli.local_workers import LocalWorkers
from greenload.cli.outputs import Outputs
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Fleet
from greenload.core.label import Label
from greenload.core.shape import ShapeError
from greenload.core.terms import Expected, Terms
from greenload.descriptors import TooFewDescriptors, check
from greenload.form import Form, Unfit, asked_by, label_by
from greenload.http.request import InvalidUrl
from greenload.scenario import Scenario, ScenarioError, check_hosts
from greenload.store import Store
from greenload.transport import Hub


@dataclass(frozen=True)
class Premises:
    """What all runs of one master have in common.

    asked     by the command line;  expected: workers, for a run that nobody has to ask for
    own       how many workers come with this command; 0 where they come from elsewhere
    local     those of them that are processes, started for each run
    come_to   how somebody starts a worker of this master, in words
    """

    scenario: Scenario
    asked: Asked
    terms: Terms
    hub: Hub
    keeping: Keeping
    store: Store | None
    outputs: Outputs
    expected: Expected
    own: int = 0
    local: LocalWorkers | None = None
    come_to: str = ""

    def planned(self, form: Form, expected: Expected) -> tuple[Conducted, Label]:
        """Return the run that `form` asks for, which has not begun, and what is said of it.  Raises Unfit."""
        asked = asked_by(form, self.asked, self.scenario.options)
        label = label_by(form, self.keeping.label)
        wanted = self._wanted(asked)
        fleet = Fleet(wanted.plan, expected, self.terms, wanted.gate.warmup_s)
        return Conducted(new_run(wanted.scenario, wanted.plan), wanted.plan, fleet, wanted.gate), label

    def _wanted(self, asked: Asked) -> Wanted:
        """Return what `asked` comes to.  Raises Unfit, with the field that is to blame."""
        with _blaming("classes", ScenarioError):
            chosen = self.scenario.only(asked.classes)
        with _blaming("host", ScenarioError, InvalidUrl):
            check_hosts(chosen, asked.host)
        with _blaming("warmup", NothingMeasured), _blaming("classes", ScenarioError), _blaming("run_time", ShapeError):
            wanted = asked.of(self.scenario)
        if self.own:
            with _blaming("users" if wanted.plan.arrivals is None else "max_users", TooFewDescriptors):
                check(wanted.scenario.classes, wanted.plan, self.own)
        return wanted


@contextmanager
def _blaming(field: str, *kinds: type[GreenloadError]) -> Iterator[None]:
    """Let what is raised in the block, of these kinds, be what is wrong with `field`."""
    try:
        yield
    except kinds as error:
        raise Unfit({field: str(error)}) from error
