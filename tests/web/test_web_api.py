"""The API says what the results say, asks the Control and nobody else, and is what its OpenAPI document says."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from schemathesis.specs.openapi.checks import positive_data_acceptance

from greenload.core.gate import Gate
from greenload.core.offer import offer_of
from greenload.core.stats import Sample, Stats
from greenload.report.summary import summarize
from greenload.web.access import Access
from greenload.web.app import make_app
from greenload.web.control import NotNow
from greenload.web.extension import ExtensionError, extend, extensions_in
from greenload.web.live import Live
from greenload.web.openapi import openapi
from greenload.web.schemas import SCHEMAS
from greenload.web.snapshot import MOST_FAILURES, document_now
from tests.web.hosted import Hosted, page_in
from tests.web.played import HOSTILE, Played


@pytest.fixture(scope="module")
def going_on(tmp_path_factory):
    """A run that goes on, 25 s old, a kept one before it, and the client of its page."""
    folder = tmp_path_factory.mktemp("going_on")
    played = Played(folder / "runs.db")
    for model in ("rate", "users"):
        played.start({"model": model, "run_time": "25s", "tags": {"branch": "main"}})
        while played.state == "running":
            played.play_second()
    played.start({"run_time": None})
    live = Live(played)
    for _ in range(25):
        played.play_second()
        live.look()
    app = make_app(played, live, Access(None, is_loopback=True), [], page_in(folder))
    yield played, app.test_client()
    played.close()


@pytest.fixture(scope="module")
def run_ids(going_on):
    _, client = going_on
    return [run["id"] for run in client.get("/api/v1/runs").json["runs"]]


def valid(name, value):
    """Raise unless `value` has the shape that the document calls `name`."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    Draft202012Validator(schema).validate(value)
    return value


def test_the_summary_is_the_summary_as_it_stands_now(going_on):
    played, client = going_on
    run = played.run
    said = valid("Summary", client.get("/api/v1/summary").json)

    document = summarize(run.info, run.results, run.gate.judge(run.results), offer_of(run.plan, run.results))
    assert said["document"] == json.loads(json.dumps(document))
    assert (said["state"], said["run"], said["elapsed_s"], said["remaining_s"]) == ("running", run.info.id, 25.0, None)
    assert said["wanted"] == {"users": 30, "rate": None}
    assert said["last"]["rps"] == 120.0
    assert [worker["state"] for worker in said["workers"]] == ["running", "running", "lost"]
    assert said["workers"][0]["rps"] == pytest.approx(50)
    assert {"at", "from", "level", "text"} == said["log"][0].keys()


def test_before_the_first_run_there_is_nothing_and_nothing_breaks(tmp_path):
    played = Played()
    client = make_app(played, Live(played), Access(None, is_loopback=True), [], page_in(tmp_path)).test_client()

    summary = valid("Summary", client.get("/api/v1/summary").json)

    assert (summary["state"], summary["run"], summary["document"]) == ("ready", None, None)
    assert [worker["id"] for worker in summary["workers"]] == ["w1", "w2", "w3"]
    assert valid("Series", client.get("/api/v1/series").json)["charts"] == []
    assert valid("Statistics", client.get("/api/v1/statistics").json)["total"] is None
    assert client.get("/metrics").data == b""
    assert client.get("/api/v1/runs").status_code == 409
    assert "--no-db" in client.get("/api/v1/runs").json["error"]
    assert client.get("/api/v1/series?name=x").status_code == 404


def test_statistics_of_those_that_succeeded_and_failed_add_up_by_either_clock(going_on):
    _, client = going_on
    asked = {
        (of, clock): valid("Statistics", client.get(f"/api/v1/statistics?of={of}&clock={clock}").json)
        for of in ("all", "succeeded", "failed")
        for clock in ("response", "service")
    }

    for clock in ("response", "service"):
        every, good, bad = (asked[of, clock]["total"] for of in ("all", "succeeded", "failed"))
        assert every["requests"] == good["requests"] + bad["requests"]
        assert (good["failures"], bad["failures"], every["failures"]) == (0, bad["requests"], bad["requests"])
        assert every["max_ms"] == max(good["max_ms"], bad["max_ms"])
    assert asked["all", "response"]["rows"] == valid("Statistics", client.get("/api/v1/statistics").json)["rows"]
    assert client.get("/api/v1/statistics?of=some").status_code == 422


