"""A lesson as text for a terminal."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from greenload.lab.findings import Chart, Measure, mark, number
from greenload.lab.lesson import Held, source_of
from greenload.lab.verdicts import reading_of, verdict_on

WIDTH = 100
BARS = " ▁▂▃▄▅▆▇█"
COLUMNS = 72
BUSY = "Times below are what they are here and now; nothing is concluded from them."


def as_text(held: Held) -> str:
    """Return the whole lesson, from its question to the next one."""
    return "\n".join(_lines(held)) + "\n"


def _lines(held: Held) -> Iterator[str]:
    lesson, findings = held.lesson, held.findings
    yield from _heading(f"{lesson.name}: {lesson.question}")
    for code in lesson.code:
        where, text = source_of(code)
        yield f"  {where}"
        yield ""
        yield textwrap.indent(text.rstrip(), "    ")
        yield ""
    yield from (f"  {name:<9} {value}" for name, value in held.machine)
    yield ""
    if held.disturbances:
        said = "; ".join(held.disturbances)
        yield from _wrapped(f"This machine is busy ({said}). {BUSY}")
        yield ""
    if findings.measures:
        yield from table(["measured", "median", "min", "max", "n", ""], [_row(each) for each in findings.measures])
        yield ""
    for each in findings.tables:
        yield f"  {each.title}"
        yield from table(each.headings, each.rows)
        yield ""
    for chart in findings.charts:
        yield from _chart(chart)
        yield ""
    for claim in findings.claims:
        yield from _wrapped(f"{claim.text}: {verdict_on(claim, held)} ({claim.evidence})", "- ")
    if findings.claims:
        yield ""
    for note in findings.notes:
        yield from _wrapped(note)
        yield ""
    yield from _wrapped(reading_of(held))
    if lesson.following is not None:
        yield ""
        yield f"  Next: greenload lab {lesson.following}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; columns of numbers are flush right."""
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [bool(rows) and all(_is_number(cell) for cell in column[1:]) for column in columns]
    for row in (headings, *rows):
        cells = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _row(measure: Measure) -> list[str]:
    spread = measure.spread
    numbers = (number(spread.median), number(spread.least), number(spread.most), str(spread.n))
    return [measure.what, *numbers, measure.unit]


def _chart(chart: Chart) -> Iterator[str]:
    """One line of bars for each line of the chart: the largest y of each column."""
    xs = sorted({x for line in chart.lines.values() for x, _ in line})
    yield f"  {chart.title}"
    if not xs:
        return
    most = max(y for line in chart.lines.values() for _, y in line) or 1.0
    longest = max(map(len, chart.lines))
    for name, line in chart.lines.items():
        bars = "".join(BARS[round((len(BARS) - 1) * y / most)] for y in _columns(xs, line))
        yield f"  {name.rjust(longest)} |{bars}|"
    yield f"  {' ' * longest}  {mark(xs[0])} to {mark(xs[-1])} {chart.x}; a full bar is {mark(most)} {chart.y}"


def _columns(xs: Sequence[float], line: Sequence[tuple[float, float]]) -> list[float]:
    """Return the largest y of each column. A bar is as wide as the smallest step, so what was not measured is a gap."""
    step = min((later - earlier for earlier, later in itertools.pairwise(xs)), default=1.0)
    each_x = COLUMNS / (xs[-1] - xs[0] + step)
    highest = [0.0] * COLUMNS
    for x, y in line:
        begin = min(COLUMNS - 1, int(each_x * (x - xs[0])))
        for column in range(begin, max(begin + 1, min(COLUMNS, int(each_x * (x + step - xs[0]))))):
            highest[column] = max(highest[column], y)
    return highest


def _is_number(cell: str) -> bool:
    return cell == "–" or re.fullmatch(r"-?[\d,]*\.?\d+ ?%?", cell) is not None


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield text
    yield "=" * min(WIDTH, len(text))
    yield ""


def _wrapped(text: str, mark: str = "") -> Iterator[str]:
    rest = " " * (2 + len(mark))
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=f"  {mark}", subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
