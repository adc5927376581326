"""The wire: the same messages arrive by memory and by ZeroMQ, and what is none is refused."""

import socket
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import gevent
import pytest
import zmq
from zmq.utils import z85

import greenload.curve
from greenload.core.codec import Malformed
from greenload.core.messages import Ack, Beat, Hello, Refused, Stop
from greenload.curve import UNKNOWN, guard, present
from greenload.key import JoinKey
from greenload.transport import MemoryHub, TransportError, Unreadable, Unwelcome, ZmqHub, ZmqLine
from tests.conftest import wait_until

KEY = JoinKey.new()
OTHER_KEY = JoinKey.new()


@pytest.fixture(params=["memory", "zmq", "zmq with a key"])
def ends(request):
    """(hub, line), connected."""
    if request.param == "memory":
        hub = MemoryHub()
        yield hub, hub.line
        return
    key = KEY if request.param == "zmq with a key" else None
    hub = ZmqHub("tcp://127.0.0.1:0", key)
    line = ZmqLine(hub.address, key)
    yield hub, line
    line.close()
    hub.close()


def within(seconds, function):
    """Return what `function` returns, or fail when that takes too long."""
    with gevent.Timeout(seconds):
        return function()


def test_what_a_worker_says_arrives_and_the_answer_finds_its_way_back(ends):
    hub, line = ends
    hello = Hello("one", 7, "0.1.0", "ab")

    line.send(hello)
    route, heard = within(5, hub.receive)
    hub.send(route, Ack(3, 2))

    assert heard == hello
    assert within(5, line.receive) == Ack(3, 2)


def test_messages_keep_their_order(ends):
    hub, line = ends

    for epoch in range(100):
        line.send(Beat("one", epoch))

    assert [within(5, hub.receive)[1].epoch for _ in range(100)] == list(range(100))


def test_one_end_can_read_while_it_writes(ends):
    hub, line = ends
    reading = gevent.spawn(line.receive)
    gevent.sleep(0.01)

    line.send(Beat("one", 1))
    route, _ = within(5, hub.receive)
    hub.send(route, Stop(False))

    assert within(5, reading.get) == Stop(False)


def test_an_order_to_nobody_is_dropped_in_silence():
    hub = ZmqHub("tcp://127.0.0.1:0")

    hub.send(b"nobody", Ack(1, 2))

    hub.close()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b""], "not msgpack"),
        ([b"\xc1"], "not msgpack"),
        ([b"\x93\xa5hello\x01\x02"], "hello: expected a list of 4"),
        ([b"\x93\xa3ack\x01\x02"], "a worker does not say Ack"),
        ([b"one", b"two"], "one frame, not 2"),
        ([b"\xd9\xff" + b"x" * 10], "not msgpack"),
    ],
    ids=["empty", "no such byte", "too short", "an order", "two frames", "cut short"],
)
def test_what_is_no_message_is_refused_with_the_reason_and_the_next_one_is_heard(frames, reason):
    hub = ZmqHub("tcp://127.0.0.1:0")
    line = ZmqLine(hub.address)

    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 500)
        stranger.connect(hub.address)
        stranger.send_multipart(frames)
        with pytest.raises(Malformed, match=reason):
            within(5, hub.receive)
    line.send(Beat("one", 1))
    assert within(5, hub.receive)[1] == Beat("one", 1)
    line.close()
    hub.close()


def test_who_said_what_is_no_message_can_be_answered():
    hub = ZmqHub("tcp://127.0.0.1:0")
    line = ZmqLine(hub.address)

    line.send(Beat("a\nb", 1))
    with pytest.raises(Unreadable, match="beat: worker: expected a name") as refused:
        within(5, hub.receive)
    hub.send(refused.value.route, Refused("what?"))

    assert within(5, line.receive) == Refused("what?")
    line.close()
    hub.close()


def test_an_address_that_is_taken_is_an_error_that_says_so():
    hub = ZmqHub("tcp://127.0.0.1:0")

    with pytest.raises(TransportError, match=f"cannot listen on {hub.address}"):
        ZmqHub(hub.address)

    hub.close()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_hub_and_a_line_can_speak_ipv6():
    hub = ZmqHub("tcp://[::1]:0", KEY)
    line = ZmqLine(hub.address, KEY)

    line.send(Beat("one", 1))

    assert within(5, hub.receive)[1] == Beat("one", 1)
    line.close()
    hub.close()


