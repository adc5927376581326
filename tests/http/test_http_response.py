"""A response has the handle people know, and a `with` block judges it: each call is counted once, whatever happens."""

import functools
import gzip
import json
import threading
import zlib
from datetime import timedelta

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from greenload import ResponseError
from greenload.http.request import BodyGone
from greenload.http.response import Response
from tests.http.conftest import PATIENCE_S

ALBUM = {"title": "Für Elise", "year": 1810}

# No time in it: a test's name, which holds it, is the same each time.
gzipped = functools.partial(gzip.compress, mtime=0)


def as_type(content_type, body):
    return {"body": body, "headers": [("Content-Type", content_type)]}


def test_a_response_has_its_status_reason_headers_body_and_url(start_server, open_session):
    server = start_server({"/albums": {"body": b"none", "status": "404 Not Here", "headers": [("X-Team", "blue")]}})

    response = open_session(server).get("/albums?page=2")

    assert (response.status_code, response.reason) == (404, "Not Here")
    assert response.headers["x-TEAM"] == "blue"
    assert "X-Team" in response.headers
    assert response.content == b"none"
    assert response.url == f"{server.url}/albums?page=2"
    assert response.history == []
    assert response.error is None
    assert repr(response) == "<Response [404]>"


def test_elapsed_is_the_service_time(start_server, open_session):
    def slow(peer, received):
        peer.closed.wait(0.05)
        peer.answer()

    response = open_session(start_server({"/": slow})).get("/")

    assert timedelta(seconds=0.05) <= response.elapsed < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("status", "ok", "failures"),
    [
        ("200 OK", True, []),
        ("204 No Content", True, []),
        ("304 Not Modified", True, []),
        ("399 Odd", True, []),
        ("400 Bad Request", False, ["HTTP 400"]),
        ("503 Busy", False, ["HTTP 503"]),
        ("999 Odd", False, ["HTTP 999"]),
    ],
)
def test_a_status_of_400_or_more_is_a_failure_named_by_its_number(
    start_server, open_session, book, status, ok, failures
):
    response = open_session(start_server({"/": {"status": status, "body": b""}})).get("/")

    assert response.ok is ok
    assert book.take() == (1, int(ok), failures, 0)


def test_raise_for_status_raises_what_says_which_request_failed(start_server, open_session):
    server = start_server({"/albums": {"status": "500 Oops"}})
    session = open_session(server)

    session.get("/").raise_for_status()
    with pytest.raises(ResponseError, match=f"HTTP 500 for GET {server.url}/albums"):
        session.get("/albums").raise_for_status()


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "Für".encode(), "Für"),
        ("text/plain; charset=iso-8859-1", "Für".encode("latin-1"), "Für"),
        ('text/plain; charset="UTF-16LE"', "Für".encode("utf-16-le"), "Für"),
        ("text/plain; charset=klingon", "Für".encode(), "Für"),
        ("text/plain; charset=hex", b"abc", "abc"),
        ("text/plain; charset=undefined", b"abc", "abc"),
        ("text/plain", b"F\xfcr", "F\N{REPLACEMENT CHARACTER}r"),
    ],
)
def test_text_is_the_body_in_the_declared_character_set(start_server, open_session, content_type, body, text):
    server = start_server({"/": as_type(content_type, body)})

    assert open_session(server).get("/").text == text


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")), st.binary())
def test_text_never_raises_whatever_the_headers_declare(content_type, body):
    response = Response()
    response.headers = HTTPHeaderDict({"Content-Type": f"text/plain; charset={content_type}"})
    response._content = body

    assert isinstance(response.text, str)


def test_json_reads_the_body(start_server, open_session):
    session = open_session(start_server({"/": as_type("application/json", json.dumps(ALBUM).encode())}))

    assert session.get("/").json() == ALBUM


def test_json_that_is_none_raises_a_value_error(session):
    with pytest.raises(ValueError, match="Expecting value"):
        session.get("/").json()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(b"blue" * 1000)),
        ("deflate", zlib.compress(b"blue" * 1000)),
        ("deflate", zlib.compress(b"blue" * 1000)[2:-4]),
        ("GZIP", gzipped(b"blue" * 1000)),
        ("gzip", gzipped(b"blue" * 500) + gzipped(b"blue" * 500)),
        ("deflate, gzip", gzipped(zlib.compress(b"blue" * 1000))),
        ("identity", b"blue" * 1000),
    ],
)
def test_a_coded_body_is_decoded_and_its_connection_kept(start_server, open_session, coding, body):
    server = start_server({"/": {"body": body, "headers": [("Content-Encoding", coding)]}})
    session = open_session(server)

    first, second = session.get("/"), session.get("/")

    assert first.content == second.content == b"blue" * 1000
    assert server.connections == 1


