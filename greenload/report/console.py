"""The summary a person sees in the terminal when a run is over; drawn from the summary document."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from greenload.core.codec import printable
from greenload.core.histogram import fewest_for
from greenload.core.search import HOLDS
from greenload.core.thresholds import PASSED
from greenload.report.search import per_s, result_in_short
from greenload.report.summary import Document
from greenload.report.terminal import failures_cell, grouped, ms, name_cell, new_table, visible
from greenload.report.thresholds import NOTHING, status_of, value_of

REQUESTS = ("sent", "succeeded", "failed", "unfinished")
TIMES = ("p50", "p95", "p99", "max", "mean")
MOST_LEFT_OUT = 2  # columns, from the right: bytes, then the mean
FEWEST_OF_NAME = 9  # characters of a name in a line
WIDEST = 1_000  # no table is wider
SHORTEST_STALL_S = 0.5
STALL_MEDIANS = 10  # times the median response time, below which a time without an answer is nothing to speak of
PHASES = {
    "connect_ms": "connect",
    "tls_ms": "TLS",
    "first_byte_new_ms": "first byte, new connection",
    "first_byte_reused_ms": "first byte, reused connection",
    "receive_new_ms": "receive, new connection",
    "receive_reused_ms": "receive, reused connection",
}


def print_summary(console: Console, document: Document) -> None:
    """Print all of a finished run that fits on a page: verdict, table, failures, exceptions, and what adds up."""
    run, verdict = document["run"], document["verdict"]
    console.print()
    if verdict["status"] == "valid":
        console.print("VALID", style="bold green", end="  ")
    else:
        console.print("SUSPECT", style="bold yellow", end="  ")
    where = f" against {run['host']}" if run["host"] else ""
    console.print(f"{escape(run['scenario'])}{escape(where)}, {run['duration_s']:.1f} s, seed {run['seed']}")
    for reason in verdict["reasons"]:
        console.print(Padding(Text(printable(reason), "yellow"), (0, 0, 0, 2)))
    if run["warmup_s"]:
        console.print(f"measured from {run['warmup_s']} s on")
    if document["thresholds"]:
        console.print(_threshold_table(document["thresholds"]))
    console.print(_requests(console, document))
    if "phases" in document["total"]:
        console.print(_phases(document))
    _print_clocks(console, document)
    if document["failures"]:
        console.print(_failure_table(document["failures"]))
    for exception in document["exceptions"]:
        _print_exception(console, exception)
    if document["users_died"]:
        console.print(f"users that failed and were started anew: {document['users_died']}", style="red")
    _print_sums(console, document)


def print_search(console: Console, document: Document) -> None:
    """Print what a search has found, and the table of its steps."""
    search = document["search"]
    console.print(Text(visible(document["sentence"]), "bold"), soft_wrap=True)  # one line, whatever reads it
    where = f" against {search['host']}" if search["host"] else ""
    console.print(
        Text(visible(f"{search['scenario']}{where}, {search['step_time_s']:g} s a step, seed {search['seed']}"))
    )
    if not document["steps"]:
        return
    conditions = [each["text"] for each in document["steps"][0]["summary"]["thresholds"]]
    table = new_table("Rate", "Delivered/s", "Dropped", *map(visible, conditions), "Failures", "Verdict")
    table.add_column("", overflow="fold")
    for step in document["steps"]:
        summary, style = step["summary"], "" if step["result"] == HOLDS else "red"
        arrivals, total = summary["arrivals"], summary["total"]
        table.add_row(
            Text(per_s(step["rate_per_s"])),
            f"{arrivals['delivered_per_s']:.1f}",
            grouped(arrivals["dropped"]),
            *(value_of(each) for each in summary["thresholds"]),
            failures_cell(total["failures"], total["requests"]),
            summary["verdict"]["status"].upper(),
            Text(visible(result_in_short(step)), style),
        )
    console.print(table)


def _threshold_table(thresholds: list[Document]) -> Table:
    table = new_table("Thresholds", "Value")
    table.add_column("", overflow="fold")
    for row in thresholds:
        style = "" if row["status"] == PASSED else "red"
        condition = Text(visible(f"{row['action']} if {row['text']}"), style)
        table.add_row(condition, value_of(row), Text(visible(status_of(row)), style))
    return table


def _requests(console: Console, document: Document) -> Table:
    """Return the table of all names, without its last columns where there is no room for them."""
    # On a narrow terminal rich would cut off numbers and leave no place for names.
    tables = (_request_table(document, left_out) for left_out in range(MOST_LEFT_OUT + 1))
    return next((table for table in tables if _fits(console, table)), _request_table(document, MOST_LEFT_OUT))


def _fits(console: Console, table: Table) -> bool:
    """Whether `table` can be as narrow as the console without losing a number or its names."""
    table.columns[0].max_width = FEWEST_OF_NAME
    needed = console.measure(table, options=console.options.update(width=WIDEST)).maximum
    table.columns[0].max_width = None
    return needed <= console.width


def _request_table(document: Document, left_out: int) -> Table:
    times_of = TIMES[: len(TIMES) - max(0, left_out - 1)]
    headings = ("Name", "Requests", "Failures", "req/s", "Median", "p95", "p99", "Max", "Mean", "Bytes")
    table = new_table(*headings[: len(headings) - left_out])
    rows = [*document["names"], document["total"]]
    differ = any(row["response_ms"] != row["service_ms"] for row in rows)
    table.title = "response time in ms, and service time below it" if differ else "response time = service time, in ms"
    for row in rows:
        times = [ms(row["response_ms"][key]) for key in times_of]
        cells: list[RenderableType] = [
            grouped(row["requests"]),
            failures_cell(row["failures"], row["requests"]),
            f"{row['rps']:.1f}",
        ]
        received = [] if left_out else [grouped(row["bytes"])]
        table.add_row(name_cell(row["method"], row["name"]), *cells, *times, *received)
        if row["response_ms"] != row["service_ms"]:
            table.add_row("  service", "", "", "", *(ms(row["service_ms"][key]) for key in times_of), style="dim")
    return table


def _print_clocks(console: Console, document: Document) -> None:
    """Print what has to be said of the times in the table."""
    rows, clocks, stall = [*document["names"], document["total"]], document["clocks"], document["longest_stall"]
    missing = [key for key in ("p50", "p95", "p99") if any(_lacks(row, key) for row in rows)]
    if missing:
        needed = ", ".join(f"{key} needs {fewest_for(float(key[1:]))}" for key in missing)
        console.print(f"{NOTHING}: too few requests for that percentile: {needed}", style="dim")
    if clocks["differ"]:
        console.print(Text(printable(clocks["why"])))
    if document["missed_slots"]:
        console.print(f"missed slots: {grouped(document['missed_slots'])}")
    if stall is not None and _is_worth_saying(stall["length_s"], document["total"]["response_ms"]["p50"]):
        words = "requests were under way and none was answered"
        console.print(f"longest stall: {stall['length_s']:.2f} s, from {stall['from_s']:.1f} s on: {words}")


def _lacks(row: Document, key: str) -> bool:
    return row["requests"] > 0 and row["response_ms"][key] is None


def _is_worth_saying(stall_s: float, median_ms: float | None) -> bool:
    # One user at a time waits for each answer from its beginning to its end: only what is far from usual is a stall.
    return stall_s >= SHORTEST_STALL_S and stall_s * 1000 >= STALL_MEDIANS * (median_ms or 0.0)


def _phases(document: Document) -> Table:
    table = new_table("Name", "Times", "Median", "p95", "p99", "Max", "Mean")
    table.title = "phases of requests in ms"
    for row in [*document["names"], document["total"]]:
        phases = row.get("phases", {})
        if phases:
            table.add_row(name_cell(row["method"], row["name"]))
        for key, phase in phases.items():
            times = [ms(phase[each]) for each in ("p50", "p95", "p99", "max", "mean")]
            table.add_row(Text(f"  {PHASES[key]}"), grouped(phase["count"]), *times)
    return table


def _failure_table(failures: list[Document]) -> Table:
    table = new_table("Failures", "Count", "First", "Last")
    for row in failures:
        title = Text.assemble(name_cell(row["method"], row["name"]), ": ", (visible(row["error"]), "red"))
        table.add_row(title, grouped(row["count"]), f"{row['first_s']} s", f"{row['last_s']} s")
    return table


def _print_exception(console: Console, exception: Document) -> None:
    times = "once" if exception["count"] == 1 else f"{grouped(exception['count'])} times"
    console.print(Text(printable(f"Exception in {exception['where']}, {times}"), "bold red"))
    console.print(Padding(Text(printable(exception["traceback"])), (0, 0, 1, 2)))


def _print_arrivals(console: Console, arrivals: Document) -> None:
    part = f" ({arrivals['dropped_percent']:.1f} %)" if arrivals["dropped"] else ""
    console.print(
        f"offered {arrivals['offered_per_s']:.1f}/s, delivered {arrivals['delivered_per_s']:.1f}/s,"
        f" dropped {grouped(arrivals['dropped'])}{part}",
        style="bold red" if arrivals["dropped"] else "bold",
    )
    missing = ("missing",) if arrivals["missing"] else ()
    console.print(
        f"arrivals: {_counts(arrivals, 'planned', 'started', 'dropped', *missing)}",
        style="bold red" if missing else "bold",
    )


def _counts(counts: Document, *keys: str) -> str:
    return "  ".join(f"{key} {grouped(counts[key])}" for key in keys)


def _print_sums(console: Console, document: Document) -> None:
    sums, generator = document["reconciliation"], document["generator"]
    if document["arrivals"] is None:
        console.print(_counts(sums, "planned", *REQUESTS, "dropped"), style="bold")
    else:
        # An iteration makes as many requests as it likes: what is planned and dropped are arrivals, and apart.
        _print_arrivals(console, document["arrivals"])
        console.print(f"requests: {_counts(sums, *REQUESTS)}", style="bold")
    reconciled = f"reconciled: {grouped(sums['merged_by_master'])} of {grouped(sums['counted_by_workers'])}"
    console.print(reconciled, style="bold" if sums["merged_by_master"] == sums["counted_by_workers"] else "bold red")
    for gap in sums["missing"]:
        requests = f"{grouped(gap['requests'])} requests known of"
        console.print(
            f"missing: {escape(gap['worker'])}, {gap['from_s']:.1f} s to {gap['until_s']:.1f} s, {requests}",
            style="red",
        )
    if sums["ignored_messages"]:
        messages = grouped(sums["ignored_messages"])
        console.print(f"ignored: {messages} message(s) that nobody of this run can have meant for it", style="yellow")
    oldest_s = document["total"]["unfinished_oldest_s"]
    if oldest_s is not None:
        console.print(f"the oldest unfinished request was {oldest_s:.1f} s old")
    lag, cpu = generator["lag_ms"], generator["cpu_percent"]
    console.print(
        f"generator: lag p99 {ms(lag['p99'])} ms, max {ms(lag['max'])} ms;"
        f" CPU {cpu['mean']:.0f} %, max {cpu['max']:.0f} %"
    )
