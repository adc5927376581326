"""Every argument of a call arrives on the wire as it was meant."""

import base64
import io
import json
from email.message import Message
from email.parser import BytesParser

import pytest

from greenload.http.decoding import ACCEPT_ENCODING
from greenload.http.request import InvalidHeader, InvalidUrl
from greenload.version import VERSION


def parts_of(received) -> dict[str, Message]:
    """The parts of a multipart body by field name."""
    message = BytesParser().parsebytes(
        b"Content-Type: " + received.headers["Content-Type"].encode() + b"\r\n\r\n" + received.body
    )
    return {part.get_param("name", header="Content-Disposition"): part for part in message.get_payload()}


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_each_method_sends_its_own_name_and_is_counted_once(server, session, book, method):
    response = getattr(session, method)("/albums")

    assert response.status_code == 200
    assert [(received.method, received.target) for received in server.requests] == [(method.upper(), "/albums")]
    assert book.names() == [(method.upper(), "/albums")]


def test_request_takes_any_method(server, session):
    session.request("propfind", "/albums")

    assert server.last.method == "PROPFIND"


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"artist": "Nina Simone", "page": 2}, "/find?artist=Nina+Simone&page=2"),
        ([("tag", "jazz"), ("tag", "soul")], "/find?tag=jazz&tag=soul"),
        ({"tag": ["jazz", "soul"]}, "/find?tag=jazz&tag=soul"),
        ({"tag": ["jazz", None]}, "/find?tag=jazz"),
        ({"q": "Sigur Rós & más"}, "/find?q=Sigur+R%C3%B3s+%26+m%C3%A1s"),
        ({"page": None, "size": 5}, "/find?size=5"),
        ({"page": None}, "/find"),
        ({}, "/find"),
        ("q=a b&ö=1", "/find?q=a%20b&%C3%B6=1"),
    ],
)
def test_params_become_the_query(server, session, params, target):
    session.get("/find", params=params)

    assert server.last.target == target


def test_params_are_added_to_a_query_that_is_there(server, session):
    session.get("/find?size=5", params={"page": 2})

    assert server.last.target == "/find?size=5&page=2"


def test_data_as_a_mapping_is_a_form(server, session):
    session.post("/albums", data={"title": "Für Elise", "tags": ["a", "b"], "year": None})

    assert server.last.body == b"title=F%C3%BCr+Elise&tags=a&tags=b"
    assert server.last.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_data_as_text_or_bytes_goes_as_it_is(server, session):
    session.put("/a", data="Für")
    session.put("/b", data=b"\x00\xff")

    assert [received.body for received in server.requests] == ["Für".encode(), b"\x00\xff"]
    assert server.last.headers["Content-Type"] is None
    assert server.last.headers["Content-Length"] == "2"


@pytest.mark.parametrize("make", [lambda: (piece for piece in (b"one", b"two")), lambda: io.BytesIO(b"onetwo")])
def test_data_as_a_file_or_an_iterable_is_sent_in_chunks(server, session, make):
    session.post("/albums", data=make())

    assert server.last.body == b"onetwo"
    assert server.last.headers["Transfer-Encoding"] == "chunked"


def test_json_is_written_and_says_so(server, session):
    session.post("/albums", json={"title": "Kind of Blue", "year": 1959})

    assert json.loads(server.last.body) == {"title": "Kind of Blue", "year": 1959}
    assert server.last.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("value", "body"), [([], b"[]"), (0, b"0"), ("", b'""'), (False, b"false")])
def test_json_that_is_empty_or_nothing_much_is_sent_nonetheless(server, session, value, body):
    session.post("/albums", json=value)

    assert server.last.body == body


def test_json_is_sent_when_data_is_empty(server, session):
    session.post("/albums", data={}, json={"year": 1959})

    assert json.loads(server.last.body) == {"year": 1959}


def test_json_that_cannot_be_written_raises_at_the_call_and_counts_nothing(server, session, book):
    with pytest.raises(ValueError, match="not JSON compliant"):
        session.post("/albums", json={"rating": float("nan")})

    assert server.requests == []
    assert book.take() == (0, 0, [], 0)


def test_headers_of_a_call_go_before_those_of_the_session(server, session):
    session.headers["X-Team"] = "session"
    session.headers["X-Left"] = "alone"

    session.get("/", headers={"x-team": "call"})

    assert server.last.headers.get_all("X-Team") == ["call"]
    assert server.last.headers["X-Left"] == "alone"


