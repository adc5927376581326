"""`greenload compare` and `greenload export` as somebody types them: what they write, and what they refuse."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from greenload.core.bundle import Bundle
from greenload.core.gate import Gate
from greenload.core.messages import Plan, Report
from greenload.core.news import News
from greenload.core.placement import Share
from greenload.core.run_info import RunInfo
from greenload.core.shape import parse_stages
from greenload.core.stats import Sample, Stats
from greenload.store import Store
from tests.conftest import Greenload

PLAN = Plan(parse_stages("5@10s"), None, (Share("Reader", 1),), "http://h", 10.0, 3)
NAME = "/albums <b>"
# What each run is called, by how much its times are longer, and what its requests are called.
RUNS = [
    ("1", 1.0, NAME),
    ("2", 1.5, NAME),
    ("3", 1.0, NAME),
    ("4", 1.5, NAME),
    ("other", 1.0, "/other"),
    ("empty", 1.0, ""),
]


def write_runs(path: Path, seconds: int = 30, per_s: int = 50) -> None:
    with closing(Store(path)) as store:
        for run, factor, name in RUNS:
            random = Random(run)
            info = RunInfo(run, "2030-01-01T00:00:00+00:00", "users", "s.py", "ab" * 32, None, 7, "1.0")
            store.open_run(info, PLAN, Gate(), Bundle(b""))
            for second in range(seconds if name else 0):
                stats = Stats()
                for _ in range(per_s):
                    took_s = factor * 0.12 * random.lognormvariate(0, 0.2)
                    stats.record(Sample("GET", name, float(second), float(second), second + took_s, None, 10))
                stats.sent = per_s
                report = Report("w", 1, second + 1, float(second), second + 1.0, stats, 5, 1.0, per_s * (second + 1))
                store.keep(run, News(began=second == 0, accounts=[report.account], seconds=[(second, stats)]))


def write_long_run(path: Path, seconds: int) -> None:
    """Two requests a second, each second's 0.1 ms longer than those before."""
    news = News(began=True)
    for second in range(seconds):
        stats = Stats()
        for _ in range(2):
            stats.record(Sample("GET", "/", second, second, second + (second + 100) / 10_000, None, 10))
        stats.sent = 2
        report = Report("w", 1, second + 1, float(second), second + 1.0, stats, 5, 1.0, 2 * (second + 1))
        news.accounts.append(report.account)
        news.seconds.append((second, stats))
    with closing(Store(path)) as store:
        info = RunInfo("long", "2030-01-01T00:00:00+00:00", "users", "s.py", "ab" * 32, None, 7, "1.0")
        store.open_run(info, PLAN, Gate(), Bundle(b""))
        store.keep("long", news)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Greenload:
    """A folder with a greenload.db of runs, of which 2 and 4 take half as long again."""
    folder = tmp_path_factory.mktemp("runs")
    write_runs(folder / "greenload.db")
    greenload = Greenload(folder)
    for made in (
        greenload.run("export", 1, "--format", "json", "-o", "one.json"),
        greenload.run("export", 1, "--format", "csv", "--output", "one"),
    ):
        assert made.returncode == 0, made.stderr
    greenload.write("newer.json", '{"schema": "greenload.summary/9"}')
    greenload.write("poem.txt", "Roses are red\n")
    with closing(sqlite3.connect(folder / "newer.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    return greenload


def locust_stats(p95_ms: int) -> str:
    """What Locust would have written of run 1, but for the p95."""
    percents = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
    times = f"120,130,140,140,160,{p95_ms},180,190,220,230,230"
    head = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    head += f"Max Response Time,Average Content Size,Requests/s,Failures/s,{percents}"
    return f"{head}\r\nGET,{NAME},1500,0,120,122.2,60.1,230.2,10.0,50.0,0.0,{times}\r\n"


def times_of(document, at=0):
    return {time: row["judgement"] for time, row in document["comparisons"][at]["names"][0]["times"].items()}


def test_each_is_compared_with_the_first_one(runs):
    made = runs.run("compare", 1, 2, 3, "--json", "compared.json")

    assert (made.returncode, made.stderr) == (0, "")
    document = runs.read_json("compared.json")
    assert times_of(document, 0) == {"median": "slower", "p95": "slower", "p99": "slower", "max": None}
    assert set(times_of(document, 1).values()) == {"no difference seen", None}
    assert re.search(r"p95 .*\+\d+\.\d %.*slower", made.stdout)
    assert "one is expected to be chance" in made.stdout


def test_several_runs_are_one_side(runs):
    made = runs.run("compare", "--a", "1,3", "--b", "2, 4", "--json", "compared.json")

    assert made.returncode == 0, made.stderr
    document = runs.read_json("compared.json")
    assert [side["runs"] for side in document["sides"]] == [2, 2]
    assert document["comparisons"][0]["names"][0]["requests"] == [3000, 3000]
    assert times_of(document)["median"] == "slower"


def test_the_same_comparison_says_the_same_each_time(runs):
    for name in ("once.json", "again.json"):
        assert runs.run("compare", 1, 2, "--json", name).returncode == 0

    assert runs.read_json("once.json") == runs.read_json("again.json")


def test_a_file_is_a_difference_without_a_judgement(runs):
    made = runs.run("compare", "one.json", 2, "--json", "compared.json")

    assert made.returncode == 0, made.stderr
    assert set(times_of(runs.read_json("compared.json")).values()) == {None}
    assert "a file has no seconds" in made.stdout


def test_beside_locust_what_its_rounding_allows_agrees_and_what_it_does_not_is_measured(runs):
    runs.write("agrees", locust_stats(160))
    runs.write("differs", locust_stats(140))

    for one, other in ((1, "agrees"), ("agrees", "one.json"), ("one_stats.csv", "agrees")):
        made = runs.run("compare", one, other, "--json", "compared.json")
        assert made.returncode == 0, made.stderr
        document = runs.read_json("compared.json")
        assert times_of(document)["p95"] == "agrees within Locust's rounding"
        assert document["clock"] == "service"
    assert runs.run("compare", 1, "differs", "--json", "compared.json").returncode == 0
    row = runs.read_json("compared.json")["comparisons"][0]["names"][0]["times"]["p95"]
    assert row["beyond_rounding_ms"] == pytest.approx(row["ms"][0] - 145, abs=0.3)
    assert "above what Locust's rounding allows" in row["judgement"]


def test_the_page_has_a_line_for_each_side_and_names_that_are_text(runs):
    made = runs.run("compare", 1, 2, "--html", "page.html")

    assert made.returncode == 0, made.stderr
    page = (runs.folder / "page.html").read_text()
    assert "/albums &lt;b&gt;" in page
    assert "<b>" not in page
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    plot = re.findall(r"<svg viewBox.*?</svg>", page)[0]
    assert {path.get("class") for path in ElementTree.fromstring(plot).iter("path")} == {"s0", "s1"}
    assert len(page) < 100_000


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("1", "2", "--fail-if-slower", "5%"), 1, "GET /albums <b> p95: .*Total p99: "),
        (("1", "2", "--fail-if-slower", "90%"), 0, "^$"),
        (("1", "3", "--fail-if-slower", "0%"), 0, "^$"),
        (("2", "1", "--fail-if-slower", "0%"), 0, "^$"),
    ],
)
def test_a_pipeline_hears_what_is_slower(runs, arguments, code, said):
    made = runs.run("compare", *arguments)

    assert made.returncode == code
    assert re.search(said, made.stderr)


