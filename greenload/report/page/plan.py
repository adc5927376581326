"""What a page says of a run's plan, and of where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from greenload.core.gate import Gate
from greenload.core.messages import Plan
from greenload.core.shape import Shape
from greenload.report.page.markup import Markup, element
from greenload.report.page.tables import facts
from greenload.report.summary import Document

_PASSWORD = re.compile(r"(?<=//)[^/@\s]*:[^/@\s]*@")


def plan_of(plan: Plan, gate: Gate) -> Markup:
    arrivals = plan.arrivals
    pairs: list[tuple[str, object]] = [
        ("Model", "users (closed)" if arrivals is None else "arrivals (open)"),
        ("Users", _stages(plan.shape, "") if arrivals is None else f"at most {arrivals.max_users}"),
    ]
    if arrivals is not None:
        pairs.append(("Arrivals", f"{_stages(arrivals.rate, '/s')}, {arrivals.spacing}"))
        pairs.append(("Dropped when late by", f"{arrivals.max_lag_s:g} s"))
    pairs += [
        ("Run time", "until somebody ends it" if plan.duration_s is None else f"{plan.duration_s:g} s"),
        ("Warm-up", f"{gate.warmup_s} s" if gate.warmup_s else None),
        ("Classes", ", ".join(_shares(plan))),
        ("Host", without_password(plan.host or "")),
        ("Addresses", ", ".join(f"{host}: {address}" for host, address in plan.resolved)),
        ("Stop timeout", f"{plan.stop_timeout_s:g} s"),
        ("Phases", "measured" if plan.has_phases else "not measured"),
        ("Seed", plan.seed),
    ]
    return facts("Plan", pairs)


def origin(document: Document, command: str | None, about: Sequence[tuple[str, str]]) -> Markup:
    run = document["run"]
    return facts(
        "Where this comes from",
        [
            ("Run", run["id"]),
            ("Started", run["started"]),
            ("Scenario", run["scenario"]),
            ("SHA-256", run["scenario_sha256"]),
            ("greenload", run["version"]),
            ("Summary", document["schema"]),
            ("Made with", _made_with(run.get("made_with", {}))),  # which older summaries do not have
            ("Command", None if command is None else element("code", without_password(command))),
            *about,
        ],
    )


def _made_with(parts: Mapping[str, str]) -> str:
    """Return versions and machine in one line, in the order in which they were written down."""
    named = {"python": "{}", "os": "{}", "machine": "{}", "cores": "{} cores"}  # of the others the name says what it is
    return ", ".join(named.get(key, f"{key} {{}}").format(value) for key, value in parts.items())


def without_password(said: str) -> str:
    """Return `said` with what stands before the @ of its URLs hidden."""
    return _PASSWORD.sub("***@", said)


def _stages(shape: Shape, unit: str) -> str:
    return ", ".join(f"{stage.level:g}{unit} in {stage.duration_s:g} s" for stage in shape.stages)


def _shares(plan: Plan) -> Iterable[str]:
    for share in plan.shares:
        yield (
            f"{share.name} (exactly {share.fixed_count})"
            if share.fixed_count
            else f"{share.name} (weight {share.weight:g})"
        )