def test_the_headers_of_a_session_may_be_any_mapping(server, session):
    session.headers = {"content-type": "text/csv"}

    session.post("/", data=b"a,b", headers={"Content-Type": "text/plain"})

    assert server.last.headers.get_all("Content-Type") == ["text/plain"]


def test_a_session_says_who_it_is(server, session):
    session.get("/")

    assert server.last.headers["User-Agent"] == f"greenload/{VERSION}"
    assert server.last.headers["Accept"] == "*/*"
    assert server.last.headers["Accept-Encoding"] == ACCEPT_ENCODING
    assert server.last.headers["Host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("name", ["User-Agent", "Accept", "Accept-Encoding", "X-Team"])
def test_a_header_that_is_none_is_not_sent(server, session, name):
    session.headers["X-Team"] = "session"

    session.get("/", headers={name: None})

    assert server.last.headers[name] is None


def test_a_host_header_names_the_site_wanted(server, session):
    session.get("/", headers={"Host": "albums.example"})

    assert server.last.headers.get_all("Host") == ["albums.example"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Team": "a\r\nX-Evil: 1"},
        {"X-Team": "a\nX-Evil: 1"},
        {"X-Team": "a\r"},
        {"X-Team": "a\r\n folded"},
        {"X-Team": "nul\0"},
        {"X-Team": "日本"},
        {"X-Team": 5},
        {"X-Team\r\nX-Evil": "1"},
        {"X Team": "1"},
        {"X-Team:": "1"},
        {"": "1"},
        {"Ü": "1"},
    ],
)
def test_a_header_that_does_not_fit_on_a_line_raises_at_the_call_and_counts_nothing(server, session, book, headers):
    with pytest.raises(InvalidHeader):
        session.get("/", headers=headers)

    assert server.connections == 0
    assert book.take() == (0, 0, [], 0)


def test_a_header_of_the_session_is_checked_too(session, book):
    session.headers["X-Team"] = "a\r\nX-Evil: 1"

    with pytest.raises(InvalidHeader, match="X-Team"):
        session.get("/")

    assert book.take() == (0, 0, [], 0)


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET", "GE T", "", "GËT"])
def test_a_method_that_is_no_word_raises_at_the_call_and_counts_nothing(server, session, book, method):
    with pytest.raises(InvalidHeader, match="method"):
        session.request(method, "/")

    assert server.connections == 0
    assert book.take() == (0, 0, [], 0)


@pytest.mark.parametrize("url", ["/a\r\nX-Evil: 1", "/a\nb", "/a\x00", "/a\x7f", "http://127.0.0.1/\r\n", "\t/a"])
def test_a_url_with_control_characters_raises_at_the_call_and_counts_nothing(server, session, book, url):
    with pytest.raises(InvalidUrl, match="control character"):
        session.get(url)

    assert server.connections == 0
    assert book.take() == (0, 0, [], 0)


@pytest.mark.parametrize(
    "url", ["http://", "http:///albums", "http://[::1", "http://a b/", "http://a:99999/", "/\ud800"]
)
def test_a_url_that_leads_nowhere_raises_at_the_call_and_counts_nothing(session, book, url):
    with pytest.raises(InvalidUrl):
        session.get(url)

    assert book.take() == (0, 0, [], 0)


def test_control_characters_in_params_are_quoted_not_sent(server, session):
    session.get("/", params="a=1\r\nX-Evil: 1")

    assert server.last.target == "/?a=1%0D%0AX-Evil:%201"
    assert server.last.headers["X-Evil"] is None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/könig/東京", "/k%C3%B6nig/%E6%9D%B1%E4%BA%AC"),
        ("/k%C3%B6nig", "/k%C3%B6nig"),
        ("/a b", "/a%20b"),
        ("/a|b\\c", "/a%7Cb%5Cc"),
        ("/albums#fragment", "/albums"),
        ("albums", "/albums"),
        ("//twice", "//twice"),
        ("", "/"),
    ],
)
def test_a_path_is_quoted_where_it_must_be_and_left_alone_elsewhere(server, session, path, target):
    session.get(path)

    assert server.last.target == target


def test_the_path_of_the_base_url_goes_before_each_path(server, open_session):
    session = open_session(f"{server.url}/api/")

    session.get("/albums")
    session.get("albums")
    session.get(f"{server.url}/elsewhere")

    assert server.targets == ["/api/albums", "/api/albums", "/elsewhere"]


def test_an_absolute_url_may_be_written_in_capitals(server, session):
    session.get(server.url.replace("http", "HTTP") + "/albums")

    assert server.targets == ["/albums"]


