"""A comparison as one page that needs nothing else: the spectra of all sides laid over each other, and the numbers.

A spectrum shows each duration at its percentile, on an axis on which 90, 99 and 99.9 % are equally far apart: the tail,
which a curve over time hides, takes most of the room. The lines differ in their dashes, too, not by colour alone.

Source of the axis: HdrHistogram's percentile plots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from greenload.report.summary import Document
from greenload.report.terminal import ms
from greenload.report.thresholds import NOTHING

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 10, 36
DASHES = ("", "8 4", "2 3", "10 3 2 3", "4 4", "1 4")
TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)

Points = Sequence[tuple[float, float]]

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --back: #fff; --faint: #8888; }
:root { --c0: #0b62a8; --c1: #b3470b; --c2: #1c7a4a; --c3: #8a2f8f; --c4: #6b5b00; --c5: #444; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eee; --back: #16181b; --c0: #6cb8f5; --c1: #ff9d5c; --c2: #63d29a; --c3: #e08be5; --c4: #e3cf4f;
    --c5: #bbb; }
}
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 60rem;
  margin: 1rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td, th { padding: .15rem .6rem; text-align: right; }
td:first-child, th:first-child, td:last-child { text-align: left; } tr + tr td { border-top: 1px solid var(--faint); }
div { overflow-x: auto; } svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
path, line { fill: none; stroke: var(--ink); stroke-width: 2; } .grid { stroke: var(--faint); stroke-width: 1; }
""" + "".join(f".s{number} {{ stroke: var(--c{number}); }}\n" for number in range(len(DASHES)))


def comparison_page(document: Document) -> str:
    """Return the page for a comparison's document."""
    labels = [side["label"] for side in document["sides"]]
    title = escape(" and ".join(labels))
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>',
        f"<h1>{title}</h1><p>{escape(document['clock'])} time, all requests that ended</p>",
        f"<p>{_legend(labels)}</p>",
    ]
    names = dict.fromkeys((name["method"], name["name"]) for each in document["comparisons"] for name in each["names"])
    for method, name in names:
        parts.append(f"<h2>{escape(f'{method} {name}'.strip())}</h2>")
        drawn = [
            spectrum for spectrum in document["spectra"] if (spectrum["method"], spectrum["name"]) == (method, name)
        ]
        by_label = {spectrum["label"]: spectrum["points"] for spectrum in drawn}
        parts.append(f"<div>{_plot([by_label.get(label, []) for label in labels])}</div>")
        parts += [_table(each, method, name) for each in document["comparisons"]]
    return "\n".join(parts) + "\n</html>\n"


def _legend(labels: Sequence[str]) -> str:
    return " ".join(
        f'<svg width="40" height="10" aria-label="line {number + 1}"><path d="M0 5H40" {_look(number)}/></svg>'
        f" {escape(label)}"
        for number, label in enumerate(labels)
    )


def _look(number: int) -> str:
    kind = number % len(DASHES)
    return f'class="s{kind}" stroke-dasharray="{DASHES[kind]}"'


def _plot(lines: Sequence[Points]) -> str:
    points = [point for line in lines for point in line]
    if not points:
        return "<p>no percentiles</p>"
    right = max(_decades(percent) for percent, _ in points) or 1.0
    top = max(value_ms for _, value_ms in points) or 1.0

    def place(percent: float, value_ms: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * _decades(percent) / right
        return x, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value_ms / top

    shapes = []
    for percent in TICKS:
        if _decades(percent) <= right:
            x, y = place(percent, 0.0)
            shapes.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y:.1f}"/>')
            shapes.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{percent:g} %</text>')
    for quarter in range(5):
        _, y = place(0.0, top * quarter / 4)
        shapes.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        shapes.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * quarter / 4:.3g} ms</text>')
    for number, line in enumerate(lines):
        steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in line))
        if steps:
            shapes.append(f'<path d="M{steps}" {_look(number)}/>')
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="percentile spectrum">'
    return f"{head}{''.join(shapes)}</svg>"


def _decades(percent: float) -> float:
    """Return how many times there is a tenth of the requests left: 90 % is at 1, 99 % at 2."""
    return -math.log10(1 - percent / 100)


def _table(comparison: Document, method: str, name: str) -> str:
    found = [each for each in comparison["names"] if (each["method"], each["name"]) == (method, name)]
    if not found:
        return ""
    [each] = found
    one, other = escape(comparison["one"]), escape(comparison["other"])
    rows = [f"<tr><th></th><th>{one}</th><th>{other}</th><th>difference</th><th>95 % interval</th><th></th></tr>"]
    for what, key in (("requests", "requests"), ("failures", "failures"), ("requests/s", "requests_per_s")):
        values = "".join(f"<td>{value:g}</td>" for value in each[key])
        rows.append(f"<tr><td>{what}</td>{values}<td>{each[key][1] - each[key][0]:+g}</td><td></td><td></td></tr>")
    for time, row in each["times"].items():
        values = "".join(f"<td>{ms(value)}</td>" for value in row["ms"])
        interval = row["interval_ms"]
        shown = "" if interval is None else f"{interval[0]:+.2f} to {interval[1]:+.2f}"
        difference = NOTHING if row["difference_ms"] is None else f"{row['difference_ms']:+.2f}"
        words = escape(row["judgement"] or row["reason"] or "")
        rows.append(f"<tr><td>{time}, ms</td>{values}<td>{difference}</td><td>{shown}</td><td>{words}</td></tr>")
    return f"<div><table>{''.join(rows)}</table></div>"
