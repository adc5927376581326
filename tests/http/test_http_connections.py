"""A session is one browser: connections of its own, kept alive, closed when it says so; one call is one request."""

import select
import ssl
import time

import pytest

from greenload.http.request import Request, parse_url
from greenload.http.tls import tls_context
from greenload.http.wire import WireEngine
from tests.http.conftest import PATIENCE_S


def test_many_requests_share_one_connection(server, session, book):
    for number in range(20):
        session.post(f"/albums/{number}", json={"number": number})

    assert server.connections == 1
    assert len(server.requests) == 20
    assert book.take() == (20, 20, [], 0)


def test_each_session_has_a_connection_of_its_own(server, open_session):
    first, second = open_session(server), open_session(server)

    for session in (first, second, first, second):
        session.get("/")

    assert server.connections == 2


def test_a_connection_the_server_says_it_will_close_is_not_used_again(start_server, open_session, book):
    def closing(peer, received):
        peer.answer(headers=[("Connection", "close")])
        peer.hang_up()

    server = start_server({"/": closing})
    session = open_session(server)

    assert [session.get("/").content for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 3
    assert book.take() == (3, 3, [], 0)


def test_a_client_that_says_it_will_close_does(server, session):
    session.get("/", headers={"Connection": "close"})

    assert server.last.headers["Connection"] == "close"


def test_a_connection_closed_while_idle_is_replaced_before_anything_is_sent(start_server, open_session, book):
    def talk(peer):
        peer.receive()
        peer.answer()
        peer.hang_up()

    server = start_server(talk)
    session = open_session(server)

    for _ in range(3):
        assert session.post("/albums", data=b"one").status_code == 200
        assert _idle_connection_has_ended(session)

    assert [received.body for received in server.requests] == [b"one"] * 3
    assert server.connections == 3
    assert book.take() == (3, 3, [], 0)


def test_a_connection_reset_while_idle_is_replaced_before_anything_is_sent(start_server, open_session, book):
    def talk(peer):
        peer.receive()
        peer.answer()
        peer.reset()

    server = start_server(talk)
    session = open_session(server)

    for _ in range(3):
        assert session.post("/albums", data=b"one").status_code == 200
        assert _idle_connection_has_ended(session)

    assert len(server.requests) == server.connections == 3


def test_a_connection_closed_in_the_moment_of_sending_is_a_failure_and_nothing_is_sent_twice(
    start_server, open_session, book
):
    def talk(peer):
        peer.receive()
        peer.answer()
        peer.receive()
        peer.hang_up()

    server = start_server(talk)
    session = open_session(server)

    responses = [session.get(f"/{number}") for number in range(3)]

    assert [response.error for response in responses] == [None, "closed without an answer", None]
    assert server.targets == ["/0", "/1", "/2"]
    assert server.connections == 2
    assert book.take() == (3, 2, ["closed without an answer"], 0)


def test_closing_a_session_closes_its_connections_and_it_can_go_on(server, session):
    session.get("/")

    session.close()

    assert server.peers[0].closed.wait(PATIENCE_S)
    assert session.get("/").ok
    assert server.connections == 2
    session.close()
    session.close()


def test_an_answer_given_before_the_whole_body_was_taken_is_the_answer(start_server, open_session, book):
    """A server may refuse a body it has not read (413), and hang up on the rest of it."""

    def talk(peer):
        while b"\r\n\r\n" not in peer.sock.recv(65536):
            pass
        peer.answer(b"too much", "413 Content Too Large", [("Connection", "close")])
        peer.hang_up()
        peer.closed.wait(0.05)
        peer.reset()

    session = open_session(start_server(talk))

    response = session.post("/", data=b"x" * 20_000_000)

    assert (response.status_code, response.content) == (413, b"too much")
    assert book.take() == (1, 0, ["HTTP 413"], 0)


def test_a_session_talks_to_many_hosts_over_one_connection_each(start_server, open_session):
    servers = [start_server() for _ in range(3)]
    session = open_session(servers[0])

    for _ in range(3):
        for server in servers:
            session.get(f"{server.url}/albums")

    assert [(server.connections, len(server.requests)) for server in servers] == [(1, 3)] * 3


def test_ipv6_addresses_are_spoken_to(start_server, open_session):
    try:
        server = start_server(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    session = open_session(server)

    response = session.get("/albums")

    assert response.status_code == 200
    assert response.url == f"http://[::1]:{server.port}/albums"
    assert server.last.headers["Host"] == f"[::1]:{server.port}"


# TLS


@pytest.fixture
def tls_server(start_server, certificate):
    return start_server({"/login": {"headers": [("Set-Cookie", "sid=17; Secure")]}}, tls=certificate.context)


def test_a_certificate_nobody_vouches_for_is_refused(tls_server, open_session, book):
    response = open_session(tls_server).get("/")

    assert response.error == "TLS: certificate not trusted"
    assert tls_server.requests == []
    assert book.take() == (1, 0, ["TLS: certificate not trusted"], 0)


def test_a_certificate_is_not_looked_at_with_verify_false(tls_server, open_session, book):
    session = open_session(tls_server)
    session.verify = False

    assert [session.get("/").ok for _ in range(3)] == [True] * 3
    assert tls_server.connections == 1
    assert book.take() == (3, 3, [], 0)


def test_a_certificate_is_trusted_when_verify_names_its_authority(tls_server, open_session, certificate):
    session = open_session(tls_server)

    assert session.get("/login", verify=str(certificate.path)).ok
    assert session.get("/", verify=str(certificate.path)).ok
    assert tls_server.connections == 1
    assert tls_server.last.headers["Cookie"] == "sid=17"


def test_a_connection_that_was_not_verified_is_not_used_for_a_call_that_verifies(tls_server, open_session):
    session = open_session(tls_server)

    assert session.get("/", verify=False).ok
    assert session.get("/").error == "TLS: certificate not trusted"


def test_a_certificate_for_another_host_is_refused(tls_server, open_session, certificate):
    session = open_session(f"https://localhost:{tls_server.port}")

    assert session.get("/", verify=str(certificate.path)).error == "TLS: certificate not trusted"


def test_the_process_has_one_tls_context_for_all_sessions(certificate):
    assert tls_context(True) is tls_context(True)
    assert tls_context(True) is not tls_context(False)
    assert tls_context(str(certificate.path)) is tls_context(str(certificate.path))
    assert tls_context(True).verify_mode is ssl.CERT_REQUIRED
    assert tls_context(True).check_hostname


def test_surplus_bytes_inside_tls_do_not_become_the_next_answer(start_server, open_session, certificate):
    """They may wait in the TLS layer, where the operating system's poll does not see them."""

    def talk(peer):
        peer.receive()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * 300
        )
        peer.drain()

    server = start_server(talk, tls=certificate.context)
    session = open_session(server)
    session.verify = False

    assert [session.get("/").content for _ in range(3)] == [b"ok"] * 3


@pytest.mark.parametrize("end", ["hang up", "garbage", "silence"])
def test_a_handshake_that_fails_is_a_failure_of_its_kind(start_server, open_session, book, end):
    def talk(peer):
        peer.sock.recv(65536)
        if end == "hang up":
            peer.hang_up()
        elif end == "garbage":
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = start_server(talk)
    patience_s = 0.1 if end == "silence" else PATIENCE_S
    session = open_session(server.url.replace("http", "https"), connect_timeout_s=patience_s)

    kind = session.get("/").error

    assert kind == ("connect timed out" if end == "silence" else "TLS: handshake or transfer failed")
    assert book.take() == (1, 0, [kind], 0)


def first_flight(peer, context):
    """Return what a server with `context` says first to the TLS client at the other end of `peer`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(peer.sock.recv(65536))
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("hang up", "TLS: handshake or transfer failed"),
        ("reset", "connection reset"),
        ("silence", "connect timed out"),
        ("drip", "connect timed out"),
    ],
)
def test_a_handshake_that_is_cut_in_the_middle_is_a_failure_of_its_kind(
    start_server, open_session, book, certificate, end, kind
):
    def talk(peer):
        flight = first_flight(peer, certificate.context)
        peer.send(flight[:100])
        if end == "hang up":
            peer.hang_up()
        elif end == "reset":
            peer.closed.wait(0.05)
            peer.reset()
        elif end == "drip":
            for at in range(100, len(flight)):
                if peer.closed.wait(0.02):
                    return
                peer.send(flight[at : at + 1])

    patience_s = 0.3 if end in ("silence", "drip") else PATIENCE_S
    session = open_session(start_server(talk).url.replace("http", "https"), connect_timeout_s=patience_s)
    session.verify = str(certificate.path)

    began_s = time.monotonic()
    response = session.get("/")
    took_s = time.monotonic() - began_s

    assert response.error == kind
    assert book.take() == (1, 0, [kind], 0)
    assert took_s < 2


def test_an_engine_knows_no_more_of_a_connection_once_it_is_closed(server, make_engine):
    engine = make_engine()
    request = Request("GET", parse_url(server.url), {}, None, 1, 1, True, 100)

    answer = engine.send(request)
    engine.close()

    assert server.peers[0].closed.wait(PATIENCE_S)
    answer.close()
    assert engine.send(request).read() == b"ok"
    engine.close()


def _idle_connection_has_ended(session) -> bool:
    """Wait until what the server did to the idle connection has arrived at this end."""
    engine = session._engine
    is_wire = isinstance(engine, WireEngine)
    sock = engine._connections[0].wire._sock if is_wire else next(iter(engine._idle.values()))[0].sock
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(1000))