def test_the_series_is_complete_up_to_the_event_it_names(going_on):
    played, client = going_on
    said = valid("Series", client.get("/api/v1/series").json)

    run = played.run.info.id
    assert said["from_event"] == f"{run}:24"
    charts = {chart["id"]: chart for chart in said["charts"]}
    assert {"rates", "users", "percentiles", "heatmap", "spectrum", "lag"} == charts.keys()
    assert charts["rates"]["lines"][0]["x"] == [second + 0.5 for second in range(25)]
    of_one = client.get("/api/v1/series?method=GET&name=/albums/[id]").json["charts"][0]["lines"][0]
    assert sum(of_one["y"]) < sum(charts["rates"]["lines"][0]["y"])
    assert client.get("/api/v1/series?method=GET&name=/nothing").status_code == 404


def test_what_is_yet_to_be_pushed_is_in_no_series(tmp_path):
    played = Played()
    played.begin()
    live = Live(played)
    client = make_app(played, live, Access(None, is_loopback=True), [], page_in(tmp_path)).test_client()
    for _ in range(3):
        played.play_second()
    live.look()
    played.play_second()

    said = client.get("/api/v1/series").json

    assert said["from_event"] == f"{played.run.info.id}:2"
    assert said["charts"][0]["lines"][0]["x"] == [0.5, 1.5, 2.5]


def test_prometheus_understands_the_metrics(going_on):
    played, client = going_on
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}

    counted = sum(sample.value for sample in families["greenload_requests"].samples)
    assert counted == played.run.results.measured_tally.requests
    assert families["greenload_response_time_seconds"].type == "histogram"
    assert any(sample.labels.get("error") == HOSTILE for sample in families["greenload_failures"].samples)


def test_runs_that_were_kept_are_listed_shown_and_compared(going_on, run_ids):
    _, client = going_on
    listed = valid("Runs", client.get("/api/v1/runs").json)["runs"]
    shown = valid("Run", client.get(f"/api/v1/runs/{run_ids[2]}").json)
    compared = valid("Comparison", client.get(f"/api/v1/compare?a={run_ids[1]}&b={run_ids[2]}").json)

    assert [run["state"] for run in listed] == ["going on", "ended", "ended"]
    assert listed[0]["requests"] > 0
    assert len(client.get("/api/v1/runs?most=1").json["runs"]) == 1
    assert shown["document"]["run"]["id"] == run_ids[2]
    assert "arrivals" in {chart["id"] for chart in shown["charts"]}
    assert [line["name"] for line in compared["chart"]["lines"]] == run_ids[1:]
    assert client.get("/api/v1/runs/none").status_code == 404
    assert client.get("/api/v1/compare?a=none&b=none").status_code == 404
    assert client.get("/api/v1/compare?a=none").status_code == 422
    for most in ("0", "-1", "x", "1e3", "9" * 30, "٣"):
        assert client.get(f"/api/v1/runs?most={most}").status_code == 422


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "hlog", "prometheus", "html"])
def test_a_run_that_was_kept_can_be_taken_away(going_on, run_ids, form):
    _, client = going_on
    answer = client.get(f"/api/v1/runs/{run_ids[1]}/export?format={form}")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{run_ids[1]}.')
    if form == "csv":
        names = zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
        assert f"{run_ids[1]}_stats.csv" in names
    elif form == "json":
        assert answer.json["run"]["id"] == run_ids[1]
    else:
        assert len(answer.data) > 1_000
    assert client.get("/api/v1/runs/none/export?format=json").status_code == 404
    assert client.get(f"/api/v1/runs/{run_ids[1]}/export").status_code == 422


