"""How a threshold came out, in words: the same in the terminal, in JUnit XML and in annotations."""

from __future__ import annotations

from greenload.report.summary import Document

NOTHING = "–"


def value_of(threshold: Document) -> str:
    """Return its value with its unit; nothing measured is a dash, never 0."""
    value = threshold["value"]
    if value is None:
        return NOTHING
    # To three decimals: rounded to whole milliseconds, 300.4 ms would be 300 ms and above 300 ms.
    number = f"{value:,.3f}".rstrip("0").rstrip(".").replace(",", " ")
    return f"{number} {threshold['unit']}".strip()


def status_of(threshold: Document) -> str:
    """Return whether it was passed, and what came of it or why nobody knows."""
    if threshold["aborted_at_s"] is not None:
        return f"{threshold['status']} at {threshold['aborted_at_s']:.1f} s, which stopped the run"
    reason = threshold["reason"]
    return str(threshold["status"]) if reason is None else f"{threshold['status']}: {reason}"


def explained(threshold: Document) -> str:
    """Return all of it in one line."""
    value = "" if threshold["value"] is None else f", the value was {value_of(threshold)}"
    return f"{threshold['text']}: {status_of(threshold)}{value}"
