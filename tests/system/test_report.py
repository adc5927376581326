"""A report of a real run, in the terminal and in a real browser.

The browser is the system's Chromium (`make system-deps`). Where there is none its tests are skipped, but never when CI
is set.
"""

import os
import re
import shutil
from contextlib import closing
from dataclasses import replace

import pytest

from greenload.store import Store
from tests.conftest import Greenload, serve_albums
from tests.test_store import BUNDLE, GATE, INFO, PLAN, news_of, report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCENARIO = """
from greenload import FastHttpUser, constant, task


class Reader(FastHttpUser):
    wait_time = constant(0.01)

    @task(5)
    def get_album(self):
        self.client.get("/albums/1", name="/albums/<b>{id}</b>")

    @task
    def get_nothing(self):
        self.client.get("/nothing")

    @task
    def stumble(self):
        raise RuntimeError("</script><script>document.title = 'stumbled'</script>")
"""
RATE = ("--rate", "100/s", "-t", "3s", "--phases", "--warmup", "1s", "--seed", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a kept run, and with the page that was written at its end."""
    greenload = Greenload(tmp_path_factory.mktemp("report"))
    greenload.write("shop.py", SCENARIO)
    with serve_albums() as service:
        asked = ("-H", service.url, *RATE, "--fail-if", "median > 10s", "--html", "end.html", "--json", "end.json")
        done = greenload.run("run", "shop.py", *asked, "--quiet")
    assert done.returncode == 0, done.stderr
    greenload.run_id = greenload.read_json("end.json")["run"]["id"]
    greenload.summary = done.stdout
    return greenload


def test_the_text_of_a_report_is_the_summary_of_the_end_of_the_run(made):
    reported = made.run("report", made.run_id)

    assert reported.returncode == 0, reported.stderr
    assert reported.stdout == made.summary


def test_a_window_and_a_name_show_that_part_and_say_so(made):
    whole = made.read_json("end.json")

    reported = made.run("report", made.run_id, "--window", "1s..2s", "--name", "GET /nothing")

    assert reported.returncode == 0, reported.stderr
    assert "an excerpt: from 1 s to 2 s; GET /nothing." in " ".join(reported.stdout.split())
    [row] = re.findall(r"^GET /nothing +(\d+)", reported.stdout, re.MULTILINE)
    [all_of_it] = [each["requests"] for each in whole["names"] if each["name"] == "/nothing"]
    assert 0 < int(row) < all_of_it
    assert not re.search(r"^GET /albums", reported.stdout, re.MULTILINE)


def test_windows_that_lie_side_by_side_add_up_to_the_run(made):
    whole = made.read_json("end.json")["total"]["requests"]

    counts = []
    for window in ("1s..2s", "2s.."):
        shown = made.run("report", made.run_id, "--window", window).stdout
        counts.append(int(re.search(r"^Total +(\d+)", shown, re.MULTILINE)[1]))

    assert sum(counts) == whole


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "no run nobody in greenload.db"),
        (("{run}", "--db", "other.db"), "there is no file other.db"),
        (("{run}", "--db", "shop.py"), "shop.py: file is not a database"),
        (("{run}", "--name", "GET /nothin"), "under the name GET /nothin; did you mean GET /nothing?"),
        (("{run}", "--window", "1h..2h"), "no request ended in this part of the run"),
        (("{run}", "--window", "2s..1s"), "its end is not after its beginning"),
        (("{run}", "--html", "no/such/folder.html"), "cannot write no/such/folder.html"),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_one_sentence_and_wrong_usage(made, arguments, said):
    reported = made.run("report", *(each.replace("{run}", made.run_id) for each in arguments))

    assert reported.returncode == 2
    assert said in " ".join(reported.stderr.split())
    assert "Traceback" not in reported.stderr


def test_a_run_without_a_report_cannot_be_shown_and_one_without_an_end_is_shown_as_far_as_it_got(greenload):
    with closing(Store(greenload.folder / "greenload.db")) as store:
        for run_id in ("empty", "begun"):
            store.open_run(replace(INFO, id=run_id), PLAN, GATE, BUNDLE)
        reports = [report("one", seq, requests=3) for seq in range(1, 6)]
        store.keep("begun", news_of(began=True, reports=reports))

    empty, begun = greenload.run("report", "empty"), greenload.run("report", "begun", "--text", "--html", "begun.html")

    assert (empty.returncode, empty.stderr.strip()) == (
        2, "Error: nothing was reported in run empty, so there is nothing to show"
    )  # fmt: skip
    assert "This run has no end here" in begun.stdout
    assert re.search(r"^Total +9", begun.stdout, re.MULTILINE)  # 3 s after a warm-up of 2 s
    assert "This run has no end here" in (greenload.folder / "begun.html").read_text()


def test_without_plotly_the_terminal_still_has_its_report_and_a_run_is_refused_before_it_begins(made):
    hidden = ("-c", "import sys; sys.modules['plotly'] = None; from greenload.__main__ import main; main()")

    text = made.start_python(*hidden, "report", made.run_id)
    page = made.start_python(*hidden, "report", made.run_id, "--html", "none.html")
    run = made.start_python(*hidden, "run", "shop.py", "-H", "http://127.0.0.1:9", "-t", "60s", "--html", "none.html")

    assert "reconciled" in text.communicate(timeout=60)[0]
    for process in (page, run):
        assert "pip install 'greenload[report]'" in process.communicate(timeout=30)[1]
        assert process.returncode == 2


def do_without(reason):
    """Skip the test; where CI is set fail, since a test that is always skipped proves nothing."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI this is not skipped")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        do_without("needs Chromium: make system-deps")
    playwright = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else __import__(
        "playwright.sync_api", fromlist=["sync_api"]
    )  # fmt: skip
    with playwright.sync_playwright() as started:
        # Its sandbox needs what a container does not give it; the only page it opens is our own.
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Seen:
    """A page in a browser, and all that it asked for and complained of."""

    def __init__(self, browser, path, **options):
        self.requests, self.complaints = [], []
        self._context = browser.new_context(**options)
        self._context.route("**/*", self._route)
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._context.close()

    def wait_for_charts(self):
        self.page.wait_for_selector("html[data-charts=drawn]", timeout=30_000)
        return self.page

    def _route(self, route):
        self.requests.append(route.request.url)
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            route.abort()


