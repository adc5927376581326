"""The routes, over real sockets against a real service."""

import itertools
import json
import time
from urllib.parse import quote

import pytest

from service.album import SEED
from service.stores import STORES, UNPROTECTED

NEW = {"id": "new", "title": "Kind of Blue", "artist": "Miles Davis", "price": 12}
NUMBERS = itertools.count()


def new_album(**fields):
    return {**NEW, "id": f"new {next(NUMBERS)}", **fields}


def test_all_albums_are_listed(service):
    answer = service.ask("GET", "/albums")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [album.plain() for album in SEED]


def test_one_album_is_found_by_its_id(shared_service):
    answer = shared_service.ask("GET", "/albums/2")

    assert (answer.status, answer.json()) == (200, SEED[1].plain())


def test_an_unknown_id_is_404(shared_service):
    answer = shared_service.ask("GET", "/albums/no-such-id")

    assert (answer.status, answer.json()) == (404, {"error": "no album has the id 'no-such-id'"})


def test_a_posted_album_is_answered_and_kept(shared_service):
    album = new_album()

    answer = shared_service.ask("POST", "/albums", json=album)

    assert (answer.status, answer.json()) == (201, album)
    assert shared_service.ask("GET", f"/albums/{quote(album['id'])}").json() == album


@pytest.mark.parametrize("id", ["é ü", "日本", "a?b=c&d#e", "100%"])
def test_an_id_may_be_any_text_that_a_url_can_quote(shared_service, id):
    album = new_album(id=id)

    assert shared_service.ask("POST", "/albums", json=album).status == 201
    assert shared_service.ask("GET", f"/albums/{quote(id, safe='')}").json() == album


def test_half_a_surrogate_pair_in_a_title_comes_back(shared_service):
    album = new_album(title="\ud800")

    answer = shared_service.ask("POST", "/albums", body=json.dumps(album))

    assert (answer.status, answer.json()) == (201, album)


def test_a_body_sent_in_chunks_is_read(shared_service):
    album = new_album()
    body = json.dumps(album).encode()

    answer = shared_service.ask("POST", "/albums", body=iter([body[:10], body[10:]]), chunked=True)

    assert (answer.status, answer.json()) == (201, album)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", None),
        ("{", None),
        ("[" * 100_000, None),
        (b"\xff\xfe{", None),
        ("[]", None),
        ("null", None),
        (json.dumps({**NEW, "price": "12"}), "price"),
        (json.dumps({**NEW, "price": -1}), "price"),
        ('{"id": "n", "title": "t", "artist": "a", "price": NaN}', "price"),
        ('{"id": "n", "title": "t", "artist": "a", "price": 1e999}', "price"),
        ('{"id": "n", "title": "t", "artist": "a"}', "price"),
        (json.dumps({**NEW, "id": ""}), "id"),
        (json.dumps({**NEW, "title": 1}), "title"),
        (json.dumps({**NEW, "artist": None}), "artist"),
        (json.dumps({**NEW, "year": 1959}), "year"),
    ],
)
def test_a_body_that_is_no_album_is_400_and_names_the_field(shared_service, body, field):
    answer = shared_service.ask("POST", "/albums", body=body)

    assert answer.status == 400
    assert answer.json().keys() == {"error", "field"}
    assert answer.json()["field"] == field
    assert field is None or field in answer.json()["error"]


def test_a_taken_id_is_409_and_the_first_album_stays(shared_service):
    answer = shared_service.ask("POST", "/albums", json={**NEW, "id": "1"})

    assert (answer.status, answer.json()) == (409, {"error": "id '1' is taken"})
    assert shared_service.ask("GET", "/albums/1").json() == SEED[0].plain()


@pytest.mark.parametrize("path", ["/", "/nope", "/albums/1/tracks", "/Albums"])
def test_an_unknown_route_is_404_in_json(shared_service, path):
    answer = shared_service.ask("GET", path)

    assert (answer.status, answer.json()) == (404, {"error": f"404 Not Found: GET {path}"})


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/albums"), ("PUT", "/albums/1"), ("POST", "/stats")])
def test_an_unknown_method_is_405_in_json_and_says_which_are_allowed(shared_service, method, path):
    answer = shared_service.ask(method, path)

    assert (answer.status, answer.json()) == (405, {"error": f"405 Method Not Allowed: {method} {path}"})
    assert "GET" in answer.headers["allow"]


def test_refusals_are_json_even_for_a_client_that_asks_for_something_else(shared_service):
    answer = shared_service.ask("GET", "/nope", headers={"Accept": "text/html"})

    assert answer.headers["content-type"] == "application/json"
    assert "error" in answer.json()