@contextmanager
def stranger_at(hub, secret=None, server=None):
    """A DEALER of nobody's at `hub` that has said something, and the monitor of its handshake."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        if server is not None:
            stranger.curve_serverkey = zmq.curve_public(z85.encode(server))
            stranger.curve_publickey, stranger.curve_secretkey = secret
        with stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
            stranger.connect(hub.address)
            stranger.send(b"\x95\xa4beat\xa8stranger\x01\x00\x00")
            yield monitor
            stranger.disable_monitor()


@pytest.mark.parametrize("kind", ["plain", "own keys", "keys of another join key"])
def test_who_does_not_have_the_key_gets_nothing_to_the_master(kind):
    """A CURVE server by itself lets in any client that knows its public key."""
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    line = ZmqLine(hub.address, KEY)
    secret, server = zmq.curve_keypair(), KEY.master_secret()
    if kind == "keys of another join key":
        secret = z85.encode(OTHER_KEY.workers_secret())
        secret = zmq.curve_public(secret), secret
    strange = (None, None) if kind == "plain" else (secret, server)

    with stranger_at(hub, *strange) as monitor:
        heard = gevent.spawn(hub.receive)
        gevent.sleep(0.2)
        is_in = monitor.poll(0)
        line.send(Beat("one", 1))

        assert within(5, heard.get)[1] == Beat("one", 1)
    assert not is_in
    line.close()
    hub.close()


def test_a_stranger_at_a_master_without_a_key_is_heard():
    """The stranger of the test above does say something."""
    hub = ZmqHub("tcp://127.0.0.1:0")

    with stranger_at(hub):
        assert within(5, hub.receive)[1] == Beat("stranger", 1)
    hub.close()


@pytest.mark.parametrize(
    ("masters", "workers", "sentence"),
    [
        (KEY, OTHER_KEY, "wrong join key: the master at {} has another one"),
        (KEY, None, "the master at {} wants a join key; give this worker the master's with --key-file"),
        (None, KEY, "the master at {} has no join key, so this worker must not have one"),
    ],
    ids=["another key", "no key", "a key too many"],
)
def test_a_worker_that_cannot_get_in_is_told_why_within_two_seconds(masters, workers, sentence):
    hub = ZmqHub("tcp://127.0.0.1:0", masters)
    line = ZmqLine(hub.address, workers)

    with pytest.raises(Unwelcome) as refused:
        within(2, line.receive)

    assert str(refused.value).startswith(sentence.format(hub.address))
    line.send(Beat("one", 1))  # is nothing any more, and no error
    line.close()
    hub.close()


def test_a_worker_with_keys_that_the_master_does_not_know_is_told_the_same(monkeypatch):
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    monkeypatch.setattr(JoinKey, "workers_secret", OTHER_KEY.workers_secret)
    line = ZmqLine(hub.address, KEY)

    with pytest.raises(Unwelcome, match="wrong join key"):
        within(2, line.receive)

    line.close()
    hub.close()


# What the master logs of who has not its key


@pytest.fixture
def guarded():
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    yield hub
    hub.close()


def knock(hub, address="127.0.0.1"):
    """Be a worker without a key at `address`, one that takes its time: of one that hangs up first nothing is known."""
    host, _, port = hub.address.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port)), source_address=(address, 0)) as connection:
        gevent.sleep(0.05)
        connection.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        connection.settimeout(5)
        gevent.get_hub().threadpool.apply(until_closed, (connection,))


def wait_for(caplog, messages):
    with gevent.Timeout(5):
        while len(caplog.messages) < messages:
            gevent.sleep(0.01)


def until_closed(connection):
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass


def test_the_master_logs_a_worker_with_another_key_but_not_each_time_it_tries(guarded, caplog):
    line = ZmqLine(guarded.address, OTHER_KEY)

    with pytest.raises(Unwelcome):
        within(2, line.receive)
    wait_for(caplog, 1)
    line.close()

    # Who has gone before anybody could look has no address; it is an address like any other.
    told = [message.partition(";")[0].replace("127.0.0.1", UNKNOWN) for message in caplog.messages]
    assert set(told) == {f"{UNKNOWN} has another join key and is not let in"}
    assert len(told) <= 2


def test_the_master_logs_a_worker_whose_keys_it_does_not_know(guarded, caplog, monkeypatch):
    monkeypatch.setattr(JoinKey, "workers_secret", OTHER_KEY.workers_secret)
    line = ZmqLine(guarded.address, KEY)

    with pytest.raises(Unwelcome):
        within(2, line.receive)
    wait_for(caplog, 1)
    line.close()

    assert "has another join key and is not let in" in caplog.messages[0]


def test_each_address_without_a_key_is_logged_once_in_a_while(guarded, caplog):
    for address in ("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3"):
        knock(guarded, address)
    wait_for(caplog, 3)

    assert caplog.messages == [
        "127.0.0.1 has no join key and is not let in",
        "127.0.0.2 has no join key and is not let in; 1 more were not let in since this was last said",
        "127.0.0.3 has no join key and is not let in; 1 more were not let in since this was last said",
    ]


def test_an_address_that_knocks_for_long_is_logged_again(guarded, caplog, monkeypatch):
    monkeypatch.setattr(greenload.curve, "TELL_AGAIN_S", 0.0)

    knock(guarded)
    knock(guarded)
    wait_for(caplog, 2)

    assert caplog.messages == ["127.0.0.1 has no join key and is not let in"] * 2


def test_a_thousand_addresses_do_not_fill_the_log(guarded, caplog, monkeypatch):
    monkeypatch.setattr(greenload.curve, "MOST_TOLD", 2)

    for number in range(1, 6):
        knock(guarded, f"127.0.0.{number}")
    gevent.sleep(0.05)

    assert len(caplog.messages) == 2


def test_nothing_is_logged_of_who_gets_in_or_is_no_worker(guarded, caplog):
    line = ZmqLine(guarded.address, KEY)
    line.send(Beat("one", 1))
    host, _, port = guarded.address.removeprefix("tcp://").rpartition(":")
    with socket.create_connection((host, int(port))) as scanner:
        scanner.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert within(5, guarded.receive)[1] == Beat("one", 1)
    line.close()
    gevent.sleep(0.1)

    assert caplog.messages == []


def test_what_answers_in_another_language_is_no_master():
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = ZmqLine(f"tcp://127.0.0.1:{server.getsockname()[1]}", KEY)
        receiving = gevent.spawn(line.receive)
        connection = accepted(server)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 and whatever else there is to be said, 64 bytes of it\r\n")

        with pytest.raises(Unwelcome, match="is no greenload master"):
            within(2, receiving.get)
    connection.close()
    line.close()


def accepted(server):
    """The next connection to `server`, for which the green threads are let run."""
    server.setblocking(False)
    with gevent.Timeout(5):
        while True:
            try:
                return server.accept()[0]
            except BlockingIOError:
                gevent.sleep(0.005)


def hang_up(server):
    """Accept connections and close each, as a proxy does before a master that is not there; return the list of them."""
    hung_up = []

    def serve():
        while True:
            connection = accepted(server)
            gevent.sleep(0.005)
            connection.close()
            hung_up.append(connection)

    return hung_up, gevent.spawn(serve)


@pytest.mark.parametrize("key", [KEY, None], ids=["a key", "no key"])
def test_connections_that_are_only_closed_are_no_wrong_key_and_the_worker_gets_in_later(key):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        hung_up, serving = hang_up(server)
        line = ZmqLine(address, key)
        receiving = gevent.spawn(line.receive)
        with gevent.Timeout(10):
            while len(hung_up) < 9:
                gevent.sleep(0.01)
        serving.kill()
    hub = ZmqHub(address, key)

    line.send(Beat("one", 1))
    route, _ = within(5, hub.receive)
    hub.send(route, Ack(1, 2))

    assert within(5, receiving.get) == Ack(1, 2)
    line.close()
    hub.close()


def test_a_master_that_goes_away_and_comes_back_with_the_key_is_found_again():
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    line = ZmqLine(hub.address, KEY)
    receiving = gevent.spawn(line.receive)
    for number in range(4):
        line.send(Beat("one", number))
        route, heard = within(5, hub.receive)
        assert heard == Beat("one", number)
        hub.close()
        hub = ZmqHub(hub.address, KEY)

    line.send(Beat("one", 9))
    route, _ = within(5, hub.receive)
    hub.send(route, Ack(1, 2))

    assert within(5, receiving.get) == Ack(1, 2)
    line.close()
    hub.close()


def test_when_nobody_sees_to_who_gets_in_any_more_the_master_is_told_and_nobody_gets_in():
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    receiving = gevent.spawn(hub.receive)
    with hub._context.socket(zmq.REQ) as broken:
        broken.connect("inproc://zeromq.zap.01")
        broken.send(b"one frame is too few")

        with pytest.raises(ValueError, match="not enough values to unpack"):
            within(2, receiving.get)

    with stranger_at(hub, zmq.curve_keypair(), KEY.master_secret()) as monitor:
        assert not monitor.poll(200)
    hub.close()


def test_a_guarded_socket_lets_nobody_in_while_nobody_answers_for_it():
    """By default ZeroMQ would let everybody in then; so it does not matter who starts first."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router, context.socket(zmq.DEALER) as dealer:
        guard(router, KEY)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        present(dealer, KEY)
        dealer.linger = 0
        dealer.connect(f"tcp://127.0.0.1:{port}")

        dealer.send(b"let me in")

        assert not router.poll(200)