def test_files_are_sent_as_multipart(server, session, tmp_path):
    cover = tmp_path / "cover.png"
    cover.write_bytes(b"\x89PNG")

    with cover.open("rb") as file:
        session.post(
            "/albums/4/cover",
            data={"title": "Blue", "tags": ["a", "b"], "year": 1959, "none": None},
            files={"cover": file, "notes": ("notes.txt", "liner notes", "text/plain"), "raw": io.BytesIO(b"raw")},
        )

    parts = parts_of(server.last)
    assert server.last.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert (parts["cover"].get_filename(), parts["cover"].get_payload(decode=True)) == ("cover.png", b"\x89PNG")
    assert (parts["notes"].get_content_type(), parts["notes"].get_payload()) == ("text/plain", "liner notes")
    assert (parts["raw"].get_filename(), parts["raw"].get_payload()) == ("raw", "raw")
    assert parts["title"].get_payload() == "Blue"
    assert parts["year"].get_payload() == "1959"
    assert server.last.body.count(b'name="tags"') == 2
    assert "none" not in parts


@pytest.mark.parametrize(
    "give",
    [
        lambda session, credentials: session.get("/", auth=credentials),
        lambda session, credentials: (setattr(session, "auth", credentials), session.get("/")),
    ],
)
def test_basic_auth_is_sent_from_the_call_or_the_session(server, session, give):
    give(session, ("zoë", "pa:ss"))

    assert base64.b64decode(server.last.headers["Authorization"].removeprefix("Basic ")).decode() == "zoë:pa:ss"


def test_basic_auth_may_stand_in_the_base_url_for_all_of_its_origin(server, start_server, open_session):
    other = start_server()
    session = open_session(server.url.replace("://", "://me%40home:secret@"))

    session.get("/albums")
    session.get(f"{server.url}/absolute")
    session.get(f"{other.url}/elsewhere")

    expected = "Basic " + base64.b64encode(b"me@home:secret").decode()
    assert [received.headers["Authorization"] for received in server.requests] == [expected, expected]
    assert other.last.headers["Authorization"] is None
    assert "@" not in server.last.headers["Host"]


def test_the_auth_of_a_call_goes_before_that_of_the_session_and_that_before_the_base_url(server, open_session):
    session = open_session(server.url.replace("://", "://url:0@"))
    session.get("/")
    session.auth = ("session", "1")
    session.get("/")
    session.get("/", auth=("call", "2"))

    sent = [base64.b64decode(received.headers["Authorization"][6:]) for received in server.requests]
    assert sent == [b"url:0", b"session:1", b"call:2"]


def test_a_request_is_counted_by_its_path_and_query_unless_it_has_a_name(session, book):
    session.get("/albums", params={"page": 2})
    session.get("/albums/17", name="/albums/[id]")

    assert book.names() == [("GET", "/albums?page=2"), ("GET", "/albums/[id]")]


@pytest.mark.parametrize("timeout", [0.05, (5, 0.05), (None, 0.05)])
def test_timeout_says_how_long_a_call_waits_for_an_answer(start_server, open_session, book, timeout):
    session = open_session(start_server(lambda peer: peer.drain()))

    response = session.get("/", timeout=timeout)

    assert response.error == "read timed out"
    assert response.elapsed.total_seconds() < 2
    assert book.take() == (1, 0, ["read timed out"], 0)


def test_the_timeout_of_one_call_is_not_that_of_the_next_on_the_same_connection(start_server, open_session):
    def talk(peer):
        peer.receive()
        peer.answer()
        peer.receive()
        peer.closed.wait(0.7)
        peer.answer()

    server = start_server(talk)
    session = open_session(server, connect_timeout_s=0.5)

    session.get("/", timeout=0.5)
    response = session.get("/")

    assert response.status_code == 200
    assert server.connections == 1


def test_the_time_to_connect_is_not_the_time_to_wait_for_an_answer(start_server, open_session):
    session = open_session(start_server(lambda peer: peer.drain()), connect_timeout_s=5, read_timeout_s=0.05)

    assert session.get("/").error == "read timed out"


@pytest.mark.parametrize("timeout", [0, -1, (1, 0), (0, 1)])
def test_a_timeout_that_leaves_no_time_raises_at_the_call_and_counts_nothing(session, book, timeout):
    with pytest.raises(ValueError, match="timeout"):
        session.get("/", timeout=timeout)

    assert book.take() == (0, 0, [], 0)