def test_a_total_that_cannot_be_judged_does_not_pass(tmp_path):
    greenload = Greenload(tmp_path)
    write_runs(tmp_path / "greenload.db", seconds=10)

    made = greenload.run("compare", 1, 3, "--fail-if-slower", "5%")

    assert made.returncode == 1
    assert "Total p95: not judged, too short" in made.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("1",), "it takes two sides to compare"),
        (("--a", "1"), "say --a and --b"),
        (("1", "2", "--a", "1", "--b", "2"), "say --a and --b"),
        (("--a", "1,1", "--b", "2"), "1, 1: the same run twice"),
        (("--a", "1,one.json", "--b", "2"), "one.json is a file"),
        (("1", "nobody"), "no run nobody in greenload.db; the last ones: "),
        (("1", "2", "--db", "nowhere.db"), "1 is no file, and there is no file nowhere.db"),
        (("1", "2", "--db", "poem.txt"), "poem.txt: file is not a database"),
        (("1", "2", "--db", "newer.db"), "newer.db"),
        (("1", "empty"), "empty has no requests"),
        (("1", "other"), "1 and other have no request name in common"),
        (("1", "newer.json"), "newer.json is greenload.summary/9, which this version cannot read"),
        (("1", "poem.txt"), "poem.txt is neither a summary of greenload's nor Locust's"),
        (("1", "greenload.db"), "greenload.db is"),
        (("1", "2", "--fail-if-slower", "5"), "'5' is not a part in percent; write for example 5%"),
        (("1", "2", "--fail-if-slower", "nan%"), "is not a part in percent"),
        (("one.json", "2", "--fail-if-slower", "5%"), "--fail-if-slower needs runs of a --db: one.json is a file"),
        (("1", "2", "--json", "no/such"), "cannot write no/such"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_and_exit_code_2(runs, arguments, said):
    made = runs.run("compare", *arguments)

    assert made.returncode == 2
    assert said in made.stderr
    assert "Traceback" not in made.stderr
    assert made.stdout == ""


@pytest.mark.parametrize("form", ["json", "ndjson", "hlog", "prometheus"])
def test_what_is_exported_to_a_file_is_what_goes_to_stdout(runs, form):
    written = runs.run("export", 1, "--format", form, "--output", f"run.{form}")
    shown = runs.run("export", 1, "--format", form)

    assert (written.returncode, written.stdout, written.stderr) == (0, "", "")
    assert shown.stdout == (runs.folder / f"run.{form}").read_text()
    assert len(shown.stdout) > 1000


def test_an_exported_summary_is_that_of_the_run_and_its_csv_has_all_its_seconds(runs):
    document = runs.read_json("one.json")

    assert document["run"]["id"] == "1"
    assert document["total"]["requests"] == 1500
    history = (runs.folder / "one_stats_history.csv").read_text().splitlines()
    assert len(history) == 1 + 30


def test_of_a_long_run_each_second_is_exported_for_itself(tmp_path):
    """Longer than what is held by the second while a run goes on, or read for its summary."""
    seconds = 1500
    greenload = Greenload(tmp_path)
    write_long_run(tmp_path / "greenload.db", seconds)

    exported = {form: greenload.run("export", "long", "--format", form).stdout for form in ("ndjson", "hlog")}
    csv = greenload.run("export", "long", "--format", "csv", "--output", "long")

    lines = [json.loads(line) for line in exported["ndjson"].splitlines()]
    assert [(line["from_s"], line["seconds"], line["users"]) for line in lines] == [(at, 1, 5) for at in range(seconds)]
    assert [line["response_ms"]["max"] for line in lines] == [round(0.1 * (at + 100), 3) for at in range(seconds)]
    intervals = [line.split(",")[1:3] for line in exported["hlog"].splitlines() if line.startswith("Tag=response:")]
    assert intervals == [[f"{at}.000", "1.000"] for at in range(seconds)]
    assert csv.returncode == 0, csv.stderr
    history = (tmp_path / "long_stats_history.csv").read_text().splitlines()
    assert len(history) == 1 + seconds
    assert {row.split(",")[4] for row in history[1:]} == {"2.0"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "--format", "json"), "no run nobody"),
        (("1", "--format", "csv"), "say with --output"),
        (("1", "--format", "xml"), "'xml' is not one of"),
        (("empty", "--format", "hlog"), "run empty has no requests"),
        (("1", "--format", "json", "--db", "nowhere.db"), "there is no file nowhere.db"),
        (("1", "--format", "json", "--db", "poem.txt"), "file is not a database"),
        (("1", "--format", "json", "-o", "no/such"), "cannot write no/such"),
        (("1", "--format", "csv", "-o", "no/such"), "cannot write no/such_stats.csv"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence_and_exit_code_2(runs, arguments, said):
    made = runs.run("export", *arguments)

    assert made.returncode == 2
    assert said in made.stderr
    assert "Traceback" not in made.stderr
    assert made.stdout == ""


def test_nothing_of_a_comparison_is_written_into_the_file_of_runs(runs):
    before = json.dumps([list(row) for row in _rows(runs.folder / "greenload.db")])

    runs.run("compare", 1, 2)
    runs.run("export", 1, "--format", "hlog")

    assert json.dumps([list(row) for row in _rows(runs.folder / "greenload.db")]) == before


def _rows(path: Path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id, stop, ended_at FROM run").fetchall()
