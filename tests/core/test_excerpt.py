"""A window is what it says; what is none is refused with what to write instead."""

import pytest

from greenload.core.excerpt import ExcerptError, Window, of_names, parse_window
from greenload.core.stats import Sample, Stats


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("30s..90s", Window(30, 90)),
        ("1m..1m30s", Window(60, 90)),
        ("30s..", Window(30, None)),
        ("..90", Window(0, 90)),
        ("1500ms..2500ms", Window(1, 3)),
    ],
)
def test_a_window_can_be_written_in_these_ways(text, window):
    assert parse_window(text) == window


@pytest.mark.parametrize("text", ["", "30s", "..", "90s..30s", "30s..30s", "a..b", "30s...90s", "-5s..5s"])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ExcerptError, match="is not a window"):
        parse_window(text)


def test_of_the_names_only_those_asked_for_are_left():
    stats = Stats()
    for name in ("/a", "/b"):
        stats.record(Sample("GET", name, 0.0, 0.0, 0.1, None, 0))
    stats.missed_slots = 3

    part = of_names(stats, ("GET /b",))

    assert list(part.tallies) == [("GET", "/b")]
    assert part.missed_slots == 3
    assert of_names(stats, ()) is stats
    with pytest.raises(ExcerptError, match=r"nothing was measured under the name GET /c; did you mean GET /"):
        of_names(stats, ("GET /c",))