DRAWN = """() => [...document.querySelectorAll('.chart')].map(chart => [
    chart.id, chart.querySelectorAll('.scatterlayer .js-line[d], .heatmaplayer image').length,
    chart.querySelector('svg').getBoundingClientRect().right <= chart.getBoundingClientRect().right + 1])"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1920])
def test_in_a_browser_all_charts_are_drawn_and_nothing_is_wider_than_the_window(made, browser, width, scheme, tmp_path):
    size = {"width": width, "height": 1000}
    with Seen(browser, made.folder / "end.html", viewport=size, color_scheme=scheme) as seen:
        page = seen.wait_for_charts()

        drawn = page.evaluate(DRAWN)
        page.screenshot(path=tmp_path / f"{width}-{scheme}.png", full_page=True)

        assert {name for name, *_ in drawn} == {
            "rates", "users", "arrivals", "percentiles", "heatmap", "spectrum", "lag"
        }  # fmt: skip
        assert all(lines > 0 for _, lines, _ in drawn), drawn
        assert all(fits for *_, fits in drawn), drawn
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert seen.complaints == []
        assert page.title() == "shop.py – greenload"
        assert "<b>{id}</b>" in page.inner_text("main")


def test_a_page_asks_nobody_for_anything(made, browser):
    path = made.folder / "end.html"
    with Seen(browser, path) as seen:
        seen.wait_for_charts().wait_for_timeout(200)

        assert seen.requests in ([path.as_uri()], [])
        assert seen.page.evaluate("performance.getEntriesByType('resource').length") == 0


def test_without_scripts_a_page_says_so_and_has_its_tables(made, browser):
    with Seen(browser, made.folder / "end.html", java_script_enabled=False) as seen:
        assert "The charts need JavaScript" in seen.page.inner_text("body")
        assert "GET /nothing" in seen.page.inner_text("table.requests")


def test_on_paper_nothing_is_cut_off_and_what_is_white_on_the_screen_is_black(made, browser):
    with Seen(browser, made.folder / "end.html", color_scheme="dark") as seen:
        page = seen.wait_for_charts()

        page.emulate_media(media="print")
        page.set_viewport_size({"width": 690, "height": 1000})  # A4 without its margins
        page.evaluate("dispatchEvent(new Event('beforeprint'))")

        assert all(fits for *_, fits in page.evaluate(DRAWN))
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 690
        ink = "getComputedStyle(document.querySelector('#rates .xtitle')).fill"
        assert page.evaluate(ink) == "rgb(31, 35, 40)"
