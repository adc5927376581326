"""The page of a finished run: verdict first, tables that need no JavaScript, charts that need no network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from string import Template

from greenload.core.curves import Span, spans_of
from greenload.core.gate import Gate
from greenload.core.messages import Plan
from greenload.core.results import Results
from greenload.core.stats import Timings
from greenload.core.worker_record import WorkerRecord
from greenload.report.page import tables
from greenload.report.page.charts import Chart, charts_of
from greenload.report.page.markup import Markup, element, joined, section, text
from greenload.report.page.plan import origin, plan_of, without_password
from greenload.report.page.plotly_js import plotly_js
from greenload.report.summary import Document
from greenload.report.terminal import grouped, ms


@dataclass(frozen=True)
class Shown:
    """What a page is made of.

    document  the summary, of the excerpt if it is one
    spans     its time;  timings: of the requests that count
    command   the command line that made the run;  about: what somebody said of it, by name
    notes     what has to be said above all else
    """

    document: Document
    spans: Sequence[Span]
    timings: Timings
    workers: Mapping[str, WorkerRecord]
    plan: Plan
    gate: Gate
    command: str | None = None
    about: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def shown_now(document: Document, results: Results, plan: Plan, gate: Gate, command: str) -> Shown:
    """Return what there is to show of a run that has just ended, of which `document` is the summary."""
    spans, timings = spans_of(results.slots, results.elapsed_s), results.measured_tally.ended()
    # It may have ended elsewhere than was asked for.
    gate = replace(gate, warmup_s=results.warmup_s)
    return Shown(document, spans, timings, results.workers, plan, gate, command)


def html_page(shown: Shown) -> bytes:
    """Return the page as one file.  Raises NoPlotly."""
    plotly = plotly_js().read_bytes()
    script = _part("charts.js") + _part("page.js")
    charts = charts_of(shown.spans, shown.timings, shown.plan, shown.gate.warmup_s)
    page = Template(_part("page.html")).substitute(
        policy=_policy(script.encode(), plotly),
        title=text(f"{shown.document['run']['scenario']} – greenload"),
        style=_part("page.css"),
        body=_body(shown, charts),
        charts=_packed(json.dumps(charts, separators=(",", ":")).encode()),
        plotly=_packed(plotly),
        script=script,
    )
    return page.encode()


def _body(shown: Shown, charts: Sequence[Chart]) -> Markup:
    document = shown.document
    return joined(
        (
            _header(shown),
            tables.verdict(document),
            *(element("p", note, css="excerpt") for note in shown.notes),
            _figures(document),
            tables.thresholds(document),
            tables.requests(document),
            _drawn(charts, shown.gate.warmup_s),
            tables.phases(document),
            tables.failures(document),
            tables.exceptions(document),
            element("div", tables.sums(document), tables.workers(document, shown.workers), css="pair"),
            element("div", plan_of(shown.plan, shown.gate), origin(document, shown.command, shown.about), css="pair"),
        )
    )


def _header(shown: Shown) -> Markup:
    run = shown.document["run"]
    where = f" against {without_password(run['host'])}" if run["host"] else ""
    when = f"{run['started'].replace('T', ' ').replace('+00:00', ' UTC')}, {run['duration_s']:.1f} s, run {run['id']}"
    return element("header", element("h1", f"{run['scenario']}{where}"), element("p", when))


def _figures(document: Document) -> Markup:
    """Return the few numbers that most people come for."""
    total = document["total"]
    failed = f" ({total['failures'] / total['requests']:.2%})" if total["failures"] else ""
    pairs = [
        ("requests", grouped(total["requests"])),
        ("requests/s", f"{total['rps']:.1f}"),
        ("failures", f"{grouped(total['failures'])}{failed}"),
        ("median", f"{ms(total['response_ms']['p50'])} ms"),
        ("p99", f"{ms(total['response_ms']['p99'])} ms"),
        ("max", f"{ms(total['response_ms']['max'])} ms"),
    ]
    return element(
        "dl", *(element("div", element("dt", name), element("dd", value)) for name, value in pairs), css="figures"
    )


def _drawn(charts: Sequence[Chart], warmup_s: int) -> Markup:
    has_warmup = any(chart.get("warmup_s") for chart in charts)
    said = f"Grey: the warm-up, {warmup_s} s, which does not count." if has_warmup else ""
    note = element("p", said, css="note") if said else ""
    return section("Over time", note, element("div", *map(_place, charts), css="charts")) if charts else Markup("")


def _place(chart: Chart) -> Markup:
    """Return where a chart is drawn."""
    drawn = Markup(f'<div id="{chart["id"]}" class="chart" role="img" aria-label="{text(chart["title"])}"></div>')
    note = element("p", chart["note"], css="note") if chart["note"] else ""
    return element("figure", element("figcaption", chart["title"]), drawn, note)


def _policy(*scripts: bytes) -> str:
    """Return the content security policy: these scripts and no others, and nothing from anywhere."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in scripts)
    # The style sheets are the page's own, and those that plotly.js puts beside them.
    own = "style-src 'unsafe-inline'; img-src data: blob:"
    return f"default-src 'none'; script-src {hashes}; {own}; base-uri 'none'; form-action 'none'"


def _packed(data: bytes) -> str:
    """Return `data` as text that page.js unpacks: gzip, and five characters for four bytes (RFC 1924).

    With base64 the page would come out at 2 MB. `/`, which that alphabet does not have, stands for `<`: so nothing in
    it can end the element it is in.
    """
    # Without the time of day: the same run, the same page.
    packed = gzip.compress(data, 9, mtime=0)
    return base64.b85encode(packed).replace(b"<", b"/").decode()


def _part(name: str) -> str:
    return files("greenload.report.page").joinpath(name).read_text(encoding="utf-8")
