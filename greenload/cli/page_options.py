"""The options of every command that can serve the page, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from greenload.cli.options import DURATION

DEFAULT_WEB_PORT = 8089
_ORIGIN = re.compile(r"https?://[^\s/?#@*]+", re.IGNORECASE)


@dataclass(frozen=True)
class PageWanted:
    """How the page is to be served.

    token       who does not know it gets nothing; None where only this machine can reach the page
    cert, key   files for TLS, both or none
    allow_origin  origins of other pages that may read
    autostart   whether a run is made without being asked for;  autoquit_s: end so long after a run
    """

    web_host: str
    web_port: int
    web_token: str | None
    web_cert: Path | None
    web_key: Path | None
    web_allow_origin: Sequence[str]
    autostart: bool
    autoquit_s: float | None


PAGE_PARAMETERS = tuple(field.name for field in fields(PageWanted))


def page_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options below; it is called with what they say as `page`."""

    @wraps(command)  # with the options it has
    def call(**said: Any) -> None:
        page = PageWanted(**{name: said.pop(name) for name in PAGE_PARAMETERS})
        if (page.web_cert is None) != (page.web_key is None):
            raise click.UsageError("--web-cert and --web-key go together: a certificate, and its key")
        command(page=page, **said)

    for option in reversed(PAGE_OPTIONS):
        call = option(call)
    return call


def check_no_page_options(why: str) -> None:
    """Raise UsageError when an option of the page was said where there is none; `why` ends the sentence."""
    context = click.get_current_context()
    for name in PAGE_PARAMETERS:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(each for each in context.command.params if each.name == name)
            raise click.UsageError(f"{option.opts[0]} is about the page; {why}")


class Origin(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Where pages come from, as a browser says it: a scheme, a name, and a port where it is not the usual one."""

    name = "origin"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> str:
        if not _ORIGIN.fullmatch(value):
            self.fail(f"{value!r} is no origin: expected one as https://dashboard.example:8000, without a path")
        return value


PAGE_OPTIONS = (
    click.option(
        "--web-host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where the page is served."
    ),
    click.option(
        "--web-port",
        type=click.IntRange(0, 65_535),
        default=DEFAULT_WEB_PORT,
        show_default=True,
        help="On which port; 0: a free one, which is printed.",
    ),
    click.option(
        "--web-token",
        metavar="TEXT",
        help="Who wants to see the page must know this.  [default: none on this machine, else one that is printed]",
    ),
    click.option(
        "--web-cert", type=click.Path(path_type=Path, exists=True), help="Serve the page by TLS, with this certificate."
    ),
    click.option("--web-key", type=click.Path(path_type=Path, exists=True), help="The key of the certificate."),
    click.option(
        "--web-allow-origin",
        type=Origin(),
        multiple=True,
        metavar="ORIGIN",
        help="Let pages from there, such as https://dashboard.example, read the API; may be given several times.",
    ),
    click.option("--autostart", is_flag=True, help="Begin a run at once, without waiting for somebody at the page."),
    click.option(
        "--autoquit", "autoquit_s", type=DURATION, metavar="DURATION", help="End so long after a run is over."
    ),
)
