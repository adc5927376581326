"""The API as an OpenAPI 3.1 document, written by hand; a test holds the running server against it.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from typing import Any

from greenload.core.strip import RESPONSE, SERVICE
from greenload.version import VERSION
from greenload.web.history import CONTENT_TYPES, EXPORTS, MOST_RUNS
from greenload.web.schemas import SCHEMAS, ref, thing
from greenload.web.snapshot import OF

Part = dict[str, Any]

JSON = "application/json"
STREAM = "text/event-stream"
PROMETHEUS = "text/plain"

ERRORS = {
    "400": "The request is malformed.",
    "401": "The token is missing, or wrong.",
    "403": "Another site asks for it, or by a name that is not this page's.",
    "404": "There is no such run, or nothing was measured under this name.",
    "408": "The headers took too long.",
    "409": "Not now: the state of things does not allow it, or runs are not kept.",
    "411": "The body's length is not said.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "Some values cannot be used; `fields` says which, and why.",
    "429": "Too many wrong tokens came from this address.",
    "500": "greenload's fault, or the scenario's; the log says more.",
    "503": "Too many streams are open.",
}
ALWAYS = ("400", "401", "403", "408", "411", "413", "429", "500")


def openapi() -> Part:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "greenload",
            "version": VERSION,
            "description": "Start, watch, edit and stop runs. Times are milliseconds or seconds, as each key says.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{}, {"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> dict[str, Part]:
    run_id = {"name": "run_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    form = {"name": "format", "in": "query", "required": True, "schema": {"enum": list(EXPORTS)}}
    most = _query("most", {"type": "integer", "minimum": 1, "maximum": MOST_RUNS}, "How many runs, the newest.")
    of = _query("of", {"enum": list(OF)}, "All requests that ended, or only some.")
    clock = _query("clock", {"enum": [RESPONSE, SERVICE]}, "By which clock.")
    called = [_query(name, {"type": "string"}, "Of one name only.") for name in ("method", "name")]
    last = _query("last_event_id", {"type": "string"}, "The last event one has; also as the header Last-Event-ID.")
    sides = [
        {"name": side, "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}} for side in "ab"
    ]
    v1 = "/api/v1"
    return {
        f"{v1}/form": _get("What can be asked of a new run.", "Form"),
        f"{v1}/summary": _get("The run as it stands now.", "Summary"),
        f"{v1}/statistics": _get("Its times by name.", "Statistics", [of, clock], "422"),
        f"{v1}/series": _get("Its charts so far.", "Series", called, "404"),
        f"{v1}/live": _read(
            "Each second once, and each new state, as Server-Sent Events.",
            {STREAM: {"schema": {"type": "string"}}},
            [last],
            "503",
        ),
        f"{v1}/start": _post("Have a run made.", "Start", "202", {"run": {"type": "string"}}),
        f"{v1}/edit": _post("Change users or rate of the run that goes on.", "Edit", "200", {}),
        f"{v1}/stop": _post(
            "End the run: tasks may finish; the second time they may not.",
            "Nothing",
            "200",
            {"at_once": {"type": "boolean"}},
        ),
        f"{v1}/reset": _post("Let what is measured begin anew.", "Nothing", "200", {"from_s": {"type": "integer"}}),
        f"{v1}/runs": _get("The runs that were kept.", "Runs", [most], "409", "422"),
        f"{v1}/runs/{{run_id}}": _get("A run that was kept.", "Run", [run_id], "404", "409"),
        f"{v1}/runs/{{run_id}}/export": _read(
            "A run that was kept, as a file.",
            {kind.partition(";")[0]: {} for kind in CONTENT_TYPES.values()},
            [run_id, form],
            *("404", "409", "422"),
        ),
        f"{v1}/compare": _get("Two runs, b beside a.", "Comparison", sides, "404", "409", "422"),
        f"{v1}/openapi.json": _read("This document.", {JSON: {"schema": {"type": "object"}}}, []),
        "/metrics": _read(
            "The run as it stands now, for Prometheus.", {PROMETHEUS: {"schema": {"type": "string"}}}, []
        ),
    }


def _query(name: str, schema: Part, description: str) -> Part:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _get(summary: str, schema: str, parameters: list[Part] | None = None, *errors: str) -> Part:
    return _read(summary, {JSON: {"schema": ref(schema)}}, parameters or [], *errors)


def _read(summary: str, content: Part, parameters: list[Part], *errors: str) -> Part:
    answer = {"description": summary, "content": content}
    return {"get": {"summary": summary, "parameters": parameters, "responses": {"200": answer, **_errors(*errors)}}}


def _post(summary: str, body: str, status: str, properties: Part) -> Part:
    answer = {"description": summary, "content": {JSON: {"schema": thing(properties)}}}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {JSON: {"schema": ref(body)}}},
            "responses": {status: answer, **_errors("409", "415", "422")},
        }
    }


def _errors(*statuses: str) -> Part:
    content = {JSON: {"schema": ref("Error")}}
    return {status: {"description": ERRORS[status], "content": content} for status in sorted({*ALWAYS, *statuses})}
