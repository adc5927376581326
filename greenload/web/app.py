"""The page as a Flask application: who gets in, the page's files, and errors as JSON.

Each answer is made by a green thread of its own; what takes long gives way to others (snapshot.py) or is done by a
native thread (history.py).
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, Request, Response, g, redirect, request, send_from_directory
from gevent.hub import get_hub
from werkzeug.exceptions import HTTPException, NotFound

from greenload.core.errors import GreenloadError
from greenload.report.page.plotly_js import NoPlotly, plotly_js
from greenload.web.access import COOKIE, HEADERS, Access, Asked, Denied, headers_for
from greenload.web.api import MOST_BODY_BYTES, add_api, answer
from greenload.web.control import Control
from greenload.web.extension import Extension
from greenload.web.live import Live
from greenload.web.routes import add_routes

PAGE = Path(str(files("greenload.web").joinpath("page")))
REPORT = Path(str(files("greenload.report").joinpath("page")))
CHARTS = "charts.js"  # lies there, since a report draws its charts with it, too
PLOTLY_FRESH_S = 86_400
PROGRAMS = ("/api/", "/metrics")  # what asks here keeps no cookies

# A browser that comes from another site's link sends no strict cookie to where it is redirected, as that is still the
# other site's doing; from a page of ours it does.
_GO_ON = (
    '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0; url={url}"><title>greenload</title></html>'
)

log = logging.getLogger("greenload")


def make_app(
    control: Control, live: Live, access: Access, extensions: Sequence[Extension] = (), page: Path = PAGE
) -> Flask:
    """Return the application.  page: the folder with index.html and all it needs."""
    app = Flask("greenload.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(lambda: _let_in(access))
    app.after_request(_finish)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Denied, _denied)
    app.register_error_handler(Exception, _broken)
    add_api(app, control, live)
    add_routes(app, control, extensions)
    _add_page(app, page)
    return app


def _let_in(access: Access) -> Response | None:
    # As it was sent: what the framework makes of one that is missing or malformed differs by its version.
    host = request.headers.get("Host", "")
    token = request.args.get("token") if request.method in ("GET", "HEAD") else None
    asked = Asked(
        request.method,
        request.remote_addr or "",
        host,
        f"{request.scheme}://{host}",
        dict(request.headers),
        request.cookies.get(COOKIE),
        token,
    )
    g.reader = access.reader(asked)
    access.check(asked)
    if token is None or not access.needs_token or request.path.startswith(PROGRAMS):
        return None
    return _welcome(access, request)


def _welcome(access: Access, asked: Request) -> Response:
    """Give the browser its cookie, and send it on to a URL without the token, which would end up in its history."""
    rest = [(key, value) for key, value in asked.args.items(multi=True) if key != "token"]
    # Of one page on this server: two slashes at the beginning would be another server's name.
    url = "/" + asked.path.lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
    if asked.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        response = Response(_GO_ON.format(url="/"), content_type="text/html; charset=utf-8")
    else:
        response = Response(status=303)
        response.headers["Location"] = redirect(url).headers["Location"]
    response.set_cookie(COOKIE, access.cookie, httponly=True, samesite="Strict", secure=asked.scheme == "https")
    return response


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    if (reader := g.pop("reader", None)) is not None:
        response.headers.update(headers_for(reader))
        response.vary.add("Origin")
    if g.pop("is_denied", False):
        response.headers["Connection"] = "close"  # who does not get in holds no connection
    return response


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    is_own = error.description and error.description != type(error).description
    response = answer({"error": error.description if is_own else error.name.lower()}, error.code or 500)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _denied(error: Denied) -> Response:
    g.is_denied = True
    response = answer({"error": str(error)}, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _broken(error: Exception) -> Response:
    log.error("the page could not answer %s: %r", request.path, error, exc_info=error)
    said = str(error) if isinstance(error, GreenloadError) else "this is greenload's fault; its log says more"
    return answer({"error": said}, 500)


def _add_page(app: Flask, page: Path) -> None:
    @app.get("/")
    def index() -> Response:
        return _file(page, "index.html")

    @app.get("/static/<path:name>")
    def static(name: str) -> Response:
        return _file(REPORT if name == CHARTS else page, name)

    packed: list[bytes] = []

    @app.get("/plotly.js")
    def plotly() -> Response:
        try:
            path = plotly_js()
        except NoPlotly as error:
            raise NotFound(str(error)) from error
        if not request.accept_encodings.quality("gzip"):
            return send_from_directory(path.parent, path.name, mimetype="text/javascript", max_age=PLOTLY_FRESH_S)
        if not packed:  # half a second, in a native thread: no green thread would run meanwhile
            packed.append(get_hub().threadpool.apply(gzip.compress, (path.read_bytes(), 6)))  # switch
        response = Response(packed[0], mimetype="text/javascript", headers={"Content-Encoding": "gzip"})
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = f"private, max-age={PLOTLY_FRESH_S}"
        response.set_etag(f"{path.stat().st_mtime_ns:x}-{len(packed[0])}")
        return response.make_conditional(request)  # type: ignore[return-value]


def _file(page: Path, name: str) -> Response:
    response = send_from_directory(page, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"  # asked for again each time, and sent only when it is new
    return response
