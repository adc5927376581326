"""The shapes of what the API takes and gives, as JSON Schema."""

from __future__ import annotations

from typing import Any

from greenload.web.fields import LONGEST_TEXT, MOST_ITEMS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
STATE: Schema = {"enum": ["ready", "waiting", "running", "stopping"]}
METHOD_AND_NAME: Schema = {"method": TEXT, "name": TEXT}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def thing(properties: Schema, *optional: str, **more: Any) -> Schema:
    """Return the schema of an object: all of `properties` are there but the optional ones."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": needed, **more}


def _asked(description: str, schema: Schema) -> Schema:
    return {"description": description, **schema}


_SHORT: Schema = {"type": ["string", "null"], "maxLength": LONGEST_TEXT}
_EITHER: Schema = {
    "type": ["string", "number", "null"], "maxLength": LONGEST_TEXT, "exclusiveMinimum": -1e15, "exclusiveMaximum": 1e15
}  # fmt: skip
_TEXTS: Schema = {
    "type": ["array", "null"], "items": {"type": "string", "maxLength": LONGEST_TEXT}, "maxItems": MOST_ITEMS
}  # fmt: skip

START: Schema = {
    "type": "object",
    "description": "What is not said is as it was said last, or on the command line. Texts are as on the command line.",
    "additionalProperties": False,
    "properties": {
        "host": _asked("The URL of the service.", _SHORT),
        "model": _asked("users, rate, or scenario: as the scenario says.", _SHORT),
        "users": _asked("How many users, in the closed model.", _EITHER),
        "spawn_rate": _asked("Users started a second.", _EITHER),
        "stages": _asked("Stages of users, instead: 50@30s,50@2m", _SHORT),
        "rate": _asked("Arrivals, in the open model: 200/s", _EITHER),
        "rate_stages": _asked("Stages of the rate, instead: 200/s@30s", _SHORT),
        "arrivals": _asked("uniform or poisson.", _SHORT),
        "max_users": _asked("How many users there may be to take the arrivals.", _EITHER),
        "max_lag": _asked("How late an arrival may begin before it is dropped: 1s", _EITHER),
        "run_time": _asked("How long: 2m", _EITHER),
        "classes": _asked("Only these user classes.", _TEXTS),
        "options": {
            "type": ["object", "null"],
            "description": "The scenario's own options.",
            "maxProperties": MOST_ITEMS,
            "propertyNames": {"maxLength": LONGEST_TEXT},
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "maxLength": LONGEST_TEXT,
                "exclusiveMinimum": -1e15,
                "exclusiveMaximum": 1e15,
            },
        },
        "fail_if": _asked("Thresholds that fail the run: p99 > 250ms", _TEXTS),
        "abort_if": _asked("Thresholds that end it at once.", _TEXTS),
        "warmup": _asked("How long what is measured does not count: 10s", _EITHER),
        "tags": {
            "type": ["object", "null"],
            "description": "Tags to find the run by.",
            "maxProperties": MOST_ITEMS,
            "propertyNames": {"maxLength": LONGEST_TEXT},
            "additionalProperties": {"type": "string", "maxLength": LONGEST_TEXT},
        },
        "note": _asked("What somebody wants to remember of the run.", _SHORT),
    },
}
EDIT: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "users": _asked("How many users from now on, in the closed model.", _EITHER),
        "spawn_rate": _asked("Users started or stopped a second on the way there.", _EITHER),
        "rate": _asked("The rate from now on, in the open model: 300/s", _EITHER),
    },
}
NOTHING: Schema = {"type": "object", "additionalProperties": False, "properties": {}}

ERROR = thing(
    {
        "error": _asked("What went wrong, in a sentence.", TEXT),
        "fields": {"type": "object", "additionalProperties": TEXT},
    },
    "fields",
)
FORM = thing(
    {
        "scenario": TEXT,
        "classes": many(thing({"name": TEXT, "weight": NUMBER, "fixed_count": COUNT})),
        "options": many(
            thing(
                {
                    "name": TEXT,
                    "default": {"type": ["string", "number", "boolean"]},
                    "type": {"enum": ["string", "integer", "number", "boolean"]},
                }
            )
        ),
        "thresholds": many(TEXT),
        "values": {"type": "object", "description": "By the names of the fields of a start."},
    }
)
LAST = thing(
    {
        "seconds": NUMBER,
        "rps": NUMBER,
        "failures_per_s": NUMBER,
        "p50_ms": MAYBE_NUMBER,
        "p95_ms": MAYBE_NUMBER,
        "p99_ms": MAYBE_NUMBER,
        "users": COUNT,
    }
)
WORKER = thing(
    {
        "id": TEXT,
        "index": MAYBE_WHOLE,
        "state": TEXT,
        "users": COUNT,
        "rps": MAYBE_NUMBER,
        "cpu_percent": MAYBE_NUMBER,
        "lag_p99_ms": MAYBE_NUMBER,
        "last_heard_s": MAYBE_NUMBER,
        "unacknowledged": MAYBE_WHOLE,
        "requests": COUNT,
    }
)
DOCUMENT: Schema = {
    "type": "object",
    "description": "The summary, as --json writes it; failures_left_out: how many kinds of failure are not in it.",
    "required": ["schema", "run", "verdict", "names", "total"],
}
SUMMARY = thing(
    {
        "state": STATE,
        "run": MAYBE_TEXT,
        "elapsed_s": NUMBER,
        "remaining_s": MAYBE_NUMBER,
        "model": MAYBE_TEXT,
        "wanted": thing({"users": MAYBE_WHOLE, "rate": MAYBE_TEXT}),
        "last": {"oneOf": [LAST, {"type": "null"}]},
        "workers": many(ref("Worker")),
        "tasks": many(
            thing(
                {
                    "class": TEXT,
                    "task": TEXT,
                    "planned_percent": MAYBE_NUMBER,
                    "actual_percent": MAYBE_NUMBER,
                    "count": COUNT,
                }
            )
        ),
        "log": many(thing({"at": TEXT, "from": TEXT, "level": TEXT, "text": TEXT})),
        "broken": MAYBE_TEXT,
        "document": {"oneOf": [ref("Document"), {"type": "null"}]},
    }
)
TIMES: Schema = {
    f"{key}_ms": MAYBE_NUMBER for key in ("min", "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "max")
}
ROW = thing(
    {**METHOD_AND_NAME, "requests": COUNT, "failures": COUNT, "rps": NUMBER, "bytes": MAYBE_WHOLE, **TIMES},
)
STATISTICS = thing(
    {"rows": many(ref("Row")), "total": {"oneOf": [ref("Row"), {"type": "null"}]}, "from_s": COUNT, "until_s": NUMBER}
)
CHART: Schema = {
    "type": "object",
    "description": "rates, users, arrivals, percentiles, heatmap, spectrum or lag: lines and their points, or fields.",
    "required": ["id", "kind", "title", "x_title", "y_title"],
}
SERIES = thing({"run": MAYBE_TEXT, "from_event": MAYBE_TEXT, "charts": many(ref("Chart"))})
LISTED = thing(
    {
        "id": TEXT,
        "started": TEXT,
        "state": TEXT,
        "scenario": TEXT,
        "model": TEXT,
        "load": TEXT,
        "duration_s": NUMBER,
        "requests": COUNT,
        "failures": COUNT,
        "response_p99_ms": MAYBE_NUMBER,
        "verdict": MAYBE_TEXT,
        "tags": {"type": "object", "additionalProperties": TEXT},
        "note": MAYBE_TEXT,
    }
)
COMPARISON: Schema = {
    "type": "object",
    "description": "As `greenload compare --json` writes it, and a chart of both spectra.",
    "required": ["schema", "clock", "sides", "comparisons", "spectra", "chart"],
}

SCHEMAS: dict[str, Schema] = {
    "Start": START,
    "Edit": EDIT,
    "Nothing": NOTHING,
    "Error": ERROR,
    "Form": FORM,
    "Worker": WORKER,
    "Document": DOCUMENT,
    "Summary": SUMMARY,
    "Row": ROW,
    "Statistics": STATISTICS,
    "Chart": CHART,
    "Series": SERIES,
    "Runs": thing({"schema": TEXT, "runs": many(ref("Listed"))}),
    "Listed": LISTED,
    "Run": thing({"document": ref("Document"), "charts": many(ref("Chart"))}),
    "Comparison": COMPARISON,
}
