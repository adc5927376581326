"""Whether the page can be served here: asked before anything of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from greenload.core.errors import GreenloadError


class NoFlask(GreenloadError):
    """The package that the page is made with is not installed."""


def check_flask() -> None:
    """Raise NoFlask unless it is there."""
    if find_spec("flask") is None:
        raise NoFlask("the page needs Flask; say: pip install 'greenload[web]'")
