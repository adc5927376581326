"""The tables of the page, drawn from the summary document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from greenload.core.gate import shown_name
from greenload.core.histogram import fewest_for
from greenload.core.thresholds import PASSED
from greenload.core.worker_record import WorkerRecord
from greenload.report.console import PHASES
from greenload.report.page.markup import Markup, element, joined, section, table
from greenload.report.summary import Document
from greenload.report.terminal import grouped, ms
from greenload.report.thresholds import NOTHING, status_of, value_of

TIMES = ("p50", "p90", "p95", "p99", "p99.9", "max", "mean")
TIME_TITLES = ("Median", "p90", "p95", "p99", "p99.9", "Max", "Mean")
SUMS = ("planned", "sent", "succeeded", "failed", "unfinished", "dropped")


def verdict(document: Document) -> Markup:
    found = document["verdict"]
    is_valid = found["status"] == "valid"
    # A sign and a word, not a colour alone.
    words = "✓ VALID" if is_valid else "! SUSPECT"
    said = element("p", "These numbers can be believed." if is_valid else "These numbers need a second look:")
    reasons = element("ul", *(element("li", reason) for reason in found["reasons"])) if found["reasons"] else ""
    asked = document["thresholds"]
    missed = sum(row["status"] != PASSED for row in asked)
    outcome = (
        f"{missed} of {len(asked)} thresholds not passed." if missed else "All thresholds passed." if asked else ""
    )
    told = element("p", outcome, css="bad" if missed else "") if outcome else ""
    return element("div", element("strong", words), said, reasons, told, css=f"verdict {found['status']}")


def thresholds(document: Document) -> Markup:
    rows = [(f"{row['action']} if {row['text']}", value_of(row), _outcome(row)) for row in document["thresholds"]]
    return section("Thresholds", table(("Condition", "Value", "Outcome"), rows, css="outcomes")) if rows else Markup("")


def _outcome(threshold: Document) -> Markup:
    has_passed = threshold["status"] == PASSED
    return element("span", f"{'✓' if has_passed else '✗'} {status_of(threshold)}", css="" if has_passed else "bad")


def requests(document: Document) -> Markup:
    """Return each name, and all together, by both clocks."""
    rows = [*document["names"], document["total"]]
    differ = any(row["response_ms"] != row["service_ms"] for row in rows)
    titles = ("Name", "Clock", "Requests", "Failures", "req/s", *TIME_TITLES, "Bytes")
    lines = [line for row in rows for line in _request_rows(row, differ)]
    note = "Times in ms. " + (
        "Response time counts from when a request should have begun, service time from when it was sent."
        if differ
        else "Response and service time are the same here: no request had to wait for its turn."
    )
    missing = [key for key in TIMES if key[0] == "p" and any(_lacks(row, key) for row in rows)]
    if missing:
        needed = ", ".join(f"{key} needs {fewest_for(float(key[1:]))}" for key in missing)
        note += f" {NOTHING}: too few requests for that percentile: {needed}."
    why = element("p", document["clocks"]["why"]) if document["clocks"]["differ"] else ""
    missed = element("p", f"Missed slots: {grouped(document['missed_slots'])}") if document["missed_slots"] else ""
    return section(
        "Requests", table(titles, lines, css="requests"), element("p", note, css="note"), why, missed, _stall(document)
    )


def _request_rows(row: Document, differ: bool) -> Iterator[Sequence[object]]:
    name = shown_name(row["method"], row["name"])
    failures = grouped(row["failures"])
    if row["failures"]:
        failures = element("span", f"{failures} ({row['failures'] / row['requests']:.1%})", css="bad")
    numbers = (grouped(row["requests"]), failures, f"{row['rps']:.1f}")
    times = [ms(row["response_ms"][key]) for key in TIMES]
    shown = element("strong", name) if row["name"] == "Total" and not row["method"] else name
    yield shown, "response" if differ else "both", *numbers, *times, grouped(row["bytes"])
    if differ:
        yield "", "service", "", "", "", *(ms(row["service_ms"][key]) for key in TIMES), ""


def _lacks(row: Document, key: str) -> bool:
    return row["requests"] > 0 and row["response_ms"][key] is None


def _stall(document: Document) -> Markup:
    stall = document["longest_stall"]
    if stall is None:
        return Markup("")
    words = f"Longest time without an answer: {stall['length_s']:.2f} s, from {stall['from_s']:.1f} s on."
    return element("p", words, css="note")


def failures(document: Document) -> Markup:
    rows = [
        (shown_name(row["method"], row["name"]), row["error"], grouped(row["count"]), row["first_s"], row["last_s"])
        for row in document["failures"]
    ]
    return (
        section("Failures", table(("Name", "Failure", "Count", "First (s)", "Last (s)"), rows, css="prose"))
        if rows
        else Markup("")
    )


def exceptions(document: Document) -> Markup:
    found = [_exception(row) for row in document["exceptions"]]
    died = document["users_died"]
    restarted = element("p", f"Users that failed and were started anew: {grouped(died)}") if died else ""
    return section("Exceptions", *found, restarted)


def _exception(row: Document) -> Markup:
    times = f"{grouped(row['count'])} times, {row['first_s']} s to {row['last_s']} s"
    title = element("summary", f"{row['where']}: {row['message']} ({times})")
    return element("details", title, element("pre", row["traceback"]))


def phases(document: Document) -> Markup:
    lines: list[Sequence[object]] = []
    for row in [*document["names"], document["total"]]:
        for key, phase in row.get("phases", {}).items():
            times = [ms(phase[each]) for each in TIMES]
            lines.append((shown_name(row["method"], row["name"]), PHASES[key], grouped(phase["count"]), *times))
    if not lines:
        return Markup("")
    return section(
        "Phases",
        table(("Name", "Phase", "Times", *TIME_TITLES), lines, css="phases"),
        element("p", "Times in ms.", css="note"),
    )


def sums(document: Document) -> Markup:
    found, arrivals = document["reconciliation"], document["arrivals"]
    rows = [(key, grouped(found[key])) for key in SUMS]
    rows.append(("counted by workers", grouped(found["counted_by_workers"])))
    rows.append(("of these here", grouped(found["merged_by_master"])))
    lost = [element("p", _gap(gap), css="bad") for gap in found["missing"]]
    if arrivals is not None:
        rows.append(("arrivals offered", f"{grouped(arrivals['planned'])} ({arrivals['offered_per_s']:.1f}/s)"))
        rows.append(("arrivals delivered", f"{grouped(arrivals['started'])} ({arrivals['delivered_per_s']:.1f}/s)"))
        rows.append(("arrivals dropped", f"{grouped(arrivals['dropped'])} ({arrivals['dropped_percent']:.1f} %)"))
    return section("What adds up", table(("", "Requests"), rows), *lost)


def _gap(gap: Document) -> str:
    known = f"{grouped(gap['requests'])} requests known of"
    return f"Missing: {gap['worker']}, {gap['from_s']:.1f} s to {gap['until_s']:.1f} s, {known}"


def workers(document: Document, records: Mapping[str, WorkerRecord]) -> Markup:
    rows = []
    for row in document["workers"]:
        record = records.get(row["id"], WorkerRecord())
        busy = (f"{record.cpu_mean_percent:.0f} %", f"{record.cpu_max_percent:.0f} %")
        rows.append((row["id"], row["state"], grouped(row["users"]), grouped(row["requests"]), *busy))
    lag = document["generator"]["lag_ms"]
    said = f"Lag of the generator: median {ms(lag['p50'])} ms, p99 {ms(lag['p99'])} ms, max {ms(lag['max'])} ms."
    titles = ("Worker", "State", "Most users", "Requests", "CPU mean", "CPU max")
    return section("Workers", table(titles, rows), element("p", said, css="note"))


def facts(title: str, pairs: Sequence[tuple[str, object]]) -> Markup:
    """Return what is known by name, without what there is not."""
    told = (joined((element("dt", name), element("dd", value))) for name, value in pairs if value not in (None, ""))
    return section(title, element("dl", *told))
