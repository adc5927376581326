"""A wire brings strange frames, doubles and reorders them, holds and cuts: the numbers stay the server's."""

import hashlib
import re
import socket

import msgpack
import pytest
import zmq

from greenload.core.stats import COUNTERS
from greenload.version import VERSION
from tests.conftest import wait_until
from tests.system.conftest import LOGGED
from tests.system.wires import Cable, Stutterer

MIB = 1024 * 1024


@pytest.fixture
def stranger(fleet):
    """Returns a function that sends messages to the fleet's master; most are one frame, a list is several."""
    context = zmq.Context()
    sockets = []

    def send(*messages):
        sockets.append(context.socket(zmq.DEALER))
        sockets[-1].setsockopt(zmq.LINGER, 1_000)
        sockets[-1].connect(f"tcp://{fleet.address}")
        for message in messages:
            sockets[-1].send_multipart(message if isinstance(message, list) else [message])

    yield send
    for each in sockets:
        each.close()
    context.term()


def refused_in(log):
    """Return how many frames were refused by what the log says of them."""
    return sum(map(int, re.findall(r"refused what is no message, (\d+) time", log)))


def test_strange_frames_are_refused_and_hurt_nobody(fleet, stranger):
    """Locust's master plays the last message again when a frame is corrupt, and an empty one makes it deaf (locust.md
    4.2, 22 and 23).
    """
    strange = (
        b"",
        b"\xc1",
        b"\xc0",
        b"garbage",
        b"\x80",
        b"\x93\xa6report\x01\x02",
        [msgpack.packb(["beat", "one", 1, 0, 0]), b"and one frame more"],
        b"\x91" * 1_000 + b"\x90",  # a list in a list in a list: too deep to be written out
        msgpack.packb(["hello", "one", -1, "0.1.0", "x"]),
        msgpack.packb(["stop", True]),  # a message, and not a worker's
        msgpack.packb(list(range(100)) * 41_000),  # 3.9 MiB of it, and no message
        msgpack.packb(["beat", "x" * (39 * MIB // 10), 1, 0, 0]),
    )
    fleet.master("-u", 6, "-r", 100, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_requests(100)

    stranger(*strange)
    wait_until(lambda: refused_in(fleet.log) >= len(strange), timeout_s=30)
    fleet.wait_for_requests(100)
    sums = fleet.stop()

    assert refused_in(fleet.log) == len(strange)
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert fleet.of_workers("state") == {"one": "done"}
    assert worker.wait(timeout=30) == 0


def test_messages_of_a_worker_that_is_not_of_this_run_are_in_the_summary(fleet, stranger):
    fleet.master("-u", 2, "-r", 100, *LOGGED)
    fleet.worker("one")
    fleet.wait_for_requests(20)

    stranger(*[msgpack.packb(["beat", "of an earlier run", 7, 0, 0])] * 3, b"\xc1")
    wait_until(lambda: refused_in(fleet.log) == 1, timeout_s=30)  # which came after them
    sums = fleet.stop()

    assert sums["ignored_messages"] == 3
    assert "ignored: 3 message(s)" in fleet.out
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []


def test_a_frame_that_is_too_big_never_gets_to_the_master_and_costs_only_its_sender_the_connection(fleet, stranger):
    fleet.master("-u", 6, "-r", 100, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_requests(100)

    stranger(b"\x00" * (5 * MIB))
    with socket.create_connection(tuple(fleet.address.split(":"))) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
    stranger(b"sent after the big one")
    fleet.wait_for_log("refused what is no message")
    fleet.wait_for_requests(100)
    sums = fleet.stop()

    assert fleet.log.count("refused what is no message") == 1
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["missing"] == []
    assert worker.wait(timeout=30) == 0


def test_what_comes_twice_or_in_another_order_is_counted_once(fleet):
    fleet.master("-u", 8, "-r", 100, "--expect-workers", 2)
    with Stutterer(fleet.address) as wire:
        workers = [fleet.worker(name, at=wire.address) for name in ("one", "two")]

        fleet.wait_for_requests(1_000)
        sums = fleet.stop()

        assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
    assert wire.doubled > 10
    assert wire.swapped > 1
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sums["missing"] == []
    assert fleet.of_workers("users") == {"one": 4, "two": 4}


@pytest.mark.parametrize(("fail", "mend"), [(Cable.hold, Cable.release), (Cable.cut, Cable.join)])
def test_a_worker_behind_a_cable_that_fails_is_lost_and_comes_back_with_all_it_counted(fleet, fail, mend):
    """A Locust worker that is missing for a while runs its users beside those who got its part (locust.md 4.2, 28)."""
    fleet.master("-u", 8, "-r", 100, "--expect-workers", 2, *LOGGED)
    with Cable(fleet.address) as cable:
        workers = [fleet.worker("one"), fleet.worker("far", at=cable.address)]
        fleet.wait_for_requests(300)

        fail(cable)
        fleet.wait_for_log("worker far is lost")
        fleet.wait_for_requests(600)
        mend(cable)
        fleet.wait_for_log("worker far is running", times=2)
        fleet.wait_for_requests(700)
        sums = fleet.stop()

        assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
    assert fleet.users_over_time("one") == [4, 8, 4, 0]
    assert fleet.of_workers("state") == {"one": "done", "far": "done"}
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sums["missing"] == []


def test_a_flood_of_strange_frames_is_counted_in_the_log_in_few_lines(fleet, stranger):
    fleet.master("-u", 6, "-r", 100, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_requests(100)

    stranger(*[b"\xc1"] * 5_000)
    wait_until(lambda: refused_in(fleet.log) >= 5_000, timeout_s=30)
    sums = fleet.stop()

    assert fleet.log.count("refused what is no message") < 30
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert worker.wait(timeout=30) == 0


class Liar:
    """Somebody who knows the protocol, takes part in a run, and says what is not so."""

    def __init__(self, fleet):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(f"tcp://{fleet.address}")
        sha256 = hashlib.sha256((fleet.greenload.folder / "busy.py").read_bytes()).hexdigest()
        self.say("hello", "liar", 7, VERSION, sha256)
        self.wait_for("start")

    def say(self, *fields):
        self._socket.send(msgpack.packb(fields))

    def wait_for(self, kind):
        """Return the next message of that kind."""
        while self._socket.poll(5_000):
            message = msgpack.unpackb(self._socket.recv())
            if message[0] == kind:
                return message
        raise AssertionError(f"no {kind} came")

    def close(self):
        self._socket.close()
        self._context.term()


NOTHING = [[], *[0] * len(COUNTERS), None, None, None, None]


def report(from_s, until_s, stats=NOTHING):
    return ["report", "liar", 7, 1, from_s, until_s, stats, 0, 0.0, 0, 0, 0.0, 0]


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (report(1e30, 1e30), "report: from_s: expected a number of 0 to"),
        (report(1.0, 1e300), "report: until_s: expected a number of 0 to"),
        (report(-5e3, -4e3), "report: from_s: expected a number of 0 to"),
        (report(1.0, 1e6), "is of a time that is still to come"),
        (report(1.0, 1.5, [[], 2**63 - 1, *NOTHING[2:]]), "counts of at most"),
        (["claim", "liar", 7, 1, "accounts", 2**63 - 1], "claim: count: expected a whole number of 1 to 10000"),
    ],
    ids=["from", "until", "negative", "ahead", "sent", "claim"],
)
def test_a_worker_that_says_what_cannot_be_is_told_so_and_the_run_goes_on(fleet, lie, reason):
    """A time of 1e30 s, or 2**63 - 1 requests twice, was more than the file holds, and the run broke for all."""
    fleet.master("-u", 6, "-r", 100, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_requests(50)
    liar = Liar(fleet)

    liar.say(*lie)
    liar.say(*lie)
    said = liar.wait_for("refused")
    liar.close()
    fleet.wait_for_requests(100)
    sums = fleet.stop()

    assert reason in said[1]
    assert fleet.master_process.returncode == 0
    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert worker.wait(timeout=30) == 0


def test_what_broke_a_worker_is_shown_without_control_characters(fleet):
    fleet.master("-u", 6, "-r", 100, *LOGGED)
    worker = fleet.worker("one")
    fleet.wait_for_requests(50)
    liar = Liar(fleet)

    liar.say("bye", "liar", 7, "\x1b[31mred\nsecond line")
    liar.wait_for("farewell")
    liar.close()
    fleet.stop()

    assert "\x1b" not in fleet.err
    assert "liar: \ufffd[31mred\nsecond line" in fleet.err
    assert worker.wait(timeout=30) == 0
