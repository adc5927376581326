"""The options that say how much load a run makes, when: users, or arrivals a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from greenload.cli.options import DURATION, RATE, RATE_STAGES, STAGES
from greenload.core.arrivals import POISSON, UNIFORM
from greenload.core.load import DEFAULT_MAX_LAG_S, DEFAULT_MAX_USERS, Load

arrivals_option = click.option(
    "--arrivals", type=click.Choice([UNIFORM, POISSON]), help=f"How arrivals are spaced.  [default: {UNIFORM}]"
)
max_users_option = click.option(
    "--max-users",
    type=click.IntRange(min=1),
    help=f"With a rate, the most users there may be.  [default: {DEFAULT_MAX_USERS}]",
)
max_lag_option = click.option(
    "--max-lag",
    type=DURATION,
    help=f"An arrival that has found nobody free for so long is dropped.  [default: {DEFAULT_MAX_LAG_S:g}s]",
)
LOAD_OPTIONS = (
    click.option("-u", "--users", type=click.IntRange(min=1), help="How many virtual users.  [default: 1]"),
    click.option(
        "-r", "--spawn-rate", type=click.FloatRange(min=0, min_open=True), help="Users started a second.  [default: 1]"
    ),
    click.option(
        "-t", "--run-time", type=DURATION, help="When to stop, for example 30s, 2m or 1h20m.  [default: never]"
    ),
    click.option("--stages", type=STAGES, help='Users over time instead of -u and -r: "50@30s,50@2m,0@10s".'),
    click.option(
        "--rate",
        type=RATE,
        help="Arrivals instead of users: so many iterations begin, 200/s or 12000/m, whoever is still busy.",
    ),
    click.option("--rate-stages", type=RATE_STAGES, help='Arrivals over time: "100/s@30s,400/s@2m,0/s@10s".'),
    arrivals_option,
    max_users_option,
    max_lag_option,
)
LOAD_PARAMETERS = tuple(field.name for field in fields(Load))


def takes_load(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options above; it is called with a Load of what they say."""

    def call(**said: Any) -> None:
        load = Load(**{name: said.pop(name) for name in LOAD_PARAMETERS})
        command(load=load, **said)

    call.__doc__ = command.__doc__
    for option in reversed(LOAD_OPTIONS):
        call = option(call)
    return call
