"""Make the pictures of the page in docs/images/: a real run against the album service, in the system's Chromium.

`make screenshots`. Ends what it has started, also when it fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
WATCHED_S = 40
MOST_BYTES = 200_000


@contextmanager
def started(arguments: Sequence[str], stream: str) -> Iterator[IO[str]]:
    """Run Python with `arguments` and give out what it writes to `stream`; end it in the end."""
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, text=True, **pipes) as process:
        try:
            yield getattr(process, stream)
        finally:
            process.terminate()


def url_in(lines: IO[str]) -> str:
    """Return the first URL that a process prints."""
    for line in lines:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise SystemExit("it ended before it said where it can be reached")


def take(page_url: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("needs Chromium: make system-deps")
    with sync_playwright() as playwright:
        # Its sandbox needs what a container does not give it; the only page it opens is our own.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(f"{page_url}#statistics")
        page.wait_for_selector("#state[data-state=running]")
        page.wait_for_timeout(WATCHED_S * 1000)
        page.screenshot(path=IMAGES / "page-running.png")
        page.goto(f"{page_url}#charts")
        page.wait_for_selector("[data-drawn]")
        page.screenshot(path=IMAGES / "page-charts.png")
        browser.close()


def main() -> None:
    service = ["-m", "service", "--port", "0", "--delay", "100ms"]
    with tempfile.TemporaryDirectory() as made, started(service, "stdout") as greeting:
        load = ["-u", "100", "-r", "5", "-t", f"{2 * WATCHED_S}s", "--db", f"{made}/runs.db"]
        run = ["-m", "greenload", "run", "examples/albums.py", "-H", url_in(greeting), *load]
        with started([*run, "--web", "--web-port", "0", "--autostart"], "stderr") as progress:
            take(url_in(progress))
    for name in ("page-running.png", "page-charts.png"):
        size = (IMAGES / name).stat().st_size
        print(f"docs/images/{name}: {size:,} bytes")
        if size > MOST_BYTES:
            raise SystemExit(f"{name} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
