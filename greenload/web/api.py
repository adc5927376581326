"""/api/v1: what the page reads, and what it asks for. Documented in docs/reference/api.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import IO, Any

from flask import Flask, Request, Response, request
from werkzeug.exceptions import BadRequest, Conflict, NotFound, ServiceUnavailable, UnprocessableEntity

from greenload.core.compare import NothingToCompare
from greenload.database import NoSuchRun, StoreError
from greenload.form import Unfit
from greenload.report.export import NotExported
from greenload.report.page.plotly_js import NoPlotly
from greenload.web.control import READY, Control, NotNow
from greenload.web.fields import EDIT_FIELDS, START_FIELDS, Malformed, checked_form
from greenload.web.history import CONTENT_TYPES, EXPORTS, MOST_RUNS, History, safe_name
from greenload.web.live import Live, TooManyListeners
from greenload.web.openapi import openapi
from greenload.web.snapshot import OF, NoSuchName, Snapshot, listed_now

MOST_BODY_BYTES = 1_000_000
DEFAULT_RUNS = 100
CLOCKS = ("response", "service")
ENDINGS = {"csv": "zip", "prometheus": "prom"}
NO_DB = "runs are not kept here (--no-db), so there is no history"


def answer(document: Any, status: int = 200) -> Response:
    """Return `document` as JSON."""
    return _json(json.dumps(document, separators=(",", ":")).encode(), status)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, content_type="application/json")


def body_of(asked: Request) -> dict[str, Any]:
    """Return the JSON object that was sent.  Raises BadRequest."""
    try:
        body = json.loads(asked.get_data(cache=False), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("this is no JSON") from error
    if not isinstance(body, dict):
        raise BadRequest("send a JSON object")
    return body


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


def add_api(app: Flask, control: Control, live: Live) -> None:
    """Let `app` answer below /api/v1, and at /metrics."""
    snapshot = Snapshot(control, live)
    history = _Lazily(control)
    app.register_error_handler(NotNow, lambda error: answer({"error": str(error)}, 409))
    app.register_error_handler(Unfit, lambda error: answer({"error": str(error), "fields": error.fields}, 422))
    app.register_error_handler(Malformed, lambda error: answer({"error": str(error), "fields": error.fields}, 422))
    app.register_error_handler(NoSuchRun, lambda error: answer({"error": str(error)}, 404))
    for kind in (StoreError, NothingToCompare, NotExported, NoPlotly):
        app.register_error_handler(kind, lambda error: answer({"error": str(error)}, 409))
    _add_now(app, control, snapshot)
    _add_live(app, live)
    _add_asking(app, control)
    _add_history(app, control, history)


def _add_now(app: Flask, control: Control, snapshot: Snapshot) -> None:
    @app.get("/api/v1/form")
    def form() -> Response:
        offered = control.offered()
        classes = [
            {"name": each.name, "weight": each.weight, "fixed_count": each.fixed_count} for each in offered.classes
        ]
        options = [{"name": name, "default": value, "type": _type_of(value)} for name, value in offered.options.items()]
        return answer(
            {
                "scenario": offered.scenario,
                "classes": classes,
                "options": options,
                "thresholds": list(offered.thresholds),
                "values": dict(offered.values),
            }
        )

    @app.get("/api/v1/summary")
    def summary() -> Response:
        return _json(snapshot.summary())

    @app.get("/api/v1/statistics")
    def statistics() -> Response:
        return _json(snapshot.statistics(_chosen("of", OF), _chosen("clock", CLOCKS)))

    @app.get("/api/v1/series")
    def series() -> Response:
        method, name = request.args.get("method"), request.args.get("name")
        called = None if method is None and name is None else (method or "", name or "")
        try:
            return _json(snapshot.series(called))
        except NoSuchName as error:
            raise NotFound(str(error)) from error

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(snapshot.metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/api/v1/openapi.json")
    def document() -> Response:
        return answer(openapi())


def _type_of(value: object) -> str:
    return {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")


def _add_live(app: Flask, live: Live) -> None:
    @app.get("/api/v1/live")
    def stream() -> Response:
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        last = request.headers.get("Last-Event-ID") or request.args.get("last_event_id") or ""
        try:
            listener = live.listen(last)
        except TooManyListeners as error:
            raise ServiceUnavailable(str(error)) from error

        def events() -> Iterator[bytes]:
            yield from listener  # switch

        response = Response(events(), content_type="text/event-stream")
        # Called in any case, also when nothing was ever read.
        response.call_on_close(lambda: live.leave(listener))
        response.headers["X-Accel-Buffering"] = "no"
        response.headers["Connection"] = "close"
        return response


def _add_asking(app: Flask, control: Control) -> None:
    @app.post("/api/v1/start")
    def start() -> Response:
        return answer({"run": control.start(checked_form(body_of(request), START_FIELDS))}, 202)

    @app.post("/api/v1/edit")
    def edit() -> Response:
        control.edit(checked_form(body_of(request), EDIT_FIELDS))
        return answer({})

    @app.post("/api/v1/stop")
    def stop() -> Response:
        checked_form(body_of(request), {})
        return answer({"at_once": control.stop()})

    @app.post("/api/v1/reset")
    def reset() -> Response:
        checked_form(body_of(request), {})
        return answer({"from_s": control.reset()})


def _add_history(app: Flask, control: Control, history: Callable[[], History]) -> None:
    @app.get("/api/v1/runs")
    def runs() -> Response:
        shown, state = control.shown, control.state
        going_on = None if shown is None or state == READY else (shown.info.id, listed_now(shown))
        return _json(history().runs(_number("most", DEFAULT_RUNS, MOST_RUNS), going_on))

    @app.get("/api/v1/runs/<run_id>")
    def run(run_id: str) -> Response:
        return _json(history().run(run_id))

    @app.get("/api/v1/runs/<run_id>/export")
    def export(run_id: str) -> Response:
        form = _chosen("format", EXPORTS, default=None)
        file = history().export(run_id, form)
        response = Response(_pieces(file), content_type=CONTENT_TYPES[form])
        response.call_on_close(file.close)
        name = f"{safe_name(run_id)}.{ENDINGS.get(form, form)}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    @app.get("/api/v1/compare")
    def compare() -> Response:
        return _json(history().compare(_needed("a"), _needed("b")))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(65_536):
            yield piece


class _Lazily:
    """The history, once there is a file."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._history: History | None = None

    def __call__(self) -> History:
        if self._history is None:
            if self._control.db is None:
                raise Conflict(NO_DB)
            self._history = History(self._control.db)
        return self._history


def _chosen(name: str, choices: tuple[str, ...], default: str | None = "") -> str:
    """Return what was said for `name`, the first of `choices` when nothing was.  Raises UnprocessableEntity."""
    said = request.args.get(name, choices[0] if default is not None else "")
    if said not in choices:
        raise UnprocessableEntity(f"{name} is one of {', '.join(choices)}")
    return said


def _needed(name: str) -> str:
    said = request.args.get(name, "")
    if not said:
        raise UnprocessableEntity(f"say which run is {name}")
    return said


def _number(name: str, default: int, most: int) -> int:
    said = request.args.get(name, str(default))
    if not (said.isascii() and said.isdecimal() and len(said) < 10 and 1 <= int(said) <= most):
        raise UnprocessableEntity(f"{name} is a whole number from 1 to {most}")
    return int(said)
