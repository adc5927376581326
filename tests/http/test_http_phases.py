"""The phases of requests: each counted when a request has come through it, and each as long as the server made it.

A server delays one thing by a known time. What took that long cannot be shorter; how much longer it is depends on the
machine, but what one phase took no other one can have, and all together are not longer than their request.
"""

import time

import pytest

from greenload.core.phases import PHASES
from greenload.http.names import Names
from greenload.http.phased import PhasedEngine
from greenload.http.session import HttpSession
from tests.http.conftest import PATIENCE_S, Server

DELAY_S = 0.1
LEAST_MS = 50  # of a delay that began before the client looked


class Measured:
    """What was counted of all names since the session was opened."""

    def __init__(self, book):
        self._stats = book.recorder.take()
        self._histograms = total.histograms if (total := self._stats.total().phases) is not None else {}

    @property
    def requests(self):
        return self._stats.total().requests

    @property
    def service_us(self):
        return self._stats.total().ended().service.sum_us

    @property
    def phases_us(self):
        return sum(histogram.sum_us for histogram in self._histograms.values())

    @property
    def counts(self):
        return {phase: self._histograms[phase].count for phase in PHASES if phase in self._histograms}

    def least_ms(self, phase):
        return self._histograms[phase].min_us / 1000


@pytest.fixture
def open_phased(start_server, book, make_engine):
    """Open sessions whose requests' phases are counted; they are closed before the servers end."""
    opened = []

    def open_one(at):
        engine = PhasedEngine(make_engine(), time.monotonic)
        url = at.url if isinstance(at, Server) else at
        opened.append(HttpSession(url, book.begin, PATIENCE_S, PATIENCE_S, 1_000_000, engine, mark=engine.mark))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


def closing(peer, received):
    peer.answer(headers=[("Connection", "close")])
    peer.hang_up()


def late(peer, received):
    time.sleep(DELAY_S)
    peer.answer()