@pytest.mark.parametrize("server", ["threads", "green"])
def test_stats_are_exact_after_requests_from_many_threads(start_service, server):
    service = start_service("--server", server)
    requests = [
        *[("GET", "/albums", None)] * 150,
        *[("GET", "/albums/1", None)] * 200,
        *[("GET", "/albums/none", None)] * 50,
        *[("POST", "/albums", new_album()) for _ in range(100)],
        *[("POST", "/albums", {**NEW, "id": "1"})] * 30,
        *[("POST", "/albums", {"id": "1"})] * 20,
        *[("DELETE", "/albums", None)] * 10,
        *[("GET", "/nope", None)] * 40,
        *[("GET", "/stats", None)] * 25,
    ]
    requests = [request for offset in range(16) for request in requests[offset::16]]

    service.ask_all(requests)

    assert service.stats() == {
        "requests": 600,
        "by_route": {
            "GET /albums": 150,
            "GET /albums/:id": 250,
            "POST /albums": 150,
            "DELETE /albums": 10,
            "unknown route": 40,
        },
        "by_status": {"200": 350, "201": 100, "400": 20, "404": 90, "405": 10, "409": 30},
    }


def test_a_new_service_has_counted_nothing(service):
    """Not even the question by which it found out that it is ready."""
    assert service.stats() == {"requests": 0, "by_route": {}, "by_status": {}}


def test_one_connection_carries_many_requests(service):
    for _ in range(20):
        service.ask("GET", "/albums/1")

    assert service.http.connection_from_url(service.url).num_connections == 1


@pytest.mark.parametrize("server", ["threads", "green"])
@pytest.mark.parametrize("store", [name for name in STORES if name not in UNPROTECTED])
def test_a_protected_store_loses_no_album_under_concurrent_posts(start_service, store, server, request):
    place = ["--dsn", request.getfixturevalue("new_database")()] if store == "postgres" else []
    service = start_service("--store", store, "--server", server, "--write-wait", "0.2ms", *place)
    albums = [new_album(id=str(number % 200)) for number in range(300)]  # the seed has 1, 2 and 3

    statuses = service.ask_all([("POST", "/albums", album) for album in albums])

    kept = [album["id"] for album in service.ask("GET", "/albums").json()]
    assert f"(store {store})" in service.line
    assert statuses.count(201) == 197
    assert statuses.count(409) == 103
    assert sorted(kept) == sorted(str(number) for number in range(200))


def test_a_delay_holds_back_each_album_request_but_not_stats(start_service):
    service = start_service("--delay", "100ms")
    asked = {}

    for path in ("/albums", "/albums/1", "/stats"):
        began_s = time.monotonic()
        service.ask("GET", path)
        asked[path] = time.monotonic() - began_s

    assert asked["/albums"] >= 0.1
    assert asked["/albums/1"] >= 0.1
    assert asked["/stats"] < asked["/albums"]


def test_an_answer_is_sent_at_once(shared_service):
    """Head and body as two packets would take 40 ms, on every connection and each time."""
    taken_s = []

    for _ in range(20):
        began_s = time.monotonic()
        shared_service.ask("GET", "/albums/1")
        taken_s.append(time.monotonic() - began_s)

    assert min(taken_s[1:]) < 0.03


@pytest.mark.parametrize("server", ["threads", "green"])
def test_a_route_may_have_a_delay_of_its_own(start_service, server):
    service = start_service("--server", server, "--delay", "GET /albums/:id=100ms", "--delay", "1ms")
    asked = {}

    for path in ("/albums", "/albums/1"):
        began_s = time.monotonic()
        service.ask("GET", path)
        asked[path] = time.monotonic() - began_s

    assert asked["/albums/1"] >= 0.1
    assert asked["/albums"] < asked["/albums/1"]


def test_the_audit_of_an_earlier_start_does_not_look_like_albums_that_were_lost(start_service, tmp_path):
    path = tmp_path / "audit"
    path.write_text('{"id": "of an earlier start"}\n')

    service = start_service("--audit", str(path))
    service.ask("POST", "/albums", json={"id": "4", "title": "Jeru", "artist": "Gerry Mulligan", "price": 1})

    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["4"]


@pytest.mark.parametrize("server", ["threads", "green"])
def test_the_audit_names_what_was_accepted_and_nothing_else(start_service, tmp_path, server):
    service = start_service("--server", server, "--audit", str(tmp_path / "audit"))
    albums = [new_album(id=str(number % 20)) for number in range(60)]

    service.ask_all([("POST", "/albums", album) for album in albums])

    written = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    kept = service.ask("GET", "/albums").json()
    seed = [album.plain() for album in SEED]
    assert sorted(written, key=lambda album: album["id"]) == sorted(
        (album for album in kept if album not in seed), key=lambda album: album["id"]
    )
    assert len(written) == 17


def test_a_delay_is_waited_outside_the_lock(start_service):
    service = start_service("--store", "list-mutex", "--delay", "0.2s")
    began_s = time.monotonic()

    service.ask_all([("GET", "/albums/1", None)] * 16)

    # One after the other they would take 3.2 s.
    assert time.monotonic() - began_s < 3
