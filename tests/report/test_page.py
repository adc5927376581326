"""A page is one file that says the same as the summary, and in which nothing of a server's is more than text."""

import gzip
import random
import re
from base64 import b85decode
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from greenload.core.gate import Gate
from greenload.core.messages import Plan
from greenload.core.placement import Share
from greenload.core.shape import parse_stages
from greenload.core.thresholds import parse_threshold
from greenload.report.page import plotly_js as plotly_module
from greenload.report.page.page import html_page, shown_now
from greenload.report.page.plan import without_password
from greenload.report.page.plotly_js import NoPlotly, plotly_js
from greenload.report.summary import summarize
from tests.report.test_summary import RUN, request, results_of

HOSTILE = "</script><script>alert(\"1\")</script><img src=x onerror='alert(1)'>\x1b[2J<!--"
PLAN = Plan(parse_stages("5@10s"), 10.0, (Share("Reader"),), "http://me:secret@h", 10.0, 7)
CHARTS = random.Random(1).randbytes(20_000)
VOID = {"meta", "link", "br", "img"}


class Outline(HTMLParser):
    """The elements of a page and its text, as a browser that runs no scripts reads them."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)


@pytest.fixture
def plotly(tmp_path, monkeypatch):
    """A file in the place of plotly.js: what is in it makes no difference here."""
    path = tmp_path / "plotly.min.js"
    path.write_bytes(CHARTS)
    monkeypatch.setattr("greenload.report.page.page.plotly_js", lambda: path)


def page_of(samples, exceptions=(), fail_if=(), command="greenload run", made_with=None):
    results = results_of(samples, exceptions=exceptions, seconds=3)
    gate = Gate(tuple(map(parse_threshold, fail_if)))
    document = summarize(replace(RUN, made_with=made_with or {}), results, gate.judge(results))
    return html_page(shown_now(document, results, PLAN, gate, command)).decode()


@pytest.mark.usefixtures("plotly")
def test_whatever_comes_from_a_server_or_a_scenario_is_text():
    usual = Outline(page_of([request(0.01, error="E")], ["in task t\nTrace\nE"], command="c"))

    page = page_of(
        [request(0.01, name=HOSTILE, error=HOSTILE)], [f"in task {HOSTILE}\n{HOSTILE}\n{HOSTILE}"], command=HOSTILE
    )

    outline = Outline(page)
    assert outline.open == []
    assert sorted(outline.tags) == sorted(usual.tags)
    assert sorted(outline.attributes) == sorted(usual.attributes)
    assert sum("onerror='alert" in text for text in outline.texts) >= 4
    assert "\x1b" not in page


@pytest.mark.usefixtures("plotly")
def test_without_scripts_the_tables_are_there():
    page = page_of([request(0.010), request(0.5, error="HTTP 503")], fail_if=["max > 100ms"])

    said = " ".join(Outline(page).texts)
    for words in ("VALID", "1 of 1 thresholds not passed", "✗ failed", "GET /albums", "HTTP 503", "w1"):
        assert words in said
    assert page.index("verdict valid") < page.index("<table") < page.index('class="charts"')


@pytest.mark.usefixtures("plotly")
def test_versions_and_machine_are_named_where_they_were_written_down():
    with_them = page_of([request(0.01)], made_with={"python": "CPython 3.99", "gevent": "99.1", "cores": "2"})

    assert "<dt>Made with</dt><dd>CPython 3.99, gevent 99.1, 2 cores</dd>" in with_them
    assert "Made with" not in page_of([request(0.01)])


@pytest.mark.usefixtures("plotly")
def test_only_the_pages_own_scripts_may_run_and_nothing_is_fetched():
    page = page_of([request(0.010)])

    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"""(src|href)\s*=\s*["']?\w""", page.split('id="packed-charts"')[0])


@pytest.mark.usefixtures("plotly")
def test_what_is_packed_cannot_end_its_element_and_can_be_unpacked():
    packed = re.search(r'id="packed-plotly">(.+)</script>', page_of([request(0.010)]))[1]

    assert "<" not in packed
    zipped = b85decode(packed.replace("/", "<"))
    assert gzip.decompress(zipped) == CHARTS
    assert zipped[4:8] == bytes(4)  # no time of day: the same run, the same page


def test_a_real_page_stays_under_two_megabytes():
    assert len(page_of([request(0.001 * each) for each in range(1, 300)])) < 2_000_000
    assert plotly_js().name == "plotly.min.js"


def test_without_plotly_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(plotly_module, "find_spec", lambda name: None)

    with pytest.raises(NoPlotly, match=r"pip install 'greenload\[report\]'"):
        plotly_js()


def test_passwords_in_urls_are_hidden():
    said = without_password("greenload run -H http://me:pa55@h:8080/a -t 5s")

    assert said == "greenload run -H http://***@h:8080/a -t 5s"
