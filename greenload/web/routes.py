"""The routes below /x/: those of the scenario's own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from flask import Flask, Response, request
from werkzeug.exceptions import InternalServerError

from greenload.web.api import answer, body_of
from greenload.web.control import Control
from greenload.web.extension import POST, Asked, Extension, checked

log = logging.getLogger("greenload")


def add_routes(app: Flask, control: Control, extensions: Sequence[Extension]) -> None:
    """Let `app` answer them, and say at /x/ which tabs there are."""
    tabs = [{"title": each.tab, "path": f"/x/{each.path}"} for each in checked(extensions) if each.tab is not None]

    @app.get("/x/")
    def tabs_there_are() -> Response:
        return answer({"tabs": tabs})

    for each in extensions:
        endpoint = f"x.{each.method}.{each.path}".replace(".", "_")
        app.add_url_rule(f"/x/{each.path}", endpoint, _view(control, each), methods=[each.method])


def _view(control: Control, extension: Extension) -> Callable[[], Response]:
    def view() -> Response:
        body = body_of(request) if extension.method == POST else {}
        try:
            said = extension.route(Asked(control.shown, request.args.to_dict(), body))
            if isinstance(said, str):
                return Response(said, content_type="text/plain; charset=utf-8")
            return answer(said)
        except Exception as error:  # a scenario may raise anything, and has to be told
            log.error("the scenario's route /x/%s raised %r", extension.path, error, exc_info=error)
            raise InternalServerError(f"the scenario's route raised {type(error).__name__}; see the log") from error

    return view
