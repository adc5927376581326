"""How the page looks at both widths, light and dark, to eyes and to axe-core; pictures are in build/screenshots."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.conftest import ROOT
from tests.web.browsing import Stage, Visit, chromium, drawn_charts
from tests.web.test_page import calm, running

PICTURES = ROOT / "build" / "screenshots"
PARTS = (
    "run", "statistics", "charts", "failures", "exceptions", "workers", "tasks", "log", "downloads", "history",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Stage(tmp_path_factory.mktemp("looks") / "runs.db") as opened:
        for seconds in (20, 25, 50):
            opened.do(lambda played, seconds=seconds: running(played, seconds))
        yield opened


def faults(page, **options):
    """Return what axe-core finds that is serious."""
    # What plotly.js draws is one picture with a name to whoever cannot see it, and thousands of elements to axe.
    context = {"exclude": [[".chart svg"], ["main > section[hidden]"]]}
    found = Axe().run(page, context, options or None).response["violations"]
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def parts(visit):
    """Go to each part of the page, and to what can be opened in it; return what each is called, and the page."""
    for part in PARTS:
        page = visit.open(part)
        if part == "charts":
            page.wait_for_selector("[data-drawn]")
        yield part, page
    one, other = visit.page.locator("#history-panel tbody th a").all_inner_texts()[1:3]
    for part, query in (("opened", f"run={one}"), ("compared", f"a={one}&b={other}")):
        page = visit.open(f"history?{query}")
        page.locator("figure:visible").first.scroll_into_view_if_needed()
        page.wait_for_selector("#history-panel [data-drawn]")
        yield part, page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1920])
def test_no_part_is_wider_than_the_window_and_each_has_its_picture(stage, browser, width, scheme):
    size = {"width": width, "height": 1000}
    with Visit(browser, stage.url, viewport=size, color_scheme=scheme) as visit:
        for part, page in parts(visit):
            if part == "charts":
                drawn_charts(page)
            page.screenshot(path=PICTURES / f"{part}-{width}-{scheme}.png", full_page=True)

            assert page.evaluate("document.scrollingElement.scrollWidth") <= width, part
            if part == "run":
                assert page.is_visible("#verdict li"), "the reasons are not to be seen"
        assert visit.complaints == []


def test_axe_finds_no_serious_fault_in_any_part(stage, browser):
    with Visit(browser, stage.url) as visit:
        found = {part: faults(page) for part, page in parts(visit)}

        assert {part: each for part, each in found.items() if each} == {}


def test_on_a_phone_in_the_dark_axe_can_read_every_part(stage, browser):
    size = {"width": 380, "height": 900}
    with Visit(browser, stage.url, viewport=size, color_scheme="dark") as visit:
        found = {part: faults(page, runOnly=["color-contrast"]) for part, page in parts(visit)}

        assert {part: each for part, each in found.items() if each} == {}


def test_axe_finds_no_serious_fault_in_the_form_in_its_errors_and_in_edit(stage, browser):
    with Visit(browser, stage.url) as visit:
        visit.page.get_by_role("button", name="Edit").click()
        assert faults(visit.page) == []

        visit.page.keyboard.press("Escape")
        stage.do(calm)
        visit.page.wait_for_selector("form.start")
        visit.page.fill("#run_time", "soon")
        visit.page.get_by_role("button", name="Start").click()
        visit.page.wait_for_selector("#run_time-error:visible")
        visit.page.screenshot(path=PICTURES / "form-1280-light.png", full_page=True)
        assert faults(visit.page) == []