def test_a_chunked_body_is_put_together_and_its_connection_kept(start_server, open_session):
    server = start_server({"/": lambda peer, _: peer.send_chunked([b"a" * 70_000, b"b", b"c" * 100])})
    session = open_session(server)

    first, second = session.get("/"), session.get("/")

    assert first.content == second.content == b"a" * 70_000 + b"b" + b"c" * 100
    assert server.connections == 1


def test_space_around_the_value_of_a_header_is_no_part_of_it(start_server, open_session):
    def spaced(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \t chunked  \r\nX-Team:  blue \t\r\n\r\n2\r\nok\r\n0\r\n\r\n")

    server = start_server({"/": spaced})
    session = open_session(server)

    responses = [session.get("/") for _ in range(2)]

    assert [(response.content, response.headers["X-Team"]) for response in responses] == [(b"ok", "blue")] * 2
    assert server.connections == 1


def test_two_lines_of_codings_are_one_list(start_server, open_session):
    headers = [("Content-Encoding", "gzip"), ("Content-Encoding", "deflate")]
    body = zlib.compress(gzip.compress(b"blue"))
    session = open_session(start_server({"/": {"body": body, "headers": headers}}))

    assert session.get("/").content == b"blue"


def test_a_chunked_body_may_be_coded(start_server, open_session):
    packed = gzipped(b"blue" * 1000)
    server = start_server(
        {"/": lambda peer, _: peer.send_chunked([packed[:7], packed[7:]], "Content-Encoding: gzip\r\n")}
    )

    assert open_session(server).get("/").content == b"blue" * 1000


@pytest.mark.parametrize("framing", ["Content-Length: 40", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("coding", [[], [("Content-Encoding", "gzip")]])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_an_answer_without_a_body_is_read_as_one_and_its_connection_kept(
    start_server, open_session, book, method, status, coding, framing
):
    def bare(peer, received):
        lines = [f"HTTP/1.1 {status}", framing, *(f"{name}: {value}" for name, value in coding)]
        peer.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    server = start_server({"/": bare})
    session = open_session(server)

    responses = [session.request(method, "/") for _ in range(2)]

    assert [response.content for response in responses] == [b"", b""]
    assert server.connections == 1
    assert book.take() == (2, 2, [], 0)


def test_a_body_without_a_length_ends_with_the_connection(start_server, open_session, book):
    def talk(peer):
        peer.receive()
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nall there is")
        peer.hang_up()

    session = open_session(start_server(talk))

    assert [session.get("/").content for _ in range(2)] == [b"all there is"] * 2
    assert book.take() == (2, 2, [], 0)


@pytest.mark.parametrize("announcement", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_announcement_of_the_answer_is_not_the_answer(start_server, open_session, announcement):
    def announced(peer, received):
        peer.send(f"HTTP/1.1 {announcement}\r\nLink: </style.css>\r\n\r\n".encode() * 2)
        peer.answer(b"the answer")

    server = start_server({"/": announced})
    session = open_session(server)

    assert [session.get("/").content for _ in range(2)] == [b"the answer"] * 2
    assert "Link" not in session.get("/").headers
    assert server.connections == 1


def test_the_size_of_a_body_is_counted(session, book):
    session.get("/")
    session.get("/")

    assert book.recorder.take().total().received_bytes == 4


# catch_response


def test_a_block_that_says_nothing_leaves_it_to_the_status(start_server, open_session, book):
    session = open_session(start_server({"/gone": {"status": "410 Gone"}}))

    with session.get("/", catch_response=True):
        pass
    with session.get("/gone", catch_response=True):
        pass

    assert book.take() == (2, 1, ["HTTP 410"], 0)


def test_a_block_can_call_a_failure_a_success(start_server, open_session, book):
    session = open_session(start_server({"/gone": {"status": "410 Gone"}}))

    with session.get("/gone", catch_response=True) as response:
        response.success()

    assert book.take() == (1, 1, [], 0)


@pytest.mark.parametrize(
    ("reason", "kind"), [("empty list", "empty list"), (ValueError("no title"), "ValueError: no title"), ("", "str")]
)
def test_a_block_can_call_a_success_a_failure(session, book, reason, kind):
    with session.get("/", catch_response=True) as response:
        response.failure(reason)

    assert book.take() == (1, 0, [kind], 0)


def test_the_last_word_of_a_block_counts(session, book):
    with session.get("/", catch_response=True) as response:
        response.failure("too early")
        response.success()

    assert book.take() == (1, 1, [], 0)


def test_an_exception_in_a_block_is_a_failure_and_goes_on(session, book):
    with pytest.raises(KeyError), session.get("/", catch_response=True):
        raise KeyError("title")

    assert book.take() == (1, 0, ["KeyError: 'title'"], 0)


def test_what_was_judged_a_success_stays_one_whatever_comes_after(session, book):
    def judge(response):
        response.success()
        raise KeyError("title")

    with pytest.raises(KeyError), session.get("/", catch_response=True) as response:
        judge(response)

    assert book.take() == (1, 1, [], 0)


def test_an_answer_that_nobody_put_after_with_counts_when_the_next_request_begins(session, book):
    session.get("/", catch_response=True)

    session.get("/")

    assert book.take() == (2, 2, [], 0)


def test_a_response_error_in_a_block_is_a_failure_and_does_not_go_on(start_server, open_session, book):
    session = open_session(start_server({"/busy": {"status": "503 Busy"}}))

    with session.get("/busy", catch_response=True) as response:
        response.raise_for_status()
    with session.get("/", catch_response=True):
        raise ResponseError("no title")

    assert book.take() == (2, 0, ["HTTP 503", "no title"], 0)


def test_a_green_thread_killed_in_a_block_leaves_its_request_unfinished(session, book):
    with pytest.raises(gevent.GreenletExit), session.get("/", catch_response=True):
        raise gevent.GreenletExit

    assert book.take() == (1, 0, [], 1)


def test_a_block_that_is_never_entered_is_not_lost_but_unfinished(session, book):
    session.get("/", catch_response=True)

    assert book.take() == (1, 0, [], 0)
    book.recorder.cut_off_all()
    assert book.take() == (0, 0, [], 1)


def test_what_a_block_does_is_not_the_time_of_the_server(session, book):
    with session.get("/", catch_response=True) as response:
        threading.Event().wait(0.1)

    assert book.recorder.take().total().succeeded.service.max_us < response.elapsed.total_seconds() * 1e6 + 1000
    assert response.elapsed < timedelta(seconds=0.1)


def test_a_failed_request_is_a_failure_of_the_block_unless_it_says_otherwise(start_server, open_session, book):
    server = start_server()
    server.refuse()
    session = open_session(server)

    with session.get("/", catch_response=True) as response:
        assert response.status_code == 0
    with session.get("/", catch_response=True) as response:
        response.success()

    assert book.take() == (2, 1, ["connection refused"], 0)


@pytest.mark.parametrize("judge", [lambda response: response.success(), lambda response: response.failure("why")])
def test_judging_a_response_that_is_counted_already_raises(session, judge):
    with pytest.raises(ResponseError, match="catch_response=True"):
        judge(session.get("/"))
    with session.get("/", catch_response=True) as response:
        pass
    with pytest.raises(ResponseError, match="catch_response=True"):
        judge(response)


def test_a_with_block_without_catch_response_is_only_a_block(session, book):
    with pytest.raises(KeyError), session.get("/"):
        raise KeyError("title")

    assert book.take() == (1, 1, [], 0)


# stream


def test_a_stream_comes_in_pieces_as_they_arrive(start_server, open_session):
    seen = threading.Event()

    def slowly(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert seen.wait(5), "the first piece never got through"
        peer.send(b"3\r\ntwo\r\n0\r\n\r\n")

    pieces = open_session(start_server({"/": slowly})).get("/", stream=True).iter_content()

    assert next(pieces) == b"one"
    seen.set()
    assert list(pieces) == [b"two"]


def test_a_streamed_answer_is_counted_when_its_headers_are_there(start_server, open_session, book):
    server = start_server({"/": {"body": b"x" * 1000}})

    response = open_session(server).get("/", stream=True)

    assert book.recorder.counted == 1
    assert book.recorder.take().total().received_bytes == 1000
    assert response.content == b"x" * 1000


@pytest.mark.parametrize("declared", ["9" * 30, "9" * 5000, "-1", "many", ""])
def test_a_declared_size_that_cannot_be_is_not_counted(start_server, open_session, book, declared):
    def talk(peer):
        peer.receive()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {declared}\r\n\r\n".encode())

    open_session(start_server(talk)).get("/", stream=True)

    assert book.recorder.take().total().received_bytes == 0


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_iter_content_cuts_pieces_to_size(start_server, open_session, coding):
    body = bytes(range(256)) * 1000
    route = {"body": gzipped(body), "headers": [("Content-Encoding", "gzip")]} if coding else {"body": body}
    session = open_session(start_server({"/": route}))

    pieces = list(session.get("/", stream=True).iter_content(chunk_size=1000))

    assert b"".join(pieces) == body
    assert max(map(len, pieces)) == 1000


def test_iter_content_of_a_response_that_was_not_streamed_gives_its_body(session):
    response = session.get("/")

    assert list(response.iter_content()) == list(response.iter_content(1000)) == [b"ok"]
    assert list(response.iter_content(1)) == [b"o", b"k"]


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bc", b""]), max_size=8))
def test_iter_lines_does_not_depend_on_how_the_body_was_cut(pieces):
    response = Response()
    response.iter_content = lambda: iter(pieces)
    whole = b"".join(pieces).replace(b"\r\n", b"\n").split(b"\n")

    assert list(response.iter_lines()) == (whole if whole[-1] else whole[:-1])


def test_a_stream_that_was_read_gives_its_connection_back(start_server, open_session):
    server = start_server({"/": {"body": b"one\ntwo\r\nthree"}})
    session = open_session(server)

    assert list(session.get("/", stream=True).iter_lines()) == [b"one", b"two", b"three"]
    assert session.get("/", stream=True).content == b"one\ntwo\r\nthree"
    session.get("/")

    assert server.connections == 1


def test_another_request_may_be_made_while_a_stream_is_open(start_server, open_session, book):
    server = start_server({"/stream": {"body": b"x" * 500_000}})
    session = open_session(server)

    stream = session.get("/stream", stream=True)
    other = session.get("/other")

    assert other.content == b"ok"
    assert stream.content == b"x" * 500_000
    assert server.connections == 2
    assert book.take() == (2, 2, [], 0)


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize("close", [lambda session, response: response.close(), lambda session, _: session.close()])
def test_closing_ends_an_open_stream_at_once(start_server, open_session, connection, close):
    """With `Connection: close` http.client gives the socket away, and closing the connection closes nothing."""
    sent = []

    def endless(peer, received):
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\nConnection: {connection}\r\n\r\n".encode())
        sent.append(peer.send_until_closed(b"x" * 10_000))

    server = start_server({"/": endless})
    session = open_session(server)
    response = session.get("/", stream=True)

    close(session, response)

    assert server.peers[0].closed.wait(PATIENCE_S)
    assert sent[0] < 100_000_000


def test_a_block_closes_its_stream(start_server, open_session):
    server = start_server({"/": {"body": b"x" * 5_000_000}})
    session = open_session(server)

    with session.get("/", stream=True) as response:
        pieces = response.iter_content(10)
        assert next(pieces) == b"x" * 10

    assert server.peers[0].closed.wait(PATIENCE_S)


def test_the_body_of_a_stream_can_be_had_only_once(session):
    read, closed = session.get("/", stream=True), session.get("/", stream=True)

    assert b"".join(read.iter_content()) == b"ok"
    closed.close()

    for response in (read, closed):
        with pytest.raises(BodyGone, match="stream"):
            _ = response.content


def test_a_stream_that_was_read_by_content_keeps_it(session):
    response = session.get("/", stream=True)

    assert response.content == response.content == b"ok"
    assert response.text == "ok"


def test_a_stream_cut_short_raises_and_is_a_failure_of_its_block(start_server, open_session, book):
    def talk(peer):
        peer.receive()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        peer.hang_up()

    session = open_session(start_server(talk))

    with session.get("/", stream=True, catch_response=True) as response:
        _ = response.content
    with (
        session.get("/", stream=True, catch_response=True) as response,
        pytest.raises(ResponseError, match="body cut short for GET"),
    ):
        list(response.iter_content())
    with pytest.raises(ResponseError, match="body cut short for GET"):
        list(session.get("/", stream=True).iter_lines())

    assert book.take() == (3, 1, ["body cut short", "body cut short"], 0)


def test_the_content_of_a_stream_is_limited_like_any_other(start_server, open_session, book):
    server = start_server({"/": {"body": b"x" * 1001}})
    session = open_session(server, most_bytes=1000)

    with session.get("/", stream=True, catch_response=True) as response:
        _ = response.content

    assert book.take() == (1, 0, ["body too large"], 0)
