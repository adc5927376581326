"""Kept runs as a list: one line each in the terminal, one object each in JSON."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from greenload.core.messages import Plan
from greenload.report.summary import Document
from greenload.report.terminal import failures_cell, grouped, ms, new_table, visible
from greenload.stored_run import ENDED, ListedRun

SCHEMA = "greenload.runs/1"
LONGEST_CELL = 40

Listed = tuple[ListedRun, Document]


def run_list(runs: list[Listed]) -> dict[str, Any]:
    """Return the document that says all the list does, documented in docs/reference/cli.md."""
    return {"schema": SCHEMA, "runs": [_run(run, document) for run, document in runs]}


def run_table(listed: dict[str, Any]) -> Table:
    """Return what `run_list` returned as a table for people."""
    table = new_table("ID", "Started (UTC)", "Scenario", "Load", "Requests", "Failures", "p99 ms", "Verdict", "Tags")
    for column in table.columns[1:4] + table.columns[7:]:
        column.justify = "left"
    for run in listed["runs"]:
        tags = " ".join(f"{key}={value}" for key, value in run["tags"].items())
        table.add_row(
            run["id"],
            run["started"][:16].replace("T", " "),
            _cell(run["scenario"]),
            run["load"],
            grouped(run["requests"]),
            failures_cell(run["failures"], run["requests"]),
            ms(run["response_p99_ms"]),
            run["verdict"] if run["state"] == ENDED else run["state"],
            _cell(tags),
        )
    return table


def _run(run: ListedRun, document: Document) -> dict[str, Any]:
    total = document["total"]
    return {
        "id": run.info.id,
        "started": run.info.started,
        "state": run.state,
        "scenario": run.info.scenario,
        "model": run.info.model,
        "load": _load(run.plan),
        "duration_s": document["run"]["duration_s"],
        "requests": total["requests"],
        "failures": total["failures"],
        "response_p99_ms": total["response_ms"]["p99"],
        "verdict": document["verdict"]["status"] if run.state == ENDED else None,
        "tags": dict(run.tags),
        "note": run.note,
    }


def _load(plan: Plan) -> str:
    """Return the most users there were to be, or the highest rate."""
    if plan.arrivals is None:
        return f"{plan.shape.most_users} users"
    return f"{max((stage.level for stage in plan.arrivals.rate.stages), default=0.0):g}/s"


def _cell(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= LONGEST_CELL else f"\u2026{shown[1 - LONGEST_CELL :]}"
