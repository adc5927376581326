"""Spans of lanes, as a Chrome trace and as a page with a picture: who did what from when to when."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

RUNNING, WAITING, THINKING = STATES = ("running", "waiting for the server", "thinking")
Span = tuple[str, float, float, str]  # lane, begin and end in seconds, state

COLOURS = {RUNNING: "#b3261e", WAITING: "#2f5fa8", THINKING: "#cfe3d4"}
LANE, LABEL, WIDTH = 26, 130, 1500
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>greenload lab: timeline</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body { font: 15px system-ui, sans-serif; margin: 1rem } .scroll { overflow-x: auto }</style></head><body>
"""


def total_s(spans: Iterable[Span], lanes: Sequence[str], state: str) -> float:
    """Return for how many seconds altogether these lanes were in that state."""
    return sum(end_s - begin_s for lane, begin_s, end_s, each in spans if each == state and lane in lanes)


def shares(spans: Sequence[Span], lane: str) -> dict[str, float]:
    """Return which part of its time a lane was in each state; those it never was in are not there."""
    seconds = {state: total_s(spans, [lane], state) for state in STATES}
    whole = sum(seconds.values())
    return {state: each / whole for state, each in seconds.items() if each}


def overlap(spans: Iterable[Span], state: str) -> bool:
    """Whether two lanes were in that state at the same time."""
    ordered = sorted((begin_s, end_s) for _, begin_s, end_s, each in spans if each == state)
    return any(later < earlier_end for (_, earlier_end), (later, _) in itertools.pairwise(ordered))


def chrome_trace(spans: Sequence[Span]) -> dict[str, Any]:
    """Return the spans in Chrome's Trace Event Format: complete events, in microseconds, a thread for each lane."""
    lanes = {lane: number for number, lane in enumerate(dict.fromkeys(lane for lane, *_ in spans))}
    names = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "greenload"}}]
    names += [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": number, "args": {"name": lane}}
        for lane, number in lanes.items()
    ]
    events = []
    for lane, begin_s, end_s, state in spans:
        # Whole nanoseconds: a span that is a hair longer than the time to the next would be taken for one around it.
        begin_ns, end_ns = round(1e9 * begin_s), round(1e9 * end_s)
        times = {"ts": begin_ns / 1000, "dur": (end_ns - begin_ns) / 1000}
        events.append({"ph": "X", "name": state, "pid": 1, "tid": lanes[lane], **times})
    return {"traceEvents": [*names, *events], "displayTimeUnit": "ms"}


def page(spans: Sequence[Span]) -> str:
    """Return a page with one lane below the other; running is drawn over the rest, and never thinner than one sees."""
    lanes = {lane: number for number, lane in enumerate(dict.fromkeys(lane for lane, *_ in spans))}
    last_s = max(end_s for _, _, end_s, _ in spans)
    scale = WIDTH / last_s
    drawn = []
    for lane, begin_s, end_s, state in sorted(spans, key=lambda span: span[3] == RUNNING):
        width = max(0.8 if state == RUNNING else 0.0, scale * (end_s - begin_s))
        place = f'x="{LABEL + scale * begin_s:.2f}" y="{LANE * lanes[lane] + 4}" fill="{COLOURS[state]}"'
        said = f"{escape(lane)}: {state}, {1000 * (end_s - begin_s):.3f} ms"
        drawn.append(f'<rect {place} width="{width:.2f}" height="{LANE - 8}"><title>{said}</title></rect>')
    names = [f'<text x="0" y="{LANE * number + LANE / 2 + 5}">{escape(lane)}</text>' for lane, number in lanes.items()]
    legend = " ".join(f'<b style="color:{COLOURS[state]}">&#9632;</b> {state}' for state in STATES)
    size = f'width="{LABEL + WIDTH}" height="{LANE * len(lanes)}"'
    return (
        f"{HEAD}<p>{legend}; {1000 * last_s:.0f} ms from left to right</p>"
        f'<div class="scroll"><svg {size}>{"".join(names)}{"".join(drawn)}</svg></div>'
        "</body></html>\n"
    )