def slow(peer, received):
    """Keep the second half of the body back."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    time.sleep(DELAY_S)
    peer.send(b"cd")


# How often


def test_first_byte_and_receive_are_counted_apart_for_new_and_reused_connections(start_server, open_phased, book):
    session = open_phased(start_server({"/last": closing}))

    for path in ("/", "/", "/last", "/", "/last", "/", "/", "/"):
        session.get(path)

    assert Measured(book).counts == {
        "connect": 3,
        "first_byte_new": 3,
        "first_byte_reused": 5,
        "receive_new": 3,
        "receive_reused": 5,
    }


def test_tls_is_counted_once_for_each_connection(start_server, open_phased, book, certificate):
    session = open_phased(start_server({"/last": closing}, tls=certificate.context))
    session.verify = str(certificate.path)

    for path in ("/", "/last", "/", "/", "/"):
        assert session.get(path).ok

    assert Measured(book).counts == {
        "connect": 2,
        "tls": 2,
        "first_byte_new": 2,
        "first_byte_reused": 3,
        "receive_new": 2,
        "receive_reused": 3,
    }


def test_each_name_has_phases_of_its_own(start_server, open_phased, book):
    session = open_phased(start_server())

    session.get("/one")
    session.get("/two")

    counted = {name: set(tally.phases.histograms) for (_, name), tally in book.recorder.take().tallies.items()}
    assert counted == {
        "/one": {"connect", "first_byte_new", "receive_new"},
        "/two": {"first_byte_reused", "receive_reused"},
    }


def test_each_request_of_a_chain_of_redirects_has_phases_under_the_name_of_the_chain(start_server, open_phased, book):
    routes = {
        "/a": {"status": "302 Found", "headers": [("Location", "/b")]},
        "/b": {"status": "302 Found", "headers": [("Location", "/c")]},
    }
    session = open_phased(start_server(routes))

    session.get("/a", name="chain")

    [((_, name), tally)] = book.recorder.take().tallies.items()
    assert (name, tally.requests) == ("chain", 1)
    assert {phase: held.count for phase, held in tally.phases.histograms.items()} == {
        "connect": 1,
        "first_byte_new": 1,
        "first_byte_reused": 2,
        "receive_new": 1,
        "receive_reused": 2,
    }


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_a_body_is_received(start_server, open_phased, book, method):
    session = open_phased(start_server({"/": {"body": b""}}))

    session.request(method, "/")

    assert Measured(book).counts == {"connect": 1, "first_byte_new": 1, "receive_new": 1}


def test_a_body_that_is_discarded_is_received(start_server, open_phased, book):
    session = open_phased(start_server({"/": slow}))

    session.get("/", discard_body=True)

    measured = Measured(book)
    assert measured.counts == {"connect": 1, "first_byte_new": 1, "receive_new": 1}
    assert measured.least_ms("receive_new") >= LEAST_MS


def test_without_marks_no_phase_is_counted(server, session, book):
    session.get("/")

    assert Measured(book).counts == {}


# How long


def test_looking_the_host_up_is_part_of_connecting(server, open_phased, book, monkeypatch):
    looked_up = Names.addresses

    def slowly(names, host):
        time.sleep(DELAY_S)
        return looked_up(names, host)

    monkeypatch.setattr(Names, "addresses", slowly)
    session = open_phased(server)

    session.get("/")

    measured = Measured(book)
    assert measured.least_ms("connect") >= LEAST_MS
    assert measured.phases_us <= measured.service_us + len(PHASES)


def test_a_late_handshake_is_tls_and_nothing_else(start_server, open_phased, book, certificate):
    def talk(peer):
        time.sleep(DELAY_S)
        peer.sock = certificate.context.wrap_socket(peer.sock, server_side=True)
        peer.serve({})

    session = open_phased(start_server(talk).url.replace("http://", "https://"))
    session.verify = str(certificate.path)

    assert session.get("/").ok

    measured = Measured(book)
    assert measured.least_ms("tls") >= LEAST_MS
    assert measured.phases_us <= measured.service_us + len(PHASES)


@pytest.mark.parametrize(("before", "kind"), [((), "new"), (("/",), "reused")])
def test_a_late_answer_is_a_late_first_byte_and_nothing_else(start_server, open_phased, book, before, kind):
    session = open_phased(start_server({"/late": late}))
    for path in before:
        session.get(path)

    book.take()
    session.get("/late")

    measured = Measured(book)
    assert measured.least_ms(f"first_byte_{kind}") >= LEAST_MS
    assert measured.phases_us <= measured.service_us + len(PHASES)


@pytest.mark.parametrize(("before", "kind"), [((), "new"), (("/",), "reused")])
def test_a_slow_body_is_received_slowly_and_nothing_else(start_server, open_phased, book, before, kind):
    session = open_phased(start_server({"/slow": slow}))
    for path in before:
        session.get(path)

    book.take()
    assert session.get("/slow").content == b"abcd"

    measured = Measured(book)
    assert measured.least_ms(f"receive_{kind}") >= LEAST_MS
    assert measured.phases_us <= measured.service_us + len(PHASES)


def test_a_head_that_comes_in_two_pieces_has_begun_with_the_first(start_server, open_phased, book):
    def in_two(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-")
        time.sleep(DELAY_S)
        peer.send(b"Length: 2\r\n\r\nok")

    session = open_phased(start_server({"/": in_two}))

    session.get("/")

    measured = Measured(book)
    assert measured.least_ms("receive_new") >= LEAST_MS
    assert measured.phases_us <= measured.service_us + len(PHASES)


@pytest.mark.parametrize(
    "announcement", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"]
)
def test_what_announces_an_answer_is_not_its_first_byte(start_server, open_phased, book, announcement):
    def announcing(peer, received):
        peer.send(announcement)
        time.sleep(DELAY_S)
        peer.answer()

    session = open_phased(start_server({"/": announcing}))

    assert session.get("/").content == b"ok"

    measured = Measured(book)
    assert measured.least_ms("first_byte_new") >= LEAST_MS
    assert measured.counts == {"connect": 1, "first_byte_new": 1, "receive_new": 1}


def test_sending_the_request_belongs_to_the_first_byte(server, open_phased, book):
    def body():
        time.sleep(DELAY_S)
        yield b"late"

    session = open_phased(server)

    session.post("/", data=body())

    assert Measured(book).least_ms("first_byte_new") >= LEAST_MS


# Streaming


def test_a_streamed_body_is_received_when_its_reader_has_had_it_all(start_server, open_phased, book):
    session = open_phased(start_server({"/": slow}))

    response = session.get("/", stream=True)
    at_the_head = Measured(book)
    content = response.content

    assert content == b"abcd"
    assert at_the_head.counts == {"connect": 1, "first_byte_new": 1}
    assert at_the_head.requests == 1
    afterwards = Measured(book)
    assert afterwards.counts == {"receive_new": 1}
    assert afterwards.least_ms("receive_new") >= LEAST_MS


def test_a_streamed_body_that_is_closed_is_never_received(start_server, open_phased, book):
    session = open_phased(start_server({"/": slow}))

    with session.get("/", stream=True, catch_response=True) as response:
        assert next(response.iter_content())

    assert Measured(book).counts == {"connect": 1, "first_byte_new": 1}


# Failures


def test_where_nobody_listens_there_is_no_phase(start_server, open_phased, book):
    server = start_server()
    server.refuse()

    assert open_phased(server).get("/").error == "connection refused"

    assert Measured(book).counts == {}


def test_a_request_that_fails_in_the_handshake_has_connected(start_server, open_phased, book, certificate):
    session = open_phased(start_server(tls=certificate.context))

    assert session.get("/").error == "TLS: certificate not trusted"

    assert Measured(book).counts == {"connect": 1}


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"nonsense\r\n\r\n"])
def test_what_is_no_answer_has_no_first_byte(start_server, open_phased, book, said):
    def talk(peer):
        peer.receive()
        peer.send(said)
        peer.hang_up()

    session = open_phased(start_server(talk))

    assert session.get("/").error

    assert Measured(book).counts == {"connect": 1}


def test_a_body_that_is_cut_short_has_begun_and_was_not_received(start_server, open_phased, book):
    def talk(peer):
        peer.receive()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        peer.hang_up()

    session = open_phased(start_server(talk))

    assert session.get("/").error == "body cut short"

    assert Measured(book).counts == {"connect": 1, "first_byte_new": 1}


def test_an_answer_that_says_no_is_an_answer(start_server, open_phased, book):
    session = open_phased(start_server({"/": {"status": "503 Service Unavailable"}}))

    session.get("/")

    assert Measured(book).counts == {"connect": 1, "first_byte_new": 1, "receive_new": 1}
