"""Whatever a server does to a request, it is a counted failure with a name, and the next request works."""

import errno
import gzip
import os
import resource
import threading
import tracemalloc

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3 import exceptions as urllib3_errors

from greenload.core.kinds import kind_of
from greenload.http.failures import (
    _NAMES,
    BAD_STATUS_LINE,
    BODY_NOT_REPEATABLE,
    HEADERS_CUT_SHORT,
    NO_ANSWER,
    TOO_LARGE,
    TOO_SLOW,
    failure_kind,
)
from tests.http.conftest import PATIENCE_S

OK = b"HTTP/1.1 200 OK\r\n"
KINDS = {name for _, name in _NAMES} | {
    BAD_STATUS_LINE, BODY_NOT_REPEATABLE, HEADERS_CUT_SHORT, NO_ANSWER, TOO_LARGE, TOO_SLOW,
}  # fmt: skip


def once(hostile):
    """Talk: do `hostile` to the first request that asks for /hostile, and behave otherwise."""

    def talk(peer):
        while (received := peer.receive()) is not None:
            if received.target != "/hostile":
                peer.answer()
                continue
            hostile(peer)
            return

    return talk


def says(data, then="hang up"):
    def hostile(peer):
        peer.send(data)
        if then == "hang up":
            peer.hang_up()
        elif then == "reset":
            peer.reset()

    return hostile


def drips(data, then):
    """Hostile: `data`, then one byte of `then` every few milliseconds, for as long as the client will have it."""

    def hostile(peer):
        peer.send(data)
        try:
            while not peer.closed.wait(0.01):
                peer.send(then)
        except ConnectionError:
            pass

    return hostile


def resets(peer):
    peer.reset()


def says_nothing(peer):
    peer.drain()


def hangs_up(peer):
    peer.hang_up()