class Asked(Played):
    """A Control that has what a test wants it to have."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error

    def start(self, form):
        if self.error is not None:
            raise self.error
        return super().start(form)


def client_of(played, tmp_path):
    return make_app(played, Live(played), Access(None, is_loopback=True), [], page_in(tmp_path)).test_client()


def test_what_is_asked_for_reaches_the_control_and_nothing_else_does(tmp_path):
    played = Played()
    client = client_of(played, tmp_path)

    started = client.post("/api/v1/start", json={"users": 5, "spawn_rate": "2", "run_time": "9s", "note": None})
    again = client.post("/api/v1/start", json={})
    edited = client.post("/api/v1/edit", json={"users": 20, "spawn_rate": 5})
    reset = client.post("/api/v1/reset", json={})
    stops = [client.post("/api/v1/stop", json={}) for _ in range(3)]

    assert (started.status_code, started.json) == (202, {"run": played.run.info.id})
    assert (again.status_code, again.json["error"]) == (409, "a run goes on; stop it first")
    assert (edited.status_code, edited.json) == (200, {})
    assert (reset.status_code, reset.json) == (200, {"from_s": 0})
    assert [stop.status_code for stop in stops] == [200, 200, 409]
    assert [stop.json.get("at_once") for stop in stops] == [False, True, None]
    assert [what for what, _ in played.asked] == ["start", "start", "edit", "reset", "stop", "stop", "stop"]
    assert played.asked[0][1] == {"users": 5, "spawn_rate": "2", "run_time": "9s", "note": None}


def test_what_cannot_be_is_said_beside_its_field(tmp_path):
    client = client_of(Played(), tmp_path)

    said = client.post("/api/v1/start", json={"users": "many", "run_time": "soon", "fail_if": ["p99"]})

    assert said.status_code == 422
    assert said.json["fields"].keys() == {"users", "run_time", "fail_if"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"users": NaN}', 400),
        (b'{"users": Infinity}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"users": ' + b"9" * 5_000 + b"}", 400),
        (b'{"users": 1e999}', 422),
        (b'{"users": true}', 422),
        (b'{"users": [1]}', 422),
        (b'{"host": 5}', 422),
        (b'{"note": "' + b"a" * 20_000 + b'"}', 422),
        (b'{"classes": "Reader"}', 422),
        (b'{"classes": [1]}', 422),
        (b'{"tags": {"a": 1}}', 422),
        (b'{"options": {"a": {}}}', 422),
        (b'{"__class__": 1}', 422),
        (b'{"a": "' + b"b" * 1_000_001 + b'"}', 413),
    ],
)
def test_a_body_that_is_no_form_is_refused(tmp_path, body, status):
    played = Played()

    said = client_of(played, tmp_path).post("/api/v1/start", data=body, content_type="application/json")

    assert said.status_code == status
    assert isinstance(said.json["error"], str)
    assert played.asked == []


def test_what_breaks_is_told_in_the_log_and_not_to_the_browser(tmp_path, caplog):
    client = client_of(Asked(ZeroDivisionError("secret")), tmp_path)

    said = client.post("/api/v1/start", json={})

    assert said.status_code == 500
    assert "secret" not in said.text
    assert "secret" in caplog.text
    assert client_of(Asked(NotNow("later")), tmp_path / "page").post("/api/v1/start", json={}).status_code == 409


def test_a_scenario_adds_routes_and_tabs(tmp_path):
    @extend("stock", tab="Stock")
    def stock(asked):
        return {"elapsed_s": asked.shown and asked.shown.elapsed_s, "shelf": asked.query.get("shelf")}

    @extend("stock/refill", method="POST")
    def refill(asked):
        return f"refilled {asked.body['albums']}"

    @extend("broken")
    def broken(asked):
        raise RuntimeError("stumbled")

    played = Played()
    extensions = extensions_in({"stock": stock, "again": stock, "refill": refill, "broken": broken, "other": 5})
    live, access = Live(played), Access(None, is_loopback=True)
    client = make_app(played, live, access, extensions, page_in(tmp_path)).test_client()

    assert client.get("/x/").json == {"tabs": [{"title": "Stock", "path": "/x/stock"}]}
    assert client.get("/x/stock?shelf=3").json == {"elapsed_s": None, "shelf": "3"}
    assert client.post("/x/stock/refill", json={"albums": 5}).text == "refilled 5"
    assert client.post("/x/stock/refill", data="{}").status_code == 415
    assert client.get("/x/broken").status_code == 500
    assert client.get("/x/nothing").status_code == 404


def test_a_route_that_cannot_be_is_refused_when_it_is_written():
    for path in ("", "/stock", "a b", "../api", "a//b", "<name>"):
        with pytest.raises(ExtensionError):
            extend(path)
    with pytest.raises(ExtensionError):
        extend("stock", method="PUT")
    with pytest.raises(ExtensionError):
        extend("stock", method="POST", tab="Stock")
    twice = [extend("stock")(lambda asked: 1), extend("stock")(lambda asked: 2)]
    with pytest.raises(ExtensionError, match="two routes"):
        extensions_in(dict(enumerate(twice)))


def test_of_very_many_kinds_of_failure_the_most_frequent_are_shown_and_memory_is_bounded():
    played = Played()
    run = played.begin()
    for second in range(2):
        stats = Stats()
        for number in range(12_000):
            name = f"/{number % 100}"
            text = f"failed in {''.join(chr(97 + int(digit)) for digit in str(second * 12_000 + number))}"
            stats.record(Sample("GET", name, second, second, second + 0.01, text, 0))
        stats.record(Sample("GET", "/0", second, second, second + 0.01, "the usual", 0))
        stats.record(Sample("GET", "/0", second, second, second + 0.01, "the usual", 0))
        stats.sent = 12_002
        run.report("w1", second, stats, 1)
        run.elapsed_s = second + 1.0
    paused = []

    document = document_now(played.shown, lambda: paused.append(1))

    assert len(document["names"]) == 100
    assert len(document["failures"]) == MOST_FAILURES
    assert document["failures_left_out"] > 9_000
    assert len(paused) > 200
    assert max(len(tally.failures) for tally in run.results.total.tallies.values()) <= 101


def test_a_snapshot_that_others_run_in_between_of_counts_each_request_as_of_one_moment():
    played = Played()
    run = played.begin(gate=Gate(), plan=Played().begin().plan)
    for _ in range(5):
        played.play_second()

    document = document_now(played.shown, played.play_second)

    assert run.results.measured_tally.requests > document["total"]["requests"]
    assert sum(row["requests"] for row in document["names"]) == document["total"]["requests"]
    assert (
        document["reconciliation"]["succeeded"] + document["reconciliation"]["failed"] == document["total"]["requests"]
    )


ROUTES = {("GET", "/api/v1/live"), ("GET", "/"), ("GET", "/static/{name}"), ("GET", "/plotly.js"), ("GET", "/x/")}


def test_each_path_of_the_document_is_there_and_the_other_way_round(going_on):
    _, client = going_on
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    documented = {(method.upper(), path) for path, item in openapi()["paths"].items() for method in item}

    assert documented - routes == set()
    assert routes - documented == ROUTES - {("GET", "/api/v1/live")}


def test_the_document_is_served(going_on):
    _, client = going_on

    assert client.get("/api/v1/openapi.json").json == json.loads(json.dumps(openapi()))


def _schema():
    document = openapi()
    del document["paths"]["/api/v1/live"]  # which never ends
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A real server with a run that goes on and one that was kept."""
    folder = tmp_path_factory.mktemp("running")
    with Hosted(lambda: Played(folder / "runs.db"), page=page_in(folder)) as page:
        page.do(lambda: page.played.start({"run_time": "5s"}))
        page.play(5)
        page.do(lambda: page.played.start({}))
        page.play(5)
        yield page


OPERATIONS = [each.ok() for each in _schema().get_all_operations()]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_the_server_does_what_its_document_says_whatever_it_is_asked(running, operation):
    @settings(max_examples=15, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def check(case):
        # A text may have the right type and still be no rate: that is said with 422, which no schema can know.
        case.call_and_validate(base_url=running.server.url, excluded_checks=[positive_data_acceptance])

    check()
