"""The page does what it is for: in a real browser, before a real server, with a master that is played."""

import pytest

from greenload.core.stats import Sample, Stats
from greenload.web import control
from greenload.web.extension import Extension
from tests.conftest import wait_until
from tests.web.browsing import Stage, Visit, chromium
from tests.web.hosted import Hosted
from tests.web.played import HOSTILE, Played

TITLES = [
    "Run", "Statistics", "Charts", "Failures", "Exceptions", "Workers", "Tasks", "Log", "Downloads", "History",
]  # fmt: skip
MOST_ROWS = 200


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("page") / "runs.db") as opened:
        yield opened


def calm(played: Played) -> None:
    """End whatever goes on."""
    if played.state != control.READY:
        played.end()
    played.asked.clear()


def running(played: Played, seconds: int = 12) -> None:
    calm(played)
    played.start({"run_time": None})
    for _ in range(seconds):
        played.play_second()


def asked(stage: Stage, what: str) -> list[dict[str, object]]:
    """Return what was asked of the master, of that kind."""
    return stage.do(lambda played: [form for kind, form in played.asked if kind == what])


def test_each_part_is_reached_by_the_keyboard_alone(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.reload()

        for title in TITLES:
            for _ in range(30):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.textContent") == title:
                    break
            page.keyboard.press("Enter")
            page.wait_for_selector(f"nav a[aria-current=page]:text-is('{title}')")

            assert page.locator("main > section:not([hidden])").get_attribute("aria-label") == title
        assert page.title() == "History – greenload"


def test_what_cannot_be_used_is_said_beside_its_field_and_the_first_one_has_the_focus(stage, browser):
    stage.do(calm)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.fill("#run_time", "soon")
        page.fill("#fail_if", "p99 >")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("#run_time-error:visible")

        assert "soon" in page.inner_text("#run_time-error")
        assert page.is_visible("#fail_if-error")
        for field in ("run_time", "fail_if"):
            assert page.get_attribute(f"#{field}", "aria-invalid") == "true"
            assert f"{field}-error" in page.get_attribute(f"#{field}", "aria-describedby")
        assert page.evaluate("document.activeElement.id") == "run_time"
        assert stage.do(lambda played: played.state) == control.READY


def test_start_sends_what_was_filled_in_in_the_words_of_the_command_line(stage, browser):
    stage.do(calm)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.fill("#host", "http://127.0.0.1:9")
        page.check("#model-rate")
        page.fill("#rate", "12000/m")
        page.select_option("#arrivals", "poisson")
        page.fill("#max_users", "50")
        page.fill("#run_time", "1h20m")
        page.fill("#fail_if", "p99 > 300ms\n\nfailures > 1%")
        page.fill("#tags", "build=7\nbranch=main")
        page.fill("#option-albums", "12")
        page.check("#option-slow")
        page.uncheck("[name=class][value=Writer]")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector("#state[data-state=running]")

        [form] = asked(stage, "start")
        assert form["model"] == "rate"
        assert (form["host"], form["rate"], form["run_time"]) == ("http://127.0.0.1:9", "12000/m", "1h20m")
        assert (form["arrivals"], form["max_users"]) == ("poisson", 50)
        assert form["fail_if"] == ["p99 > 300ms", "failures > 1%"]
        assert form["tags"] == {"build": "7", "branch": "main"}
        assert form["options"] == {"albums": 12, "slow": True, "title": "Hello"}
        assert form["classes"] == ["Reader"]
        assert "users" not in form
        page.wait_for_selector("form.start", state="hidden")


def test_what_was_typed_is_still_there_after_the_page_is_loaded_anew(stage, browser):
    stage.do(calm)
    with Visit(browser, stage.url) as visit:
        visit.page.fill("#note", "a second try")
        visit.page.reload()
        visit.page.wait_for_selector("#note")

        assert visit.page.input_value("#note") == "a second try"


def test_edit_reset_and_stop_do_it_and_stop_then_offers_to_stop_now(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.get_by_role("button", name="Edit").click()
        page.fill("#edit-users", "many")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_selector("#edit-users-error:visible")
        page.fill("#edit-users", "40")
        page.fill("#edit-spawn_rate", "2.5")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_selector("dialog:not([open])", state="attached")
        assert asked(stage, "edit")[-1] == {"users": 40, "spawn_rate": 2.5}

        page.get_by_role("button", name="Reset").click()
        page.wait_for_selector("#told:text('begins anew at')")
        assert len(asked(stage, "reset")) == 1

        page.get_by_role("button", name="Stop", exact=True).click()
        page.wait_for_selector("#stop:text-is('Stop now')")
        assert stage.do(lambda played: played.state) == control.STOPPING
        page.get_by_role("button", name="Stop now").click()
        page.wait_for_selector("#state[data-state=ready]")
        page.wait_for_selector("form.start")


def test_a_heading_sorts_and_chosen_columns_are_remembered(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.open("statistics")
        head = page.locator("th[data-key=requests]")
        head.get_by_role("button").click()
        cells = page.locator("#statistics-panel tbody td:nth-child(2)").all_inner_texts()
        counts = [int(text.replace("\u202f", "")) for text in cells]
        assert head.get_attribute("aria-sort") == "descending"
        assert counts == sorted(counts, reverse=True)
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"

        page.get_by_text("Columns").first.click()
        page.get_by_label("p99.9").check()
        page.get_by_label("Mean").uncheck()
        page.reload()
        page.wait_for_selector("th[data-key='p99.9_ms']")
        assert page.locator("th[data-key=mean_ms]").count() == 0
        assert page.locator("tfoot th").inner_text() == "Total"


def test_only_failed_requests_and_the_other_clock_are_asked_of_the_server(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.open("statistics")
        page.get_by_label("failed only").check()
        with page.expect_request(lambda request: "of=failed&clock=service" in request.url):
            page.get_by_label("service").check()


def test_what_a_server_or_a_scenario_says_is_text_and_nothing_else(stage, browser):
    stage.do(lambda played: running(played, 60))
    with Visit(browser, stage.url) as visit:
        for part in ("failures", "exceptions", "log"):
            page = visit.open(part)
            page.wait_for_selector(f"#{part}-panel :text({HOSTILE!r})")
            if part == "exceptions":
                page.locator("summary").last.click()
        assert visit.page.title() == "Log – greenload"
        assert visit.page.locator("script").count() == 1
        assert visit.complaints == []


def test_nobody_but_the_master_is_asked_for_anything(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        for title in TITLES:
            visit.open(title.lower())
        visit.open("charts").wait_for_selector("[data-drawn]")

        others = [url for url in visit.requests if not url.startswith((stage.url, "data:", f"blob:{stage.url}"))]
        assert others == []


def five_hundred_names(played: Played) -> None:
    calm(played)
    run = played.begin()
    stats = Stats()
    stats.sent = 500
    for number in range(500):
        stats.record(Sample("GET", f"/{'long-' * 30}{number}", 0.1, 0.1, 0.2, None, 12_345_678))
    run.report("w1", 0, stats, 10)
    run.elapsed_s = 1.0


def test_with_five_hundred_names_some_are_shown_and_the_others_are_found(stage, browser):
    stage.do(five_hundred_names)
    with Visit(browser, stage.url) as visit:
        page = visit.open("statistics")
        page.wait_for_selector("text=The first 200 of 500 names.")
        rows = page.locator("#statistics-panel tbody tr")
        assert rows.count() == MOST_ROWS

        page.get_by_role("button", name="Show 200 more").click()
        assert rows.count() == 2 * MOST_ROWS
        page.get_by_label("Filter").fill("long-499")
        assert rows.count() == 1
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 1280


MANY_FAILURES = """
const fetchOfOld = window.fetch;
window.fetch = async (path, options) => {
  const answer = await fetchOfOld(path, options);
  if (!path.includes('summary')) return answer;
  const summary = await answer.json();
  const row = {method: 'GET', name: '/albums', count: 1, first_s: 1, last_s: 2};
  summary.document.failures = Array.from({length: 100_000}, (_, number) => ({...row, error: `reset ${number}`}));
  return new Response(JSON.stringify(summary), {headers: {'Content-Type': 'application/json'}});
};
"""


def test_with_a_hundred_thousand_kinds_of_failure_the_page_holds_a_few_hundred_rows(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        visit.page.add_init_script(MANY_FAILURES)
        visit.page.reload()
        page = visit.open("failures")
        page.wait_for_selector("#failures-panel >> text=reset 0")
        assert page.locator("tr").count() <= MOST_ROWS + 20

        page.fill("#failures-filter", "reset 99999")
        page.wait_for_selector("#failures-panel >> text=reset 99999")


def test_a_document_is_asked_for_once_a_second_at_most_and_not_while_nobody_looks(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.clock.install()
        page.reload()
        page.wait_for_selector("html[data-page=ready]")

        def asked_in_ten_seconds() -> int:
            before = len(visit.requests)
            page.clock.run_for(10_000)
            page.evaluate("fetch('api/v1/form')")  # what was asked before has been heard of when this has
            return sum("summary" in url for url in visit.requests[before:])

        asked_for = [asked_in_ten_seconds()]
        while asked_for[-1] == 0 and len(asked_for) < 20:  # while one is under way there is no other
            asked_for.append(asked_in_ten_seconds())
        assert 1 <= asked_for[-1] <= 11
        before = len(visit.requests)
        for _ in range(5):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert sum("summary" in url for url in visit.requests[before:]) <= 1
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        assert asked_in_ten_seconds() == 0
        before = len(visit.requests)
        stage.do(calm)
        wait_until(lambda: page.evaluate("document.getElementById('state').dataset.state") == "ready")
        assert asked_in_ten_seconds() == 0
        assert not [url for url in visit.requests[before:] if "summary" in url]


def test_a_lost_connection_is_said_with_its_time_and_forgotten_when_it_is_back(stage, browser):
    stage.do(running)
    with Visit(browser, stage.url) as visit:
        page = visit.page
        page.route("**/api/v1/**", lambda route: route.abort())
        page.wait_for_selector("#connection:visible")
        assert "No connection to the master since" in page.inner_text("#connection")

        page.unroute("**/api/v1/**")
        page.wait_for_selector("#connection", state="hidden")


def test_the_verdict_is_a_word_and_its_reasons_and_is_read_out(stage, browser):
    stage.do(lambda played: running(played, 25))
    with Visit(browser, stage.url) as visit:
        verdict = visit.page.get_by_role("region", name="Verdict")

        assert "! SUSPECT so far." in verdict.inner_text()
        assert "w3" in verdict.inner_text()
        assert visit.page.get_attribute("#verdict-said", "role") == "status"
        assert "w3" in visit.page.inner_text("#verdict-said")
        stage.do(lambda played: played.end("the scenario ended the run"))
        visit.page.wait_for_selector("#verdict:has-text('The run broke: the scenario ended the run')")


def test_a_tab_of_the_scenarios_own_shows_what_its_route_returns(browser):
    shelves = Extension("stock", "GET", "Stock", lambda asked: [{"shelf": HOSTILE, "albums": 12}])
    words = Extension("words", "GET", "Words", lambda asked: "as it\nstands")
    with Hosted(Played, extensions=[shelves, words]) as hosted, Visit(browser, f"{hosted.server.url}/") as visit:
        page = visit.page
        page.get_by_role("link", name="Stock").click()
        page.wait_for_selector("td:text-is('12')")
        assert HOSTILE in page.inner_text("main table")

        page.get_by_role("link", name="Words").click()
        assert page.locator("main pre").inner_text() == "as it\nstands"
        assert visit.complaints == []
