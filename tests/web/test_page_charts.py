"""The charts and the history of the page, in a real browser."""

import pytest

from tests.conftest import wait_until
from tests.web.browsing import Stage, Visit, chromium, drawn_charts
from tests.web.test_page import calm, running

ALL = {"rates", "users", "percentiles", "heatmap", "spectrum", "lag"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("charts") / "runs.db") as opened:
        opened.do(lambda played: running(played, 30))
        opened.do(calm)
        opened.do(lambda played: running(played, 40))
        yield opened


def points(page, chart="chart-rates", line=0):
    """Return where the points lie that are drawn, not only there to be drawn."""
    return page.evaluate(f"document.getElementById('{chart}').calcdata[{line}].map(point => point.x)")


def zoom_of(page, chart):
    return page.evaluate(f"document.getElementById('{chart}')._fullLayout.xaxis.range")


def test_all_charts_are_drawn_and_the_whole_run_survives_loading_the_page_anew(stage, browser):
    with Visit(browser, stage.url) as visit:
        page = visit.open("charts")
        assert drawn_charts(page) == ALL
        before = points(page)
        page.reload()
        assert drawn_charts(page) == ALL

        assert points(page)[: len(before)] == before
        assert before[0] < 2
        assert visit.complaints == []


def test_each_second_is_added_as_it_comes(stage, browser):
    with Visit(browser, stage.url) as visit:
        page = visit.open("charts")
        drawn_charts(page)
        count = len(points(page))
        page.route("**/api/v1/series*", lambda route: route.abort())  # the whole run comes anew every ten seconds
        stage.play(1)
        wait_until(lambda: len(points(page)) > count)

        after = points(page)
        assert after == sorted(set(after))


def test_the_seconds_shown_are_the_same_in_all_charts_over_time(stage, browser):
    with Visit(browser, stage.url, viewport={"width": 1280, "height": 2400}) as visit:
        page = visit.open("charts")
        drawn_charts(page)
        page.fill("#chart-from", "10")
        page.fill("#chart-until", "20")
        page.get_by_role("button", name="Zoom").click()
        for chart in ("rates", "percentiles", "heatmap", "lag"):
            assert zoom_of(page, f"chart-{chart}") == [10, 20]

        stage.play(1)
        wait_until(lambda: points(page)[-1] > 40)
        assert zoom_of(page, "chart-rates") == [10, 20]
        page.get_by_role("button", name="Whole run").click()
        assert zoom_of(page, "chart-lag")[1] > 25

        box = page.locator("#chart-rates .nsewdrag").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 55, steps=4)
        page.mouse.up()
        wait_until(lambda: zoom_of(page, "chart-lag")[0] > 15)
        assert zoom_of(page, "chart-lag") == pytest.approx(zoom_of(page, "chart-rates"))


def test_the_name_of_a_row_leads_to_its_charts(stage, browser):
    with Visit(browser, stage.url) as visit:
        page = visit.open("statistics")
        page.get_by_role("link", name="GET /albums/[id]").click()
        page.wait_for_selector("#charts-panel [data-drawn]")

        assert page.locator("#chart-name option:checked").inner_text() == "GET /albums/[id]"
        assert any("series?method=GET&name=%2Falbums%2F%5Bid%5D" in url for url in visit.requests)


def test_without_plotly_the_page_says_what_is_missing(stage, browser):
    with Visit(browser, stage.url) as visit:
        visit.page.route("**/plotly.js", lambda route: route.fulfill(status=404, body="{}"))
        visit.open("charts").wait_for_selector("text=pip install 'greenload[report]'")


def test_a_kept_run_is_opened_and_two_are_laid_over_each_other(stage, browser):
    with Visit(browser, stage.url) as visit:
        page = visit.open("history")
        boxes = page.get_by_role("checkbox", name="Choose run")
        boxes.nth(1).wait_for()
        first = page.locator("#history-panel tbody th a").last
        run_id = first.inner_text()
        first.click()
        page.wait_for_selector(f"h2:text('Run {run_id}')")
        assert drawn_charts(page) == ALL
        assert page.locator("#history-panel table").count() >= 2

        page.get_by_role("link", name="All runs").click()
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.get_by_role("button", name="Compare the two chosen").click()
        page.wait_for_selector("#history-panel >> text=Both spectra")
        drawn_charts(page)
        assert page.locator("td:text('no difference seen')").count() > 0


def test_the_exports_of_a_run_can_be_downloaded(stage, browser):
    with Visit(browser, stage.url) as visit:
        page = visit.open("downloads")
        with page.expect_download() as found:
            page.get_by_role("link", name="Summary").click()

        assert found.value.suggested_filename.endswith(".json")
