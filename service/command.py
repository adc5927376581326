"""The command line. Reads the options, and wires store, counts, application and server together.

A failed start becomes a sentence and an exit code: 0 stopped by a signal, 1 could not serve, 2 wrong usage. Knows
nothing of how any of the parts work.
"""

import functools
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from service.album import SEED, Album
from service.app import ROUTES, STATS, make_app
from service.audit import Audit
from service.contract import StoreError
from service.counts import Counts
from service.pace import Pace
from service.serving import MOST_AT_ONCE, Application, ServerError
from service.stores import SQL, STORES, Terms, open_store

THREADS, GREEN = "threads", "green"
UNITS = (("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("", 1.0))
# An hour. Far more than anybody waits, and far less than what the clocks of this world can count to.
LONGEST_S = 3600.0


@dataclass(frozen=True)
class Parts:
    """What the application is made of; made in one process and read in the one that serves."""

    store: str
    terms: Terms
    delays_s: Mapping[str, float]
    audit: Path | None
    switch_interval_s: float | None


def duration_s(text: str) -> float:
    """Return the seconds that the text names; raise click.BadParameter when it names none."""
    unit, seconds_each = next(each for each in UNITS if text.endswith(each[0]))
    try:
        duration = float(text.removesuffix(unit)) * seconds_each
    except ValueError:
        duration = math.nan
    if not 0 <= duration < math.inf:
        raise click.BadParameter(f"{text!r} is not a duration; write 10ms, 0.5s or a number of seconds.")
    if duration > LONGEST_S:
        raise click.BadParameter(f"{text!r} is longer than an hour.")
    return duration


def delays_s(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    """Return the delay of each route that was named, by "POST /albums=10ms", or of all, by "10ms"."""
    delays: dict[str, float] = {}
    for text in sorted(texts, key=lambda each: "=" in each):  # those of one route count more than that of all
        route, equals, duration = text.rpartition("=")
        if equals and route not in ROUTES:
            raise click.BadParameter(f"{route!r} is not a route; the routes are {', '.join(ROUTES)}.")
        delays.update(dict.fromkeys((route,) if equals else ROUTES, duration_s(duration)))
    return delays


def load(parts: Parts) -> Application:
    """Make the application with its store; called in the process that serves it."""
    if parts.switch_interval_s is not None:
        sys.setswitchinterval(parts.switch_interval_s)
    accepted = _accept_in_silence if parts.audit is None else Audit(parts.audit).accepted
    return make_app(open_store(parts.store, SEED, parts.terms), Counts(), parts.delays_s, accepted)


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--store",
    type=click.Choice(list(STORES)),
    default="dict-mutex",
    help="How the albums are kept: in a list or a dict, behind no lock, a mutex or a read-write lock; in a dict that "
    "is copied for each change and read without a lock; by an actor, a thread that owns them; or in a database. "
    "Without a lock concurrent POSTs may lose albums of a list, and in both may have one id accepted twice: that is "
    "what those two are for.",
)
@click.option(
    "--server",
    type=click.Choice([THREADS, GREEN]),
    default=THREADS,
    help="Who works on requests: OS threads (granian), or one green thread a connection (gevent).",
)
@click.option(
    "--threads",
    "most_at_once",
    type=click.IntRange(1, 1000),
    help=f"How many OS threads there are: so many requests are worked on at once.  [default: {MOST_AT_ONCE}]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 is every one of this machine.")
@click.option(
    "--delay",
    "delays",
    multiple=True,
    callback=delays_s,
    metavar="[ROUTE=]DURATION",
    help="How long each request for albums waits before it asks the store, like a database query, outside any lock: "
    "10ms, 0.5s or a number of seconds; of one route with 'POST /albums=10ms'. May be said several times. As many wait "
    "at once as there are OS threads, or any number of green ones.",
)
@click.option(
    "--read-wait",
    type=duration_s,
    metavar="DURATION",
    default="0ms",
    help="How long a read waits inside the store, holding its lock.",
)
@click.option(
    "--write-wait",
    type=duration_s,
    metavar="DURATION",
    default="0ms",
    help="How long an add waits inside the store, between reading and writing back, holding its lock. Without a lock "
    "this is where albums get lost.",
)
@click.option(
    "--switch-interval",
    type=duration_s,
    metavar="DURATION",
    help="After how long Python lets another OS thread go on, 5ms by default: a request is shorter than that, so a "
    "race hides. With 10us it shows.",
)
@click.option(
    "--dsn",
    help="Where the store sqlite or postgres keeps its albums: the path of a file, by default a temporary one; or a "
    "connection string, such as postgresql://user@localhost/albums.",
)
@click.option(
    "--audit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write each album that was accepted to this file, a line of JSON each: what is there and not in the store was "
    "lost. Each start begins it anew.",
)
def main(
    store: str,
    server: str,
    most_at_once: int | None,
    port: int,
    host: str,
    delays: dict[str, float],
    read_wait: float,
    write_wait: float,
    switch_interval: float | None,
    dsn: str | None,
    audit: Path | None,
) -> None:
    """Serve albums over HTTP: GET /albums, GET /albums/:id, POST /albums, and GET /stats for what was served.

    Prints one line with its URL when it is ready. Ends on Ctrl-C, on SIGTERM, and when the reader of that line goes
    away. The albums live in memory and end with it, but for those of --dsn. GET /albums writes them all out, so it
    slows down as they grow.
    """
    _refuse_contradictions(store, server, most_at_once, switch_interval, dsn)
    with _place_of(store, dsn) as place:
        parts = Parts(store, Terms(Pace(read_wait, write_wait), place), delays, audit, switch_interval)
        greeting = f"album service: {{url}} (store {store})"
        try:
            _try(parts)
            _serve(server, functools.partial(load, parts), host, port, most_at_once or MOST_AT_ONCE, greeting)
        except (ServerError, StoreError) as error:
            raise click.ClickException(str(error)) from error


def _refuse_contradictions(
    store: str, server: str, most_at_once: int | None, switch_interval_s: float | None, dsn: str | None
) -> None:
    if most_at_once is not None and server == GREEN:
        raise click.BadParameter("green threads are as many as there are connections", param_hint="--threads")
    if dsn is not None and store not in SQL:
        raise click.BadParameter(f"the store {store} is in memory and has no place", param_hint="--dsn")
    if switch_interval_s is not None and server == GREEN:
        raise click.BadParameter("green threads change only where they wait", param_hint="--switch-interval")
    if switch_interval_s == 0:
        raise click.BadParameter("must be more than 0", param_hint="--switch-interval")


@contextmanager
def _place_of(store: str, dsn: str | None) -> Iterator[str | None]:
    """Yield where the store keeps its albums; for SQLite a file that goes with the service, if none was named."""
    if store != "sqlite" or dsn is not None:
        yield dsn
        return
    with tempfile.TemporaryDirectory(prefix="albums-") as folder:
        yield str(Path(folder) / "albums.db")


def _try(parts: Parts) -> None:
    """Open and close what may refuse, here where it can still be said in a sentence, and before anybody is forked."""
    if parts.store in SQL:
        open_store(parts.store, (), parts.terms).close()
    if parts.audit is not None:
        try:
            parts.audit.touch()
        except OSError as error:
            raise ServerError(f"cannot write the audit to {parts.audit}: {error.strerror}") from error


def _serve(
    server: str, loader: functools.partial[Application], host: str, port: int, most_at_once: int, greeting: str
) -> None:
    # Each imports what the other must not: gevent a patched process, granian one that may be forked.
    if server == GREEN:
        from service import green_server

        green_server.serve(loader, host, port, greeting)
    else:
        from service import thread_server

        thread_server.serve(loader, host, port, most_at_once, STATS, greeting)


def _accept_in_silence(album: Album) -> None:
    """Keep no log."""