HOSTILE = {
    "reset before the answer": (resets, "connection reset"),
    "reset in the status line": (says(b"HTTP/1.1 20", "reset"), "connection reset"),
    "reset in the headers": (says(OK + b"Content-Le", "reset"), "connection reset"),
    "reset in the body": (says(OK + b"Content-Length: 100\r\n\r\nshort", "reset"), "connection reset"),
    "reset in a chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nsh", "reset"), "connection reset"),
    "closed before the answer": (hangs_up, "closed without an answer"),
    "closed in the status line": (says(b"HTTP/1.1 2"), "not HTTP: bad status line"),
    "closed after the status line": (says(OK), "headers cut short"),
    "closed in a header": (says(OK + b"Content-Le"), "headers cut short"),
    "closed between two headers": (says(OK + b"X-Team: blue\r\n"), "headers cut short"),
    "closed in the body": (says(OK + b"Content-Length: 100\r\n\r\nshort"), "body cut short"),
    "closed before the body": (says(OK + b"Content-Length: 100\r\n\r\n"), "body cut short"),
    "closed in a chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nsh"), "body cut short"),
    "closed before the last chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), "body cut short"),
    "closed in a coded body": (
        says(OK + b"Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n" + gzip.compress(b"blue")),
        "body cut short",
    ),
    "nothing": (says_nothing, "read timed out"),
    "nothing after the status line": (says(OK, "wait"), "read timed out"),
    "nothing after the headers": (says(OK + b"Content-Length: 5\r\n\r\n", "wait"), "read timed out"),
    "half a body": (says(OK + b"Content-Length: 5\r\n\r\nab", "wait"), "read timed out"),
    "half a chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "wait"), "read timed out"),
    "garbage": (says(b"\x00\xff\x13garbage\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "garbage without an end": (says(b"\xff" * 70_000, "wait"), "not HTTP: bad status line"),
    "another protocol": (says(b"220 mail.example ESMTP\r\n", "wait"), "not HTTP: bad status line"),
    "status 0": (says(b"HTTP/1.1 0 Odd\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "status 1000": (says(b"HTTP/1.1 1000 Odd\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "status abc": (says(b"HTTP/1.1 abc Odd\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "HTTP/9": (says(b"HTTP/9.0 200 OK\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "a header without a colon": (says(OK + b"garbage\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "two lengths": (says(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "wait"), "not HTTP: bad headers"),
    "a header too long": (says(OK + b"X-Long: " + b"x" * 70_000, "wait"), "not HTTP: line too long"),
    "a header a little too long": (
        says(OK + b"X-Long: " + b"x" * 65_600 + b"\r\nContent-Length: 0\r\n\r\n", "wait"),
        "not HTTP: line too long",
    ),
    "endless headers": (
        lambda peer: (peer.send(OK), peer.send_until_closed(b"X-More: 1\r\n")),
        "not HTTP: bad headers",
    ),
    "endless announcements": (
        lambda peer: peer.send_until_closed(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "not HTTP: bad headers",
    ),
    "a bad chunk": (says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", "wait"), "body cut short"),
    "a negative chunk": (
        lambda peer: (
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
            peer.send_until_closed(b"x" * 10_000),
        ),
        "body cut short",
    ),
    "a chunk of -5": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcdefgh"), "body cut short"),
    "an endless chunk size": (
        lambda peer: (
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n"),
            peer.send_until_closed(b"0" * 10_000),
        ),
        "not HTTP: line too long",
    ),
    "a dripping status line": (drips(b"HTTP/1.1 200 ", b"x"), "answer took too long"),
    "a dripping header": (drips(OK + b"X-Long: ", b"x"), "answer took too long"),
    "a dripping body": (drips(OK + b"Content-Length: 5000\r\n\r\n", b"x"), "answer took too long"),
    "a dripping body without a length": (drips(OK + b"\r\n", b"x"), "answer took too long"),
    "dripping chunks": (drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), "answer took too long"),
    "dripping announcements": (drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), "answer took too long"),
    "status 000": (says(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "HTTP/1.2": (says(b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "two spaces": (says(b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "a tab": (says(b"HTTP/1.1 200\tOK\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "a line feed alone": (says(OK + b"X-A: 1\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "a name like (": (says(OK + b"(: 1\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "HTTP/2.0": (says(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "an empty line first": (says(b"\r\n" + OK + b"Content-Length: 0\r\n\r\n", "wait"), "not HTTP: bad status line"),
    "an endless status line": (
        lambda peer: (peer.send(b"HTTP/1.1 200 "), peer.send_until_closed(b"x" * 10_000)),
        "not HTTP: line too long",
    ),
    "a folded header": (says(OK + b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "a NUL in a header": (says(OK + b"X-A: 1\x002\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "a NUL in a name": (says(OK + b"X\x00A: 1\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "a space after a name": (says(OK + b"X-A : 1\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "no name": (says(OK + b": 1\r\nContent-Length: 0\r\n\r\n", "wait"), "not HTTP: bad headers"),
    "the same length twice": (says(OK + b"Content-Length: 2\r\n" * 2 + b"\r\nok", "wait"), "not HTTP: bad headers"),
    "two lengths in one": (says(OK + b"Content-Length: 2, 2\r\n\r\nok", "wait"), "not HTTP: bad headers"),
    "a length of -2": (says(OK + b"Content-Length: -2\r\n\r\nok", "wait"), "not HTTP: bad headers"),
    "a length of +2": (says(OK + b"Content-Length: +2\r\n\r\nok", "wait"), "not HTTP: bad headers"),
    "no length": (says(OK + b"Content-Length: \r\n\r\nok", "wait"), "not HTTP: bad headers"),
    "a length that is no number of this world": (
        says(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok", "wait"),
        "not HTTP: bad headers",
    ),
    "a length beside chunks": (
        says(OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", "wait"),
        "not HTTP: bad headers",
    ),
    "chunks beside a length": (
        says(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "wait"),
        "not HTTP: bad headers",
    ),
    "a transfer coding nobody asked for": (
        says(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "wait"),
        "not HTTP: bad headers",
    ),
    "a transfer coding in a line of its own": (
        says(OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "wait"),
        "not HTTP: bad headers",
    ),
    "a length one too long": (says(OK + b"Content-Length: 3\r\n\r\nok"), "body cut short"),
    "a gigabyte": (says(OK + b"Content-Length: 1073741824\r\n\r\n" + b"x" * 1000, "wait"), "body too large"),
    "a chunk of +5": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n0\r\n\r\n"), "body cut short"),
    "a chunk of 0x5": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n"), "body cut short"),
    "a chunk of 1_0": (says(OK + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nabcde\r\n0\r\n\r\n"), "body cut short"),
    "a chunk without a size": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n\r\nabcde\r\n0\r\n\r\n"),
        "body cut short",
    ),
    "no end after the last chunk": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"),
        "body cut short",
    ),
    "endless trailers": (
        lambda peer: (
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"),
            peer.send_until_closed(b"X-More: 1\r\n" * 100),
        ),
        "not HTTP: bad headers",
    ),
    "gzip that breaks off": (
        says(OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"blue" * 100)[:20], "wait"),
        "body does not decode",
    ),
    "gzip with a wrong sum": (
        says(OK + b"Content-Encoding: gzip\r\nContent-Length: 24\r\n\r\n" + gzip.compress(b"blue")[:-8] + b"\0" * 8),
        "body does not decode",
    ),
    "bad gzip": (says(OK + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nnotgzip"), "body does not decode"),
    "too many codings": (
        says(OK + b"Content-Encoding: " + b"gzip, " * 50 + b"gzip\r\nContent-Length: 7\r\n\r\nnotgzip"),
        "body does not decode",
    ),
    "a long body": (says(OK + b"Content-Length: 100001\r\n\r\n", "wait"), "body too large"),
    "an endless body": (
        lambda peer: (peer.send(OK + b"\r\n"), peer.send_until_closed(b"x" * 10_000)),
        "body too large",
    ),
    "endless chunks": (
        lambda peer: (
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n"),
            peer.send_until_closed(b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
        ),
        "body too large",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_one_failure_of_its_kind_and_the_next_request_works(start_server, open_session, book, name):
    hostile, kind = HOSTILE[name]
    server = start_server(once(hostile))
    # Little patience only where it is to run out: a busy machine may keep any other answer waiting.
    session = open_session(
        server,
        read_timeout_s=0.2 if kind == "read timed out" else PATIENCE_S,
        answer_timeout_s=0.7 if kind == "answer took too long" else PATIENCE_S,
        most_bytes=100_000,
    )

    assert session.get("/before", timeout=PATIENCE_S).ok
    response = session.get("/hostile")
    after = session.get("/after", timeout=PATIENCE_S)

    assert (response.status_code, response.error, response.content) == (0, kind, b"")
    assert response.ok is False
    assert (after.status_code, after.content) == (200, b"ok")
    assert server.targets == ["/before", "/hostile", "/after"]
    assert book.take() == (3, 2, [kind], 0)
    assert server.peers[0].closed.wait(PATIENCE_S)


def test_a_refused_connection_is_a_failure_of_its_kind(start_server, open_session, book):
    server = start_server()
    server.refuse()

    response = open_session(server).get("/")

    assert (response.status_code, response.error) == (0, "connection refused")
    assert book.take() == (1, 0, ["connection refused"], 0)


def test_a_host_that_is_not_found_is_a_failure_of_its_kind(open_session, book):
    session = open_session("http://no-such-host.invalid")

    assert session.get("/").error == "host not found"
    assert session.get(f"http://{'a' * 70}.invalid/").error == "host not found"
    assert session.get("http://a..b/").error == "host not found"
    assert book.take() == (3, 0, ["host not found"] * 3, 0)


def test_a_server_that_is_down_can_come_back(start_server, open_session, book):
    server = start_server()
    session = open_session(server)
    assert session.get("/").ok
    session.close()
    server.refuse()

    assert [session.get("/").error for _ in range(3)] == ["connection refused"] * 3
    assert book.take() == (4, 1, ["connection refused"] * 3, 0)


def test_a_process_out_of_files_is_a_failure_that_says_so(server, session, book):
    gevent.get_hub()  # it has open files of its own
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, usual[1]))
    try:
        response = session.get("/")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    assert response.error == "too many open files"
    assert session.get("/").ok


def test_a_machine_out_of_ports_is_a_failure_that_says_so():
    error = urllib3_errors.NewConnectionError(None, "Failed to establish a new connection")
    error.__cause__ = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    assert failure_kind(error) == "cannot assign requested address"


def test_a_failure_is_not_named_after_what_the_scenario_was_mending(start_server, open_session):
    """The error at hand when a call is made is context, not cause."""
    session = open_session(start_server(says_nothing), read_timeout_s=0.05)

    try:
        raise ConnectionRefusedError("the scenario's own")
    except ConnectionRefusedError:
        response = session.get("/")

    assert response.error == "read timed out"


def test_each_kind_of_failure_groups():
    for kind in KINDS:
        assert kind_of(kind) == kind


@pytest.mark.parametrize("surplus", [b"surplus", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x" * 50_000])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("GET", b"Content-Length: 2\r\n\r\nok"),
        ("GET", b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("HEAD", b"Content-Length: 2\r\n\r\n"),
    ],
)
def test_surplus_bytes_do_not_become_the_next_answer(start_server, open_session, book, surplus, late, method, head):
    went_out = threading.Event()

    def hostile(peer, received):
        peer.send(OK + head + (b"" if late else surplus))
        if late:
            peer.closed.wait(0.02)
            peer.send(surplus)
        went_out.set()

    server = start_server({"/hostile": hostile})
    session = open_session(server)

    session.request(method, "/hostile")
    assert went_out.wait(PATIENCE_S)
    after = [session.get("/after") for _ in range(2)]

    assert [response.content for response in after] == [b"ok", b"ok"]
    assert server.targets == ["/hostile", "/after", "/after"]
    assert server.connections == 2
    assert book.take() == (3, 3, [], 0)


@pytest.mark.parametrize("framing", ["length", "none", "chunked"])
def test_a_hundred_megabytes_are_a_failure_and_are_not_read(start_server, open_session, framing):
    sent = []
    heads = {
        "length": b"Content-Length: 100000000\r\n\r\n",
        "none": b"\r\n",
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n",
    }

    def hostile(peer):
        peer.send(OK + heads[framing])
        sent.append(peer.send_until_closed(bytes(100_000)))

    server = start_server(once(hostile))
    session = open_session(server, most_bytes=1_000_000)

    tracemalloc.start()
    response = session.get("/hostile")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.error == "body too large"
    assert peak_bytes < 4_000_000
    assert server.peers[0].closed.wait(PATIENCE_S)
    assert sent[0] < 50_000_000


def test_a_body_of_just_the_most_bytes_is_none_too_many(start_server, open_session):
    server = start_server(
        {
            "/plain": {"body": b"x" * 1000},
            "/packed": {"body": gzip.compress(b"x" * 1000), "headers": [("Content-Encoding", "gzip")]},
        }
    )
    session = open_session(server, most_bytes=1000)

    assert len(session.get("/plain").content) == len(session.get("/packed").content) == 1000


def test_a_gzip_bomb_is_a_failure_and_is_not_unpacked(start_server, open_session, book):
    bomb = gzip.compress(bytes(200_000_000), 9)
    server = start_server({"/bomb": {"body": bomb, "headers": [("Content-Encoding", "gzip")]}})
    session = open_session(server, most_bytes=1_000_000)

    tracemalloc.start()
    response = session.get("/bomb")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.error == "body too large"
    assert peak_bytes < 6_000_000
    assert session.get("/").ok
    assert book.take() == (2, 1, ["body too large"], 0)


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200 OK"), ("GET", b"304 Not Modified")])
def test_a_length_that_is_too_much_is_none_where_no_body_comes(start_server, open_session, book, method, status):
    def talk(peer):
        while peer.receive() is not None:
            peer.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000000\r\n\r\n")

    server = start_server(talk)
    session = open_session(server, most_bytes=1000)

    for _ in range(3):
        assert session.request(method, "/").content == b""
    assert book.take() == (3, 3, [], 0)
    assert server.connections == 1


WORDS = [
    b"HTTP/1.1 ", b"200", b" OK", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked", b"7", b"-1",
    b"Content-Encoding: gzip", b"Content-Type: multipart/mixed", b"Set-Cookie: ", b"a=1", b"Location: ", b"/x", b"302",
    b"\x00", b"\xff", b" ", b":", b";", b"\n", b"\r", b"100", b"204", b"0", b"http://127.0.0.1:0/", b"\t",
]  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=12).map(b"".join), st.booleans())
def test_whatever_bytes_come_a_request_is_counted_once_and_a_failure_has_a_name(
    start_server, open_session, book, answer, after_a_status_line
):
    def talk(peer):
        if peer.receive() is not None:
            peer.send((OK if after_a_status_line else b"") + answer)
            peer.hang_up()

    server = start_server(talk)
    session = open_session(server, most_bytes=1000)

    response = session.get("/")
    session.close()
    server.end()

    sent, succeeded, failures, unfinished = book.take()
    assert (sent, succeeded + len(failures), unfinished) == (1, 1, 0)
    assert response.error is None or response.error in KINDS | {
        "redirect to something that is not HTTP",
        "too many redirects",
    }
    assert len(server.requests) == 1 + len(response.history)
