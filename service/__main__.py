"""The command line: `python -m service`.

Reads the options, wires store, counts, application and server together, and turns a failed start into a sentence and an
exit code: 0 stopped by a signal, 1 could not serve, 2 wrong usage. Knows nothing of how any of them work.
"""

import functools
import math

import click

from service.album import SEED
from service.app import STATS, make_app
from service.counts import Counts
from service.server import THREADS, Application, ServerError, serve
from service.stores import STORES, open_store


def duration_s(text: str) -> float:
    """Return the seconds that the text names; raise click.BadParameter when it names none."""
    number, seconds_each = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        duration = float(number) * seconds_each
    except ValueError:
        duration = math.nan
    if not 0 <= duration < math.inf:
        raise click.BadParameter(f"{text!r} is not a duration; write 10ms, 0.5s or a number of seconds.")
    return duration


def load(store: str, delay_s: float) -> Application:
    """Make the application with a new store; called in the process that serves it."""
    return make_app(open_store(store, SEED), Counts(), delay_s)


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--store",
    type=click.Choice(list(STORES)),
    default="dict-mutex",
    help="How the albums are kept: in a list or a dict, and behind no lock, a mutex or a read-write lock. Without a "
    "lock concurrent POSTs may lose albums: that is what those two are for.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port to listen on; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 is every one of this machine.")
@click.option(
    "--delay",
    type=duration_s,
    metavar="DURATION",
    default="0ms",
    help="How long each request for albums waits before it is answered, like a database query, outside any lock: 10ms, "
    "0.5s or a number of seconds. As many wait at once as there are threads; more queue behind them.",
)
@click.option(
    "--threads", type=click.IntRange(1, 1000), default=THREADS, help="How many requests are worked on at once."
)
def main(store: str, port: int, host: str, delay: float, threads: int) -> None:
    """Serve albums over HTTP: GET /albums, GET /albums/:id, POST /albums, and GET /stats for what was served.

    Prints one line with its URL when it is ready. Ends on Ctrl-C, on SIGTERM, and when the reader of that line goes
    away. The albums live in memory and end with it. GET /albums writes them all out, so it slows down as they grow.
    """
    try:
        serve(
            functools.partial(load, store, delay), host, port, threads, STATS, f"album service: {{url}} (store {store})"
        )
    except ServerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m service")
