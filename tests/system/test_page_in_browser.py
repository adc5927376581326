"""The page as somebody uses it: a real master, two real workers, the real service, and Chromium."""

import csv
import io
import zipfile

import pytest

from tests.conftest import wait_until
from tests.system.pages import page_of
from tests.web.browsing import Visit, chromium, drawn_charts

HOSTILE = "<script>document.title = 'taken'</script>"
SCENARIO = f"""
from greenload import HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.05)
    def on_start(self):
        album = {{"id": str(self.random.random()), "title": {HOSTILE!r}, "artist": "x", "price": 1.5}}
        self.client.post("/albums", json=album, name="/albums")
    @task(9)
    def look(self):
        self.client.get("/albums/1", name="/albums/:id")
    @task
    def judge(self):
        with self.client.get("/albums", name="/albums", catch_response=True) as response:
            response.failure(response.json()[-1]["title"])
"""


@pytest.fixture
def master(greenload, album_service):
    greenload.write("reader.py", SCENARIO)
    page = page_of(greenload, "master", "reader.py", "-H", album_service.url, "--bind", "tcp://127.0.0.1:0")
    workers = {name: greenload.start("worker", "--master", page.address, "--id", name) for name in ("one", "two")}
    page.wait_for_workers("one", "two")
    page.workers = workers
    yield page
    for process in (page.process, *workers.values()):
        process.kill()
        process.communicate()


def figure(page, name):
    """Return the number that stands under `name` at the head of the page."""
    text = page.locator("#figures > *").filter(has_text=name).locator("dd").inner_text()
    return float(text.split()[0].replace("\u202f", "").replace("\u2009", "").replace("–", "0"))


def start(page, **fields):
    for field, value in fields.items():
        page.fill(f"#{field}", value)
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("#state[data-state=running]")


def stop(page):
    page.click("#stop")
    page.wait_for_selector("#state[data-state=ready]")


def test_a_run_is_started_watched_changed_hurt_stopped_found_again_compared_and_taken_home(
    master, album_service, tmp_path
):
    with chromium() as browser, Visit(browser, f"{master.url}/", accept_downloads=True) as visit:
        page = visit.page
        start(page, users="4", spawn_rate="100", tags="try=1")
        wait_until(lambda: figure(page, "Requests/s") > 0, 20)

        page.click("#edit")
        page.fill("#edit-users", "9")
        page.fill("#edit-spawn_rate", "100")
        page.get_by_role("button", name="Apply").click()
        wait_until(lambda: figure(page, "Users") == 9, 20)

        visit.open("failures")
        page.wait_for_selector("text=document.title")
        assert page.title() != "taken"

        master.workers["one"].kill()
        page.wait_for_selector("#verdict:has-text('SUSPECT'):has-text('one')", timeout=60_000)
        visit.open("charts")
        assert {"rates", "users", "percentiles", "heatmap", "spectrum"} <= drawn_charts(page)
        stop(page)
        sums = master.sums
        page.reload()
        page.wait_for_selector("html[data-page=ready]")
        assert {"rates", "users", "percentiles", "heatmap", "spectrum"} <= drawn_charts(page)

        master.wait_for_workers("two")
        visit.open("run")
        start(page, users="3", spawn_rate="100", run_time="2s", tags="try=2")
        page.wait_for_selector("#state[data-state=ready]", timeout=30_000)
        sent = sums["sent"] + master.sums["sent"]

        visit.open("history")
        page.wait_for_selector("text=try=1")
        for box in page.locator("table input[type=checkbox]").all():
            box.check()
        page.get_by_role("button", name="Compare the two chosen").click()
        page.wait_for_selector("h2:has-text('Two runs compared')")
        page.wait_for_selector("table:has(caption:text-is('Times compared')) >> text=GET /albums/:id")

        visit.open("downloads")
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").first.click()
        path = tmp_path / "run.zip"
        download.value.save_as(path)
        assert visit.complaints == []

    with zipfile.ZipFile(path) as archive:
        [stats] = [name for name in archive.namelist() if name.endswith("_stats.csv")]
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(stats), "utf-8")))
    assert (
        sum(int(row["Request Count"]) for row in rows if row["Name"] != "Aggregated")
        == master.sums["succeeded"] + (master.sums["failed"])
    )
    # Of what the killed worker sent in its last second nobody can know; it cannot have been less than was counted.
    assert sent <= album_service.requests()
