"""Two engines, one behaviour: what goes out is the same to the byte, and what each does alone is written down here."""

import gzip
import io
import ssl
import subprocess
import threading

import gevent
import pytest

from greenload import FastHttpUser, HttpUser
from greenload.http.pooled import PooledEngine
from greenload.http.session import HttpSession
from greenload.http.wire import WireEngine
from greenload.http.wire_request import outgoing
from tests.conftest import wait_until
from tests.http.conftest import PATIENCE_S

CALLS = {
    "get": lambda session: session.get("/albums?page=2"),
    "params": lambda session: session.get("/albums", params={"q": "für elise"}),
    "head": lambda session: session.head("/albums"),
    "options": lambda session: session.options("/albums"),
    "delete": lambda session: session.delete("/albums/1"),
    "another method": lambda session: session.request("PROPFIND", "/albums"),
    "post of nothing": lambda session: session.post("/albums"),
    "put of nothing": lambda session: session.put("/albums"),
    "post of bytes": lambda session: session.post("/albums", data=b"blue"),
    "post of text": lambda session: session.post("/albums", data="blü"),
    "post of a form": lambda session: session.post("/albums", data={"title": "Blue", "tags": ["a", "b"]}),
    "post of JSON": lambda session: session.post("/albums", json={"title": "Blue"}),
    "patch of JSON": lambda session: session.patch("/albums", json=[]),
    "post of a file": lambda session: session.post("/albums", data=io.BytesIO(b"x" * 100_000)),
    "post of a text file": lambda session: session.post("/albums", data=io.StringIO("blü" * 1000)),
    "post of pieces": lambda session: session.post("/albums", data=(each for each in [b"a", b"", "bü"])),
    "get with a body": lambda session: session.get("/albums", data=b"why not"),
    "a length of one's own": lambda session: session.post("/", data=iter([b"ab"]), headers={"Content-Length": "2"}),
    "chunks of one's own": lambda session: session.post("/", data=b"ab", headers={"Transfer-Encoding": "chunked"}),
    "headers": lambda session: session.get("/", headers={"X-Team": "blü", "accept": "text/html", "User-Agent": None}),
    "a host of one's own": lambda session: session.get("/", headers={"Host": "albums.example"}),
    "cookies": lambda session: session.get("/", cookies={"sid": "17"}),
    "basic auth": lambda session: session.get("/", auth=("zoë", "pa:ss")),
    "closing": lambda session: session.get("/", headers={"Connection": "close"}),
}


@pytest.mark.parametrize("name", CALLS)
def test_both_engines_send_the_same_bytes(server, book, name):
    sessions = [HttpSession(server.url, book.begin, 5, 5, 1000, make()) for make in (PooledEngine, WireEngine)]

    for session in sessions:
        CALLS[name](session)
        session.close()

    pooled, wire = server.requests
    assert sorted(wire.head.split(b"\r\n")) == sorted(pooled.head.split(b"\r\n"))
    assert wire.head.split(b"\r\n")[0] == pooled.head.split(b"\r\n")[0]
    assert wire.body == pooled.body


SOON = b"HTTP/1.1 103 Soon\r\n"
OK_2 = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok"
# What only one of them reads, as docs/reference/scenario.md has it: the kind of failure over `wire`.
READ_BY_URLLIB3_ONLY = {
    "a tab behind chunked": (CHUNKS.replace(b"chunked", b"chunked\t") + b"\r\n0\r\n\r\n", "not HTTP: bad headers"),
    "an announcement that closes": (SOON + b"Connection: close\r\n\r\n" + OK_2, "not HTTP: bad headers"),
    "an announcement with two lengths": (SOON + b"Content-Length: 0\r\n" * 2 + b"\r\n" + OK_2, "not HTTP: bad headers"),
    "an announcement of HTTP/1.0": (SOON.replace(b"1.1", b"1.0") + b"\r\n" + OK_2, "not HTTP: bad headers"),
    "something between chunks": (CHUNKS + b"XY0\r\n\r\n", "body cut short"),
    "a NUL after a chunk's size": (CHUNKS.replace(b"2\r", b"2;\0\r") + b"\r\n0\r\n\r\n", "body cut short"),
    "a trailer without a colon": (CHUNKS + b"\r\n0\r\nX\r\n\r\n", "body cut short"),
    "a length among the trailers": (CHUNKS + b"\r\n0\r\nContent-Length: 2\r\n\r\n", "body cut short"),
}


