"""`greenload master`: one run whose users live in worker processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from greenload.asked import Asked
from greenload.cli.conduct import Conducted, conduct, new_run
from greenload.cli.keeping import Keeping, keeping_in
from greenload.cli.options import DURATION, check_address, is_own_address, key_option
from greenload.cli.outputs import Outputs, check_outputs
from greenload.cli.page_options import PageWanted, check_no_page_options, page_options
from greenload.cli.premises import Premises
from greenload.cli.run_options import plan_options_said, run_options
from greenload.core.fleet import Fleet
from greenload.core.terms import Expected, Terms
from greenload.key import JoinKey
from greenload.scenario import load
from greenload.scenario_files import read
from greenload.store import Store, StoreError
from greenload.transport import ZmqHub
from greenload.version import VERSION

DEFAULT_BIND = "tcp://127.0.0.1:5557"


@dataclass(frozen=True)
class _Entrance:
    """How workers come to this master.

    bind          where;  key: which they must have, None where anybody may come
    expected      how many a run waits for
    includes      what one without a scenario is sent beside it
    any_scenario  whether one with another scenario is let in
    """

    bind: str
    key: JoinKey | None
    expected: Expected
    includes: tuple[Path, ...]
    any_scenario: bool

    def hub(self) -> closing[ZmqHub]:
        """Return what is open to workers for as long as its `with` block lasts."""
        return closing(ZmqHub(self.bind, self.key))


@click.command("master")
@click.option(
    "--bind", default=DEFAULT_BIND, show_default=True, metavar="ADDRESS", help="Where workers come; port 0: a free one."
)
@click.option(
    "--expect-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Start when so many are here."
)
@key_option
@click.option("--insecure", is_flag=True, help="Allow a --bind that others can reach without a key to keep them out.")
@click.option("--expect-timeout", type=DURATION, help="How long to wait for them.  [default: for ever]")
@click.option(
    "--include",
    "includes",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A file or folder beside the scenario that workers without one get, too; may be repeated.",
)
@click.option("--any-scenario", is_flag=True, help="Allow workers that have another scenario.")
@click.option("--resume", metavar="RUN", help="Go on with a run whose master was killed, instead of beginning one.")
@click.option("--headless", is_flag=True, help="Make one run, without a page: it begins when all workers are here.")
@page_options
@run_options
def command(
    scenario: Path | None,
    asked: Asked,
    outputs: Outputs,
    bind: str,
    expect_workers: int,
    expect_timeout: float | None,
    key: JoinKey | None,
    insecure: bool,
    includes: tuple[Path, ...],
    any_scenario: bool,
    keeping: Keeping,
    resume: str | None,
    headless: bool,
    page: PageWanted,
) -> None:
    """Wait for workers, give them the users of a scenario, and add up what they count.

    Start workers with `greenload worker`; one without a scenario of its own gets this one. Who comes late gets its part
    of the users; that of a worker that is lost goes to the others.
    """
    check_address(bind)
    if key is None and not insecure and not is_own_address(bind):
        raise click.UsageError(
            f"{bind} can be reached from other machines, and without a key nothing keeps them out;"
            " make one with `greenload key` and give it to all with --key-file, or bind 127.0.0.1,"
            " or say --insecure if the network is yours alone"
        )
    check_outputs(outputs)
    entrance = _Entrance(bind, key, Expected(expect_workers, expect_timeout), includes, any_scenario)
    if not headless and resume is None:
        _serve(scenario, asked, entrance, outputs, keeping, page)
        return
    check_no_page_options("with --headless there is none" if headless else "a run that is gone on with has none")
    begun = _begun(scenario, asked, entrance, keeping) if resume is None else _resumed(resume, entrance, keeping)
    with begun as run, entrance.hub() as hub:
        with_key = "" if key is None else " with the join key"
        waiting = f"waiting for {expect_workers} worker(s){with_key}"
        click.echo(f"master: {hub.address}, run {run.info.id}, {waiting}", err=True)
        conduct(run, hub, outputs)


def _serve(
    scenario: Path | None, asked: Asked, entrance: _Entrance, outputs: Outputs, keeping: Keeping, page: PageWanted
) -> None:
    """Make the runs that are asked for at the page."""
    from greenload.cli.serving import serve_page  # which brings Flask along: others need not wait for that

    loaded = load(scenario, only=())
    terms = Terms(VERSION, loaded.sha256, read(loaded.path, entrance.includes), entrance.any_scenario, more_runs=True)
    with keeping.store() as store, entrance.hub() as hub:
        come_to = f"start one: greenload worker --master {hub.address.removeprefix('tcp://')}"
        click.echo(f"master: {hub.address}; {come_to}", err=True)
        premises = Premises(loaded, asked, terms, hub, keeping, store, outputs, entrance.expected, come_to=come_to)
        serve_page(premises, page)


@contextmanager
def _begun(scenario: Path | None, asked: Asked, entrance: _Entrance, keeping: Keeping) -> Iterator[Conducted]:
    """Yield a run that begins now."""
    wanted = asked.of(load(scenario, asked.classes))
    with keeping.store() as store:
        info = new_run(wanted.scenario, wanted.plan)
        bundle = read(wanted.scenario.path, entrance.includes)
        terms = Terms(VERSION, info.scenario_sha256, bundle, entrance.any_scenario)
        fleet = Fleet(wanted.plan, entrance.expected, terms, wanted.gate.warmup_s)
        with keeping.kept(Conducted(info, wanted.plan, fleet, wanted.gate), bundle, store) as run:
            yield run


@contextmanager
def _resumed(run_id: str, entrance: _Entrance, keeping: Keeping) -> Iterator[Conducted]:
    """Yield the run `run_id` as far as it got."""
    said = plan_options_said()
    if said:
        raise click.UsageError(f"--resume goes on with the run as it was planned; {', '.join(said)} cannot be changed")
    if keeping.db is None:
        raise click.UsageError("--resume needs the --db in which the run was kept")
    with closing(Store.found(keeping.db)) as store:
        stored = store.take_up(run_id)
        if stored.has_ended:
            raise StoreError(f"run {run_id} has ended; there is nothing to go on with")
        if stored.info.version != VERSION:
            begun_by = stored.info.version
            raise StoreError(f"run {run_id} was begun by greenload {begun_by}, this is {VERSION}; use the same")
        terms = Terms(VERSION, stored.info.scenario_sha256, stored.bundle, entrance.any_scenario)
        fleet = Fleet(stored.plan, entrance.expected, terms)
        fleet.go_on(stored.kept, time.monotonic())
        store.tag(run_id, keeping.label.tags)
        if keeping.label.note is not None:
            store.note(run_id, keeping.label.note)
        yield keeping_in(store, Conducted(stored.info, stored.plan, fleet, stored.gate, stored.breach))
