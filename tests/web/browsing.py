"""The page in a real browser: a played master behind the real server, and Chromium before it.

The browser is the system's Chromium (`make system-deps`). Where there is none its tests are skipped, but never when CI
is set.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.web.hosted import Hosted
from tests.web.played import Played

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 20_000


class Stage:
    """A played master with its page, for tests that change it one after the other;  db: where its runs are kept."""

    def __init__(self, db: Path) -> None:
        self._hosted = Hosted(lambda: Played(db))

    def __enter__(self) -> Stage:
        self._hosted.__enter__()
        self.url = f"{self._hosted.server.url}/"
        return self

    def __exit__(self, *error: object) -> None:
        self._hosted.__exit__(*error)

    def do(self, act: Callable[[Played], Any]) -> Any:
        """Return what `act` does to the master."""
        return self._hosted.do(lambda: act(self._hosted.played))

    def play(self, seconds: int = 1) -> None:
        self._hosted.play(seconds)


def do_without(reason: str) -> NoReturn:
    """Skip the test; where CI is set fail, since a test that is always skipped proves nothing."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI this is not skipped")
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser, or skip."""
    if CHROMIUM is None:
        do_without("needs Chromium: make system-deps")
    try:
        playwright = importlib.import_module("playwright.sync_api")
    except ImportError:
        do_without("needs Playwright for Python")
    with playwright.sync_playwright() as started:
        # Its sandbox needs what a container does not give it; the only page it opens is our own.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """The page in a window of its own, and all that it asked for and complained of."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.url = url
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def __enter__(self) -> Visit:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def open(self, tab: str = "run") -> Any:
        """Go to a part of the page, and return the page."""
        self.page.goto(f"{self.url}#{tab}")
        self.page.wait_for_selector("html[data-page=ready]")
        return self.page

    def _hear(self, message: Any) -> None:
        # plotly.js brings a style sheet for maps along, and empty style attributes; the page's policy lets neither in.
        if "Applying inline style violates" not in message.text:
            self.complaints.append(message.text)


def drawn_charts(page: Any) -> set[str]:
    """Return the ids of the charts that are drawn, once all have come into view."""
    page.wait_for_selector("figure:visible")
    for figure in page.locator("figure:visible").all():
        figure.scroll_into_view_if_needed()
        figure.locator("[data-drawn] svg").first.wait_for(state="attached")
    return {each.get_attribute("id").partition("-")[2] for each in page.locator("[data-drawn]").all()}
