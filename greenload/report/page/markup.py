"""HTML, piece by piece: whatever comes from a server or a scenario is text in it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from greenload.report.terminal import visible


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Return `value` as HTML: itself when it is Markup, else escaped, and without what nobody can see."""
    if isinstance(value, Markup):
        return value
    lines = str(value).expandtabs().split("\n")
    return Markup(escape("\n".join(map(visible, lines))))


def element(tag: str, *content: object, css: str = "") -> Markup:
    attributes = f' class="{css}"' if css else ""
    return Markup(f"<{tag}{attributes}>{joined(content)}</{tag}>")


def joined(parts: Iterable[object]) -> Markup:
    return Markup("".join(map(text, parts)))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], css: str = "") -> Markup:
    """Return a table whose first column is what each row is about; it scrolls by itself where it is too wide."""
    head = element("tr", *(Markup(f'<th scope="col">{text(title)}</th>') for title in titles))
    body = (
        Markup(f'<tr><th scope="row">{text(first)}</th>{joined(element("td", cell) for cell in rest)}</tr>')
        for first, *rest in rows
    )
    # Reached by the keyboard, too: who has no mouse could not scroll it.
    whole = element("table", element("thead", head), element("tbody", *body), css=css)
    return Markup(f'<div class="scrolls" tabindex="0">{whole}</div>')


def section(title: str, *content: object) -> Markup:
    """Return a section, or nothing when there is nothing in it."""
    inside = joined(content)
    return element("section", element("h2", title), inside) if inside else Markup("")
