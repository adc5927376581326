"""The charts of the page as plain data: which lines there are, and where their points lie.

How they look is the page's own affair (page.js). No text in them comes from a server or a scenario.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from greenload.core.curves import Heat, Span, heat_of, joined, spectrum
from greenload.core.histogram import Histogram, fewest_for
from greenload.core.messages import Plan
from greenload.core.pause import Pause, no_pause
from greenload.core.stats import Timings

Chart = dict[str, Any]
Number = float | None
Each = TypeVar("Each")

MOST_POINTS, MOST_COLUMNS = 300, 180
WIDEST_POINT = 1 / 20  # of the time shown, that one point of a percentile may stand for
OVER_TIME = "seconds since the run began"


def charts_of(
    spans: Sequence[Span], measured: Timings, plan: Plan, warmup_s: float, pause: Pause = no_pause
) -> list[Chart]:
    """Return what there is to draw of `spans`; measured: of the requests that count."""
    if not spans:
        return []
    points = joined(spans, MOST_POINTS, pause=pause)
    certain = joined(spans, MOST_POINTS, fewest_for(99), WIDEST_POINT, pause)
    drawn = [
        _rates(points),
        _users(points),
        *([] if plan.arrivals is None else [_arrivals(points, plan)]),
        _percentiles(certain, pause),
        _heatmap(heat_of(joined(spans, MOST_COLUMNS, pause=pause), pause)),
        spectrum_chart(measured),
        _lag(points, pause),
    ]
    shown = [chart for chart in drawn if chart is not None]
    for chart in shown:
        if chart["x_title"] == OVER_TIME:
            chart["warmup_s"] = warmup_s if warmup_s > spans[0].first_s else 0
    return shown


def _rates(spans: Sequence[Span]) -> Chart:
    lines = [_line("requests/s", spans, [span.tally.requests / span.width_s for span in spans])]
    failed = [span.tally.failed.service.count / span.width_s for span in spans]
    if any(failed):
        lines.append(_line("failures/s", spans, failed))
    return _over_time("rates", "Requests a second", "requests/s", lines)


def _users(spans: Sequence[Span]) -> Chart:
    lines = [_line("users", spans, [span.users for span in spans])]
    lines.append(_line("in flight", spans, [span.in_flight for span in spans]))
    note = "In flight: requests under way at the end of each second."
    return _over_time("users", "Users and requests in flight", "number", lines, note)


def _arrivals(spans: Sequence[Span], plan: Plan) -> Chart:
    assert plan.arrivals is not None
    area = plan.arrivals.rate.area_until
    until_s = math.inf if plan.duration_s is None else plan.duration_s

    def offered(span: Span) -> float:
        return (area(min(span.end_s, until_s)) - area(min(span.first_s, until_s))) / span.width_s

    lines = [
        _line("offered", spans, list(map(offered, spans))),
        _line("delivered", spans, [span.iterations / span.width_s for span in spans]),
        _line("dropped", spans, [span.dropped / span.width_s for span in spans]),
    ]
    return _over_time("arrivals", "Arrivals", "arrivals/s", lines, "Offered: the rate as it was planned.")


def _percentiles(spans: Sequence[Span], pause: Pause) -> Chart | None:
    ended = [span.tally.ended() for span in _pausing(spans, pause)]
    if not any(timings.service.count for timings in ended):
        return None
    differ = any(not timings.are_alike for timings in ended)
    clock = "response " if differ else ""
    response = [_ms(timings.response, [50, 95, 99, 100]) for timings in _pausing(ended, pause)]
    names = ("median", "p95", "p99", "max")
    lines = [_line(clock + names[place], spans, [ms[place] for ms in response]) for place in (3, 2, 1, 0)]
    if differ:
        lines.append(_line("service p99", spans, [_ms(timings.service, [99])[0] for timings in _pausing(ended, pause)]))
    note = (
        "Each point takes in as many seconds as it needs for 100 requests, but at most a twentieth of the time shown;"
        " a percentile of fewer requests than it needs is not drawn."
    )
    title = f"{'Response' if differ else 'Response = service'} time over time"
    return {**_over_time("percentiles", title, "ms", lines, note), "is_log": True}


def _heatmap(heat: Heat | None) -> Chart | None:
    if heat is None:
        return None
    rates = [[None if not rate else _short(rate) for rate in row] for row in heat.rates]
    return {
        "id": "heatmap",
        "kind": "heatmap",
        "title": "How many requests took how long, when",
        "note": "Each field: requests a second with this response time. Empty: none.",
        "x_title": OVER_TIME,
        "y_title": "ms",
        "x": [_short(edge_s) for edge_s in heat.edges_s],
        "y": [_short(edge_us / 1000) for edge_us in heat.edges_us],
        "rates": rates,
        # By its logarithm, or the usual would outshine the rare, which is what one looks for.
        "colours": [[None if rate is None else round(math.log10(rate), 3) for rate in row] for row in rates],
        "ticks": _decades(rate for row in rates for rate in row if rate is not None),
    }


def _decades(rates: Iterable[float]) -> list[tuple[float, str]]:
    logs = [math.log10(rate) for rate in rates]
    lowest, highest = math.floor(min(logs)), math.ceil(max(logs))
    return [(power, f"{10.0**power:g}") for power in range(lowest, highest + 1)]


def spectrum_chart(measured: Timings) -> Chart | None:
    """Return the percentile spectrum, by both clocks where they differ; None when no request ended."""
    clocks = [("response = service", measured.response)]
    if not measured.are_alike:
        clocks = [("response", measured.response), ("service", measured.service)]
    return spectra(clocks)


def spectra(histograms: Sequence[tuple[str, Histogram]]) -> Chart | None:
    """Return the spectra of `histograms`, each with a name, laid over each other; None when there is nothing in any."""
    lines = []
    for name, histogram in histograms:
        points = spectrum(histogram)
        labels = [f"p{100 * (1 - 1 / x):.7g}" for x, _ in points[:-1]] + ["max"]
        if points:
            xs, ys = [_short(x) for x, _ in points], [us / 1000 for _, us in points]
            lines.append({"name": name, "x": xs, "y": ys, "labels": labels})
    if not lines:
        return None
    most = max(histogram.count for _, histogram in histograms)
    nines = [(10**power, f"{100 * (1 - 10.0**-power):.7g} %") for power in range(1 + math.floor(math.log10(most)))]
    return {
        "id": "spectrum",
        "kind": "spectrum",
        "title": "Percentile spectrum",
        "note": "What part of the requests took no longer than this. Each further nine takes as much room as the one"
        " before; the line ends with the slowest request.",
        "x_title": "percent of requests",
        "y_title": "ms",
        "is_log": True,
        "ticks": nines,
        "lines": lines,
    }


def _lag(spans: Sequence[Span], pause: Pause) -> Chart | None:
    if not any(span.lag.count for span in spans):
        return None
    lags = [_ms(span.lag, [50, 100]) for span in _pausing(spans, pause)]
    lines = [_line("max", spans, [most for _, most in lags]), _line("median", spans, [median for median, _ in lags])]
    note = "How late the generator itself woke up: in times below this nothing can be read."
    return _over_time("lag", "Lag of the generator", "ms", lines, note)


def _pausing(each: Iterable[Each], pause: Pause) -> Iterator[Each]:
    for one in each:
        pause()
        yield one


def _over_time(name: str, title: str, y_title: str, lines: Sequence[Chart], note: str = "") -> Chart:
    texts = {"title": title, "note": note, "x_title": OVER_TIME, "y_title": y_title}
    return {"id": name, "kind": "lines", **texts, "lines": lines, "is_log": False}


def _line(name: str, spans: Sequence[Span], values: Sequence[Number]) -> Chart:
    """Return a line through the middle of each span, with a hole where nobody reported."""
    x: list[Number] = []
    y: list[Number] = []
    end_s = spans[0].first_s
    for span, value in zip(spans, values, strict=True):
        if span.first_s > end_s:
            x.append(_short(end_s))
            y.append(None)
        x.append(_short(span.middle_s))
        y.append(None if value is None else _short(value))
        end_s = span.end_s
    return {"name": name, "x": x, "y": y}


def _ms(histogram: Histogram, percents: list[float]) -> list[Number]:
    """Return percentiles, None of too few values to have one; of 100: the maximum, of any number."""
    if not histogram.count:
        return [None] * len(percents)
    return [
        us / 1000 if percent == 100 or histogram.count >= fewest_for(percent) else None
        for percent, us in zip(percents, histogram.percentiles(percents), strict=True)
    ]


def _short(number: float) -> float:
    return float(f"{number:.5g}")