@pytest.mark.parametrize("name", READ_BY_URLLIB3_ONLY)
def test_these_answers_are_read_over_urllib3_and_refused_by_the_wire(start_server, book, name):
    answer, kind = READ_BY_URLLIB3_ONLY[name]
    server = start_server({"/": lambda peer, received: peer.send(answer)})
    sessions = [HttpSession(server.url, book.begin, 5, 5, 1000, make()) for make in (PooledEngine, WireEngine)]

    over_urllib3, over_the_wire = (session.get("/") for session in sessions)
    for session in sessions:
        session.close()

    assert (over_urllib3.status_code, over_urllib3.content, over_urllib3.error) == (200, b"ok", None)
    assert (over_the_wire.status_code, over_the_wire.error) == (0, kind)


# After which answers only one of them goes on with a connection, as the same table has it.
KEPT_BY_ONE = {
    "HTTP/1.0 that keeps and closes": (
        "GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", 2, 1,
    ),
    "an announced answer to HEAD": (
        "HEAD", SOON + b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 1, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT_BY_ONE)
def test_after_these_answers_one_engine_keeps_the_connection_and_the_other_does_not(start_server, book, name):
    method, answer, *expected = KEPT_BY_ONE[name]

    def talk(peer):
        while peer.receive() is not None:
            peer.send(answer)

    connections = []
    for make in (PooledEngine, WireEngine):
        server = start_server(talk)
        session = HttpSession(server.url, book.begin, 5, 5, 1000, make())
        assert [session.request(method, "/").ok for _ in range(2)] == [True, True]
        session.close()
        connections.append(server.connections)

    assert connections == expected


def test_a_user_of_each_kind_has_its_engine(stage):
    class Slow(HttpUser):
        host = "http://127.0.0.1:1"

    class Fast(FastHttpUser):
        host = "http://127.0.0.1:1"

    assert isinstance(stage.user(Slow).client._engine, PooledEngine)
    assert isinstance(stage.user(Fast).client._engine, WireEngine)
    assert HttpUser.abstract
    assert FastHttpUser.abstract
    assert not Fast.abstract


# What is not paid for twice must still be right the second time


def test_a_header_changed_between_two_requests_is_sent_by_the_second(server, session):
    for change in (
        lambda: session.headers.__setitem__("X-Team", "blue"),
        lambda: session.headers.update({"X-Team": "green"}),
        lambda: session.headers.add("X-More", "1"),
        lambda: session.headers.pop("X-More"),
        lambda: session.headers.setdefault("X-Last", "1"),
        lambda: session.headers.extend({"X-Even": "2"}),
        lambda: session.headers.clear(),
    ):
        session.get("/")
        change()
        session.get("/")

    teams = [received.headers["X-Team"] for received in server.requests]
    assert teams == [None, "blue", "blue", "green", *["green"] * 9, None]
    assert [received.headers["X-More"] for received in server.requests][4:8] == [None, "1", "1", None]
    assert server.requests[9].headers["X-Last"] == "1"
    assert server.requests[11].headers["X-Even"] == "2"
    assert server.last.headers["User-Agent"] is None


def test_credentials_set_between_two_requests_are_sent_by_the_second(server, session):
    session.get("/")
    session.auth = ("me", "secret")
    session.get("/")
    session.auth = None
    session.get("/")

    assert [received.headers["Authorization"] is not None for received in server.requests] == [False, True, False]


def test_a_cookie_set_between_two_requests_is_sent_by_the_second_and_not_by_another_session(server, open_session):
    first, second = open_session(server), open_session(server)
    first.get("/")
    first.cookies["sid"] = "17"
    first.get("/")
    second.get("/")

    assert [received.headers["Cookie"] for received in server.requests] == [None, "sid=17", None]


def test_a_thousand_paths_are_a_thousand_paths(server, session):
    for number in range(1000):
        session.get(f"/albums/{number}")

    assert server.targets == [f"/albums/{number}" for number in range(1000)]


def test_the_headers_of_a_request_cannot_be_changed_for_all_others(session):
    response = session.get("/")

    with pytest.raises(TypeError, match="do not change"):
        response.request.headers["X-Evil"] = "1"


# discard_body


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_a_body_that_is_discarded_is_counted_and_its_connection_kept(start_server, open_session, book, coding):
    body = b"blue" * 50_000
    route = {"body": gzip.compress(body), "headers": [("Content-Encoding", "gzip")]} if coding else {"body": body}
    server = start_server({"/": route})
    session = open_session(server)

    responses = [session.get("/", discard_body=True) for _ in range(2)]

    assert [(response.status_code, response.content) for response in responses] == [(200, b"")] * 2
    assert server.connections == 1
    assert book.recorder.take().total().received_bytes == 2 * len(body)


def test_a_discarded_body_is_limited_and_must_come_whole_like_any_other(start_server, open_session, book):
    def cut(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        peer.hang_up()

    server = start_server({"/long": {"body": b"x" * 1001}, "/cut": cut})
    session = open_session(server, most_bytes=1000)

    assert session.get("/long", discard_body=True).error == "body too large"
    assert session.get("/cut", discard_body=True).error == "body cut short"
    assert session.get("/", discard_body=True).ok
    assert book.take() == (3, 1, ["body cut short", "body too large"], 0)


# Time


def test_a_stream_may_take_longer_than_an_answer(start_server, open_session):
    def slowly(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            peer.closed.wait(0.02)
            peer.send(b"x")

    session = open_session(start_server({"/": slowly}), answer_timeout_s=0.05)

    assert session.get("/").error == "answer took too long"
    assert session.get("/", stream=True).content == b"x" * 10


def test_the_patience_of_each_call_is_its_own(start_server, open_session):
    def late(peer, received):
        peer.closed.wait(0.15)
        peer.answer()

    session = open_session(start_server({"/late": late}), read_timeout_s=5)

    assert session.get("/").ok
    assert session.get("/late", timeout=0.05).error == "read timed out"
    assert session.get("/late", timeout=PATIENCE_S).ok
    assert session.get("/late", timeout=0.05).error == "read timed out"
    assert session.get("/late").ok


# What the wire engine does by itself


@pytest.fixture
def fast(server, book):
    session = HttpSession(server.url, book.begin, 5, 5, 1_000_000, WireEngine())
    yield session
    session.close()


@pytest.fixture
def open_fast(book):
    opened = []

    def open_one(server, **keywords):
        opened.append(HttpSession(server.url, book.begin, 5, 5, 1_000_000, WireEngine(), **keywords))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


def test_a_connection_has_one_watcher_and_one_timer_however_many_requests_it_serves(server, fast):
    fast.get("/")
    [connection] = fast._engine._connections
    made_first = (connection.wire._io, connection.wire._timer)

    for number in range(50):
        fast.get(f"/albums/{number}", timeout=5 + number)

    assert fast._engine._connections == [connection]
    assert server.connections == 1
    assert (connection.wire._io, connection.wire._timer) == made_first


def test_a_request_is_put_into_bytes_once_for_each_method_and_path(server, fast, monkeypatch):
    built = []
    monkeypatch.setattr("greenload.http.wire.outgoing", lambda request: built.append(request) or outgoing(request))

    for _ in range(10):
        fast.get("/albums")
        fast.get("/albums", discard_body=True)
        fast.head("/albums")
        fast.get("/albums/1")

    assert [(request.method, request.url.target) for request in built] == [
        ("GET", "/albums"),
        ("HEAD", "/albums"),
        ("GET", "/albums/1"),
    ]
    assert len(server.requests) == 40


def test_a_body_that_asks_first_is_sent_when_the_server_agrees(start_server, open_fast):
    parts = []

    def agrees(peer):
        head = peer.sock.recv(65536)
        parts.append(head)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts.append(peer.sock.recv(65536))
        peer.answer()

    session = open_fast(start_server(agrees))

    assert session.post("/", data=b"blue", headers={"Expect": "100-continue"}).content == b"ok"
    assert parts[0].endswith(b"\r\n\r\n")
    assert parts[1] == b"blue"


def test_a_body_that_asks_first_is_not_sent_when_the_server_refuses(start_server, open_fast):
    rest = []

    def refuses(peer):
        peer.sock.recv(65536)
        peer.answer(b"no", "417 Expectation Failed")
        rest.append(peer.sock.recv(65536))

    session = open_fast(start_server(refuses))

    response = session.post("/", data=b"blue", headers={"Expect": "100-continue"})

    assert (response.status_code, response.content) == (417, b"no")
    session.close()
    gevent.sleep(0.05)
    assert rest == [b""]


@pytest.fixture(params=["http", "https"])
def of_scheme(request, certificate):
    """What a server is given to speak HTTP without TLS, and with it."""
    return {"tls": certificate.context if request.param == "https" else None}


def test_an_answer_that_comes_before_the_body_is_out_is_taken_though_nobody_reads_the_rest(
    start_server, open_fast, of_scheme
):
    taken, was_taken_meanwhile = threading.Event(), []

    def refuses(peer):
        peer.sock.recv(1000)
        peer.answer(b"too much", "413 Content Too Large")
        was_taken_meanwhile.append(taken.wait(10))

    server = start_server(refuses, **of_scheme)
    session = open_fast(server)
    session.verify = False

    response = session.post("/", data=b"x" * 50_000_000)
    taken.set()

    assert (response.status_code, response.content) == (413, b"too much")
    wait_until(lambda: was_taken_meanwhile)
    assert was_taken_meanwhile == [True]
    assert session._engine._connections == []


def test_an_answer_that_comes_long_after_the_body_was_stopped_is_taken_too(start_server, open_fast, of_scheme):
    """With TLS, what the server says to TLS itself has arrived by then, and is no answer."""
    taken, was_taken_meanwhile = threading.Event(), []

    def refuses(peer):
        peer.sock.recv(1000)
        peer.closed.wait(0.1)
        peer.answer(b"too much", "413 Content Too Large")
        was_taken_meanwhile.append(taken.wait(10))

    session = open_fast(start_server(refuses, **of_scheme))
    session.verify = False

    response = session.post("/", data=iter([b"x" * 1_000_000] * 50))
    taken.set()

    assert (response.status_code, response.content) == (413, b"too much")
    wait_until(lambda: was_taken_meanwhile)
    assert was_taken_meanwhile == [True]
    assert session._engine._connections == []


def test_a_body_goes_on_past_what_only_announces_an_answer(start_server, open_fast, of_scheme):
    body = bytes(range(256)) * 20_000

    def announces(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        peer.closed.wait(0.1)
        size = 0
        while size < len(body) - 2000:
            size += len(peer.sock.recv(65536))
        peer.answer()

    session = open_fast(start_server(announces, **of_scheme))
    session.verify = False

    assert session.post("/", data=body).content == b"ok"


def test_a_server_that_announces_without_end_is_not_listened_to_without_end(start_server, open_fast, of_scheme):
    announcements = []

    def announces(peer):
        peer.sock.recv(1000)
        peer.sock.settimeout(0.3)
        try:
            while sum(announcements) < 30_000_000:
                peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2000)
                announcements.append(56_000)
        except TimeoutError:
            pass
        peer.reset()

    session = open_fast(start_server(announces, **of_scheme))
    session.verify = False

    assert not session.post("/", data=b"x" * 50_000_000).ok
    assert sum(announcements) < 8_000_000  # most of it in the system's buffers


def test_a_large_body_is_sent_whole_however_slowly_it_is_read(start_server, open_fast, of_scheme):
    body = bytes(range(256)) * 20_000
    server = start_server(**of_scheme)
    session = open_fast(server)
    session.verify = False

    assert [session.post("/", data=body).ok for _ in range(2)] == [True, True]
    assert server.last.body == body
    assert server.connections == 1


def test_a_green_thread_killed_while_it_waits_leaves_no_connection(start_server, open_fast):
    arrived = threading.Event()

    def silent(peer, received):
        arrived.set()
        peer.drain()

    server = start_server({"/": silent})
    session = open_fast(server)
    thread = gevent.spawn(session.get, "/")
    while not arrived.is_set():
        gevent.sleep(0.01)

    thread.kill()

    assert server.peers[0].closed.wait(PATIENCE_S)
    assert session._engine._connections == []


def test_whoever_waits_for_a_connection_that_is_closed_is_told(start_server, open_fast):
    arrived = threading.Event()

    def silent(peer, received):
        arrived.set()
        peer.drain()

    session = open_fast(start_server({"/": silent}))
    thread = gevent.spawn(session.get, "/")
    while not arrived.is_set():
        gevent.sleep(0.01)

    session.close()

    assert thread.get(timeout=PATIENCE_S).error == "software caused connection abort"


def test_others_run_while_one_waits(start_server, open_fast):
    """No answer comes before all have asked: if one that waits kept the others from asking, none would come."""
    all_have_asked = threading.Barrier(20)

    def together(peer, received):
        all_have_asked.wait(5)
        peer.answer()

    server = start_server({"/": together})
    sessions = [open_fast(server) for _ in range(20)]

    threads = [gevent.spawn(session.get, "/") for session in sessions]
    gevent.joinall(threads)

    assert [thread.value.content for thread in threads] == [b"ok"] * 20
    assert len(server.requests) == 20


# TLS


CA = """
[ca]
default_ca = one
[one]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = names
x509_extensions = extensions
[names]
commonName = supplied
[extensions]
subjectAltName = IP:127.0.0.1
"""


@pytest.fixture
def expired(tmp_path):
    """A certificate that was good for one day of 2020."""
    for name, text in (("ca.cnf", CA), ("index.txt", ""), ("serial", "01")):
        (tmp_path / name).write_text(text)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem")
    dates = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    files = ("-in", "request.pem", "-out", "certificate.pem", "-notext")
    for command in (
        ("openssl", "req", "-new", *key, "-subj", "/CN=127.0.0.1", "-out", "request.pem"),
        ("openssl", "ca", "-selfsign", "-batch", "-config", "ca.cnf", "-keyfile", "key.pem", *dates, *files),
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    return tmp_path


def test_a_certificate_that_has_expired_is_refused(start_server, open_session, expired):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(expired / "certificate.pem", expired / "key.pem")
    server = start_server(tls=context)

    response = open_session(server).get("/", verify=str(expired / "certificate.pem"))

    assert response.error == "TLS: certificate not trusted"


def test_a_handshake_that_is_reset_is_a_failure_of_its_kind(start_server, open_session, book):
    def talk(peer):
        peer.sock.recv(65536)
        peer.reset()

    session = open_session(start_server(talk).url.replace("http", "https"))

    assert session.get("/").error == "connection reset"
    assert book.take() == (1, 0, ["connection reset"], 0)


def test_large_bodies_go_both_ways_over_tls(start_server, open_session, certificate):
    body = bytes(range(256)) * 10_000
    server = start_server({"/": {"body": body}}, tls=certificate.context)
    session = open_session(server, most_bytes=10_000_000)
    session.verify = str(certificate.path)

    assert [session.post("/", data=body).content == body for _ in range(2)] == [True, True]
    assert server.last.body == body
    assert server.connections == 1


def test_a_body_cut_short_inside_tls_is_a_failure(start_server, open_session, certificate):
    def cut(peer, received):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        peer.hang_up()

    session = open_session(start_server({"/": cut}, tls=certificate.context))
    session.verify = False

    assert session.get("/").error == "body cut short"
