"""Bodies packed with br and zstd, by the libraries that do it everywhere, over both engines."""

import random

import brotli
import pytest

try:
    from compression import zstd
except ImportError:
    from backports import zstd

# Half of it packs well, half does not: it takes many pieces packed, and more unpacked.
BODY = random.Random(7).randbytes(150_000) + b"blue" * 50_000
PACK = {"br": lambda data: brotli.compress(data, quality=5), "zstd": zstd.compress}


def packed(coding, body=BODY):
    return {"body": PACK[coding](body), "headers": [("Content-Encoding", coding)]}


@pytest.fixture(params=sorted(PACK))
def coding(request):
    return request.param


def test_a_packed_body_arrives_as_it_was(start_server, open_session, book, coding):
    server = start_server({"/": packed(coding)})
    session = open_session(server)

    assert [session.get("/").content == BODY for _ in range(2)] == [True, True]
    assert server.connections == 1
    assert book.recorder.take().total().received_bytes == 2 * len(BODY)


def test_a_packed_body_that_comes_in_chunks_is_streamed(start_server, open_session, coding):
    def in_chunks(peer, received):
        body = PACK[coding](BODY)
        peer.send_chunked([body[at : at + 997] for at in range(0, len(body), 997)], f"Content-Encoding: {coding}\r\n")

    server = start_server({"/": in_chunks})
    session = open_session(server)

    pieces = list(session.get("/", stream=True).iter_content())
    again = session.get("/", stream=True).content

    assert b"".join(pieces) == again == BODY
    assert len(pieces) > 1
    assert server.connections == 1


def test_a_packed_body_that_is_discarded_is_counted_unpacked(start_server, open_session, book, coding):
    server = start_server({"/": packed(coding)})
    session = open_session(server)

    assert [session.get("/", discard_body=True).ok for _ in range(2)] == [True, True]
    assert server.connections == 1
    assert book.recorder.take().total().received_bytes == 2 * len(BODY)


def test_an_answer_without_a_body_may_name_a_coding(start_server, open_session, coding):
    server = start_server({"/": packed(coding), "/none": {"body": b"", "headers": [("Content-Encoding", coding)]}})
    session = open_session(server)

    assert session.head("/").ok
    assert session.get("/none").content == b""
    assert server.connections == 1


@pytest.mark.parametrize("damage", ["cut", "not packed", "longer"])
def test_a_packed_body_that_is_broken_is_a_failure(start_server, open_session, book, coding, damage):
    body = PACK[coding](BODY)
    broken = {"cut": body[:-1], "not packed": BODY, "longer": body + b"junk"}[damage]
    server = start_server({"/": {"body": broken, "headers": [("Content-Encoding", coding)]}})
    session = open_session(server)

    assert session.get("/").error == "body does not decode"
    assert session.get("/", discard_body=True).error == "body does not decode"
    assert session.get("/whole").ok
    assert book.take() == (3, 1, ["body does not decode"] * 2, 0)


def test_a_packed_body_that_is_cut_off_is_a_failure(start_server, open_session, book, coding):
    def cut(peer, received):
        body = PACK[coding](BODY)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Encoding: {coding}\r\n\r\n"
        peer.send(head.encode() + body[:-100])
        peer.hang_up()

    session = open_session(start_server({"/": cut}))

    assert session.get("/").error == "body cut short"
    assert book.take() == (1, 0, ["body cut short"], 0)


def test_a_bomb_is_a_failure_and_the_run_goes_on(start_server, open_session, book, coding):
    server = start_server({"/bomb": packed(coding, bytes(100_000_000))})
    session = open_session(server, most_bytes=1_000_000)

    response = session.get("/bomb")
    streamed = session.get("/bomb", stream=True)
    first = next(iter(streamed.iter_content()))
    streamed.close()

    assert response.error == "body too large"
    assert 0 < len(first) <= 65_536
    assert session.get("/").ok
    assert book.take() == (3, 2, ["body too large"], 0)


def test_these_codings_are_asked_for(server, session):
    session.get("/")

    assert server.last.headers["Accept-Encoding"] == "gzip, deflate, br, zstd"
