"""Lessons as one page for a browser: no script, nothing fetched, whatever was measured escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from greenload.lab.findings import Chart, Measure, Table, mark, number
from greenload.lab.lesson import Held, source_of
from greenload.lab.verdicts import FALSE, TRUE, reading_of, verdict_on

WIDTH, HEIGHT, MARGIN = 860, 220, 46
COLOURS = ("#2a7f3f", "#b3541e", "#2f5fa8", "#8a3ea0", "#8a6d00")
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>greenload lab</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #1c2b22 }
h2 { border-top: 2px solid #2a7f3f; padding-top: .6rem; margin-top: 3rem }
pre { background: #f3f6f3; padding: .8rem; overflow-x: auto; font-size: .85rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
td, th { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #dde5df; vertical-align: top }
caption { text-align: left; font-weight: 600 }
.busy { background: #fff3d6; padding: .6rem .8rem } .true { color: #2a7f3f } .false { color: #b3261e }
.unknown { color: #8a6d00 } .machine { color: #5c6b61; font-size: .85rem } svg { max-width: 100%; height: auto }
</style></head><body>
"""


def as_page(lessons: Sequence[Held]) -> str:
    """Return the page."""
    parts = [HEAD, "<h1>greenload lab</h1>", *_contents(lessons)]
    for held in lessons:
        parts += _lesson(held)
    return "\n".join([*parts, "</body></html>\n"])


def _contents(lessons: Sequence[Held]) -> Iterator[str]:
    if len(lessons) > 1:
        items = "".join(
            f'<li><a href="#{_anchor(held)}">{escape(held.lesson.name)}</a>: {escape(held.lesson.question)}</li>'
            for held in lessons
        )
        yield f"<ul>{items}</ul>"


def _lesson(held: Held) -> Iterator[str]:
    lesson, findings = held.lesson, held.findings
    yield f'<h2 id="{_anchor(held)}">{escape(lesson.name)}: {escape(lesson.question)}</h2>'
    yield f"<p>{_prose(reading_of(held))}</p>"
    for claim in findings.claims:
        said = verdict_on(claim, held)
        kind = {TRUE: "true", FALSE: "false"}.get(said, "unknown")
        yield f'<p>{_prose(claim.text)}: <b class="{kind}">{said}</b> ({_prose(claim.evidence)})</p>'
    if held.disturbances:
        said = escape("; ".join(held.disturbances))
        yield f'<p class="busy">This machine is busy: {said}. Nothing is concluded from times.</p>'
    if findings.measures:
        yield _table(
            Table("", ["measured", "median", "min", "max", "n", ""], [_row(each) for each in findings.measures])
        )
    yield from map(_table, findings.tables)
    yield from map(_chart, findings.charts)
    yield from (f"<p>{_prose(note)}</p>" for note in findings.notes)
    for code in lesson.code:
        where, text = source_of(code)
        yield f"<details><summary>{escape(where)}</summary><pre>{escape(text)}</pre></details>"
    yield f'<p class="machine">{escape("; ".join(f"{name} {value}" for name, value in held.machine))}</p>'


def _prose(text: str) -> str:
    """Return text in which what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _row(measure: Measure) -> list[str]:
    spread = measure.spread
    return [measure.what, number(spread.median), number(spread.least), number(spread.most), str(spread.n), measure.unit]


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in table.headings)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<table><caption>{escape(table.title)}</caption><tr>{head}</tr>{rows}</table>"


def _chart(chart: Chart) -> str:
    """Return the lines as a picture, with the largest values written at its axes."""
    points = [point for line in chart.lines.values() for point in line]
    if not points:
        return ""
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    most = max(y for _, y in points) or 1.0

    def place(x: float, y: float) -> str:
        across = MARGIN + (WIDTH - 2 * MARGIN) * (x - low) / ((high - low) or 1.0)
        return f"{across:.1f},{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * y / most:.1f}"

    drawn, legend = [], []
    for number_of_line, (name, line) in enumerate(chart.lines.items()):
        colour = COLOURS[number_of_line % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in line)
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>')
        legend.append(f'<tspan fill="{colour}">{escape(name)}  </tspan>')
    axis = f'<path d="M{place(low, most)} L{place(low, 0)} L{place(high, 0)}" fill="none" stroke="#5c6b61"/>'
    texts = (
        f'<text x="{MARGIN}" y="16">{escape(chart.title)}: {"".join(legend)}</text>'
        f'<text x="{MARGIN}" y="{MARGIN - 8}">{mark(most)} {escape(chart.y)}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 14}">{mark(low)}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 14}" text-anchor="end">{mark(high)} {escape(chart.x)}</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" font-size="13" role="img">{axis}{"".join(drawn)}{texts}</svg>'


def _anchor(held: Held) -> str:
    return held.lesson.name.replace(" ", "-")
