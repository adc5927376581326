"""Redirects are followed as one call and one sample; what may not leave a site does not."""

import pytest

from tests.http.conftest import PATIENCE_S

BODY = b"title=Blue"


def to(location, status="302 Found", **keywords):
    return {"status": status, "headers": [("Location", location)], **keywords}


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (301, "PUT", "PUT", BODY),
        (302, "POST", "GET", b""),
        (302, "PUT", "GET", b""),
        (302, "DELETE", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (307, "POST", "POST", BODY),
        (307, "PUT", "PUT", BODY),
        (308, "POST", "POST", BODY),
        (308, "PATCH", "PATCH", BODY),
    ],
)
def test_which_method_and_body_follow_a_redirect(start_server, open_session, status, method, then, body):
    """The rules of requests, which are those of Locust's HttpUser."""
    server = start_server({"/old": to("/new", f"{status} Moved")})

    open_session(server).request(method, "/old", data=BODY, headers={"Content-Type": "text/plain"})

    assert (server.last.method, server.last.target, server.last.body) == (then, "/new", body)
    assert server.last.headers["Content-Type"] == ("text/plain" if body else None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_head_that_follows_redirects_stays_a_head(start_server, open_session, status):
    server = start_server({"/old": to("/new", f"{status} Moved")})

    open_session(server).head("/old", allow_redirects=True)

    assert [received.method for received in server.requests] == ["HEAD", "HEAD"]


def test_a_chain_of_redirects_is_one_sample_under_the_name_of_its_beginning(start_server, open_session, book):
    server = start_server({"/a": to("/b"), "/b": to("/c", "301 Moved"), "/c": {"body": b"there"}})

    response = open_session(server).get("/a")

    assert (response.url, response.content) == (f"{server.url}/c", b"there")
    assert [(each.status_code, each.url) for each in response.history] == [
        (302, f"{server.url}/a"),
        (301, f"{server.url}/b"),
    ]
    assert server.targets == ["/a", "/b", "/c"]
    assert server.connections == 1
    assert book.names() == [("GET", "/a")]


@pytest.mark.parametrize(
    "follow",
    [lambda session: session.get("/old", allow_redirects=False), lambda session: session.head("/old")],
)
def test_a_redirect_that_is_not_to_be_followed_is_the_answer(start_server, open_session, book, follow):
    server = start_server({"/old": to("/new")})

    response = follow(open_session(server))

    assert (response.status_code, response.headers["Location"], response.history) == (302, "/new", [])
    assert server.targets == ["/old"]
    assert book.take() == (1, 1, [], 0)


@pytest.mark.parametrize("route", [{"status": "302 Found"}, to(""), to("/new", "304 Not Modified", body=b"")])
def test_a_redirect_that_leads_nowhere_is_the_answer(start_server, open_session, route):
    server = start_server({"/old": route})

    response = open_session(server).get("/old")

    assert response.status_code in (302, 304)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("new", "/shop/new"),
        ("../new", "/new"),
        ("?page=2", "/shop/old?page=2"),
        ("/new#part", "/new"),
        ("/a b", "/a%20b"),
        ("/könig".encode().decode("latin-1"), "/k%C3%B6nig"),
        ("/k%C3%B6nig", "/k%C3%B6nig"),
    ],
)
def test_a_location_is_read_relative_to_the_url_that_gave_it(start_server, open_session, location, target):
    server = start_server(
        {"/shop/old": lambda peer, got: peer.answer(**to(location) if got.target == "/shop/old" else {})}
    )

    response = open_session(server).get("/shop/old")

    assert response.status_code == 200
    assert server.last.target == target


def test_a_location_without_a_scheme_keeps_that_of_its_url(start_server, open_session):
    other = start_server()
    server = start_server({"/": to(f"//127.0.0.1:{other.port}/new")})

    open_session(server).get("/")

    assert other.targets == ["/new"]


def test_credentials_cookies_and_host_of_a_call_do_not_follow_it_to_another_origin(start_server, open_session):
    other = start_server({"/new": to("/newer")})
    server = start_server({"/old": to(f"{other.url}/new")})
    session = open_session(server)
    session.auth = ("me", "secret")

    session.get("/old", headers={"Host": "albums.example", "X-Team": "blue"}, cookies={"sid": "17"})

    assert server.last.headers["Authorization"] is not None
    assert server.last.headers["Cookie"] == "sid=17"
    for received in other.requests:
        assert received.headers["Authorization"] is None
        assert received.headers["Cookie"] is None
        assert received.headers["Host"] == f"127.0.0.1:{other.port}"
        assert received.headers["X-Team"] == "blue"
    assert other.targets == ["/new", "/newer"]


def test_credentials_cookies_and_host_of_a_call_follow_it_within_its_origin(start_server, open_session):
    server = start_server({"/old": to("/new")})
    session = open_session(server)

    session.get("/old", auth=("me", "secret"), headers={"Host": "albums.example"}, cookies={"sid": "17"})

    first, second = server.requests
    for name in ("Authorization", "Host", "Cookie"):
        assert second.headers[name] == first.headers[name] is not None


def test_thirty_redirects_are_followed_and_no_more(start_server, open_session, book):
    server = start_server({"/loop": to("/loop")})
    session = open_session(server)

    response = session.get("/loop")

    assert (response.status_code, response.error) == (0, "too many redirects")
    assert len(server.requests) == 31
    assert session.get("/").ok
    assert book.take() == (2, 1, ["too many redirects"], 0)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/a", "mailto:a@b", "http://[::1", "http://a b/"])
def test_a_redirect_to_something_that_is_not_http_is_a_failure(start_server, open_session, book, location):
    server = start_server({"/old": to(location)})
    session = open_session(server)

    response = session.get("/old")

    assert response.status_code == 0
    assert session.get("/").ok
    assert book.take() == (2, 1, ["redirect to something that is not HTTP"], 0)


def test_a_body_that_can_be_sent_only_once_is_not_sent_again(start_server, open_session, book):
    server = start_server({"/old": to("/new", "307 Moved")})

    open_session(server).post("/old", data=(piece for piece in [b"one", b"two"]))

    assert server.targets == ["/old"]
    assert book.take() == (1, 0, ["redirect that wants a body sent again which can be sent only once"], 0)


def test_a_streamed_redirect_leaves_nothing_open(start_server, open_session):
    server = start_server({"/old": to("/new"), "/new": {"body": b"there"}})

    response = open_session(server).get("/old", stream=True)

    assert response.content == b"there"
    assert server.peers[0].closed.wait(PATIENCE_S)
