"""The wire: the same messages arrive by memory and by ZeroMQ, and what is none is refused."""

import gevent
import pytest
import zmq

from greenload.core.messages import Ack, Beat, Hello, Stop
from greenload.core.plain import Malformed
from greenload.transport import MemoryHub, TransportError, ZmqHub, ZmqLine


@pytest.fixture(params=["memory", "zmq"])
def ends(request):
    """(hub, line), connected."""
    if request.param == "memory":
        hub = MemoryHub()
        yield hub, hub.line
        return
    hub = ZmqHub("tcp://127.0.0.1:0")
    line = ZmqLine(hub.address)
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
    hub.send(route, Ack(3))

    assert heard == hello
    assert within(5, line.receive) == Ack(3)


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

    hub.send(b"nobody", Ack(1))

    hub.close()


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b""], "not msgpack"),
        ([b"\xc1"], "not msgpack"),
        ([b"\x93\xa5hello\x01\x02"], "hello: expected a list of 4"),
        ([b"\x92\xa3ack\x01"], "a worker does not say Ack"),
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


def test_an_address_that_is_taken_is_an_error_that_says_so():
    hub = ZmqHub("tcp://127.0.0.1:0")

    with pytest.raises(TransportError, match=f"cannot listen on {hub.address}"):
        ZmqHub(hub.address)

    hub.close()
