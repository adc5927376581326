"""The web application: routes, status codes and JSON.

    GET  /albums        200, every album; slow once there are thousands, as it writes them all out each time
    GET  /albums/:id    200, or 404
    POST /albums        201 and the album, 400 and the field at fault, or 409 when the id is taken
    GET  /stats         200, how many requests the service saw, without those to /stats

Every answer is JSON, and every refusal is {"error": "..."}. Knows nothing of sockets, nor of how albums are kept.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping

import falcon

from service.album import Album, AlbumError, album_from
from service.contract import AlbumStore, IdTaken
from service.counts import Counts

ALBUMS = "/albums"
ONE_ALBUM = "/albums/{id}"
STATS = "/stats"
GET_ALBUMS, GET_ALBUM, POST_ALBUM = ROUTES = ("GET /albums", "GET /albums/:id", "POST /albums")


def make_app(
    store: AlbumStore, counts: Counts, delays_s: Mapping[str, float], accepted: Callable[[Album], None]
) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application.

    delays_s: by route, how long a request waits before it asks the store; a route that is not there does not wait.
    accepted: called with each album that was added, before the answer leaves.
    """
    app = falcon.App(middleware=[Counting(counts)])
    app.add_route(ALBUMS, AlbumsResource(store, delays_s.get(GET_ALBUMS, 0.0), delays_s.get(POST_ALBUM, 0.0), accepted))
    app.add_route(ONE_ALBUM, AlbumResource(store, delays_s.get(GET_ALBUM, 0.0)))
    app.add_route(STATS, StatsResource(counts))
    app.add_error_handler(AlbumError, refuse_album)
    app.add_error_handler(IdTaken, refuse_id)
    app.set_error_serializer(write_error)
    return app


class AlbumsResource:
    """/albums"""

    def __init__(
        self, store: AlbumStore, get_delay_s: float, post_delay_s: float, accepted: Callable[[Album], None]
    ) -> None:
        self._store = store
        self._get_delay_s = get_delay_s
        self._post_delay_s = post_delay_s
        self._accepted = accepted

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        simulate_query(self._get_delay_s)
        response.data = to_json([album.plain() for album in self._store.all()])

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        simulate_query(self._post_delay_s)
        album = album_from(read_json(request))
        self._store.add(album)
        self._accepted(album)
        response.status = falcon.HTTP_201
        response.data = to_json(album.plain())


class AlbumResource:
    """/albums/:id"""

    def __init__(self, store: AlbumStore, delay_s: float) -> None:
        self._store = store
        self._delay_s = delay_s

    def on_get(self, request: falcon.Request, response: falcon.Response, id: str) -> None:
        simulate_query(self._delay_s)
        album = self._store.get(id)
        if album is None:
            raise falcon.HTTPNotFound(description=f"no album has the id {id!r}")
        response.data = to_json(album.plain())


class StatsResource:
    """/stats"""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.data = to_json(self._counts.plain())


class Counting:
    """Falcon middleware: tells the counts of every request but those to /stats."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        if request.path != STATS:
            self._counts.arrived()

    def process_response(
        self, request: falcon.Request, response: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        if request.path != STATS:
            self._counts.answered(route_of(request), response.status_code)


def route_of(request: falcon.Request) -> str:
    """Return the route as the counts name it. Unknown paths share one name, or a scan would fill the memory."""
    if request.uri_template == ALBUMS:
        return f"{request.method} /albums"
    if request.uri_template == ONE_ALBUM:
        return f"{request.method} /albums/:id"
    return "unknown route"


def simulate_query(delay_s: float) -> None:
    """Wait as a database query would: outside any lock, holding up only the thread of this request."""
    # sleep(0) is not free: it gives up the processor.
    if delay_s:
        time.sleep(delay_s)


def read_json(request: falcon.Request) -> object:
    """Return the decoded body; raise AlbumError when it is not JSON."""
    # The stream itself, not falcon's bounded one: that takes a body without Content-Length (chunked) for an empty one.
    body = request.stream.read()
    try:
        plain: object = json.loads(body)
    # RecursionError: a few thousand opening brackets.
    except (ValueError, RecursionError) as error:
        raise AlbumError(None, f"the body is not JSON: {error}") from error
    return plain


def to_json(plain: object) -> bytes:
    """Return the value as JSON in plain ASCII, which can carry any string, even half a surrogate pair."""
    return json.dumps(plain).encode("ascii")


def refuse_album(request: falcon.Request, response: falcon.Response, error: AlbumError, params: object) -> None:
    """Answer 400, naming the field."""
    response.status = falcon.HTTP_400
    response.data = to_json({"error": str(error), "field": error.field})


def refuse_id(request: falcon.Request, response: falcon.Response, error: IdTaken, params: object) -> None:
    """Answer 409."""
    response.status = falcon.HTTP_409
    response.data = to_json({"error": str(error)})


def write_error(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
    """Write what falcon refuses (no such route, no such method) in the form of our own refusals."""
    said = error.description or f"{error.title}: {request.method} {request.path}"
    response.data = to_json({"error": said})
    response.content_type = falcon.MEDIA_JSON