def test_a_hub_closes_at_once_with_workers_in_the_middle_of_their_handshake():
    hub = ZmqHub("tcp://127.0.0.1:0", KEY)
    lines = [ZmqLine(hub.address, KEY) for _ in range(5)]
    time.sleep(0.1)  # nobody answers them meanwhile: the green threads do not run

    with gevent.Timeout(5):
        hub.close()
        for line in lines:
            line.close()


def ports_that_connect_to(port):
    """Return the ports of this machine from which somebody is trying to connect to `port` and has no answer."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {local for _, local, remote, state, *_ in rows if state == "02" and remote.endswith(f":{port:04X}")}


@pytest.fixture
def deaf_port():
    """A port at which somebody listens and answers nobody: one connection waits to be accepted, and no more may."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        yield full.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/net/tcp")
def test_a_try_to_connect_that_gets_no_answer_is_given_up_for_a_new_one(deaf_port, monkeypatch):
    """TCP asks ever more seldom: one try would go on for long after the link is back."""
    monkeypatch.setattr("greenload.transport.SILENT_MS", 200)

    with closing(ZmqLine(f"tcp://127.0.0.1:{deaf_port}")):
        wait_until(lambda: bool(ports_that_connect_to(deaf_port)))
        first = ports_that_connect_to(deaf_port)

        wait_until(lambda: bool(ports_that_connect_to(deaf_port) - first))
