"""Lessons as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from greenload.lab.lesson import Held, source_of
from greenload.lab.verdicts import reading_of, verdict_on

SCHEMA = "greenload.lab/1"


def as_json(lessons: Sequence[Held]) -> str:
    """Return one JSON document of all of them."""
    return json.dumps({"schema": SCHEMA, "lessons": [_plain(held) for held in lessons]}, indent=1) + "\n"


def _plain(held: Held) -> dict[str, Any]:
    lesson, findings = held.lesson, held.findings
    return {
        "name": lesson.name,
        "question": lesson.question,
        "code": [dict(zip(("where", "text"), source_of(code), strict=True)) for code in lesson.code],
        "machine": dict(held.machine),
        "disturbances": list(held.disturbances),
        "measures": [{"what": each.what, "unit": each.unit, **asdict(each.spread)} for each in findings.measures],
        "tables": [asdict(each) for each in findings.tables],
        "charts": [asdict(each) for each in findings.charts],
        "claims": [
            {"text": claim.text, "verdict": verdict_on(claim, held), "evidence": claim.evidence}
            for claim in findings.claims
        ],
        "notes": list(findings.notes),
        "reading": reading_of(held),
        "next": lesson.following,
    }
