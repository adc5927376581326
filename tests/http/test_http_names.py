"""Names are looked up once and their addresses used in turn; --resolve goes before any lookup."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from greenload.http.names import FAILURE_LIFE_S, LIFE_S, MOST_NAMES, Names
from greenload.http.pooled import PooledEngine
from greenload.http.request import Request, parse_url
from greenload.http.wire import WireEngine
from tests.conftest import Clock


class Lookups:
    """Stands in for the system: answers with `answers`, and counts who was asked for."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.answers[host]


class SlowLookup:
    """A lookup that is under way until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = Event()

    def __call__(self, host: str) -> list[str]:
        self.begun += 1
        self.go.wait()
        return ["10.0.0.1", "10.0.0.2"]


def request_to(url: str, verify: bool | str = True) -> Request:
    return Request("GET", parse_url(url), {}, None, 5.0, 5.0, verify, 1_000_000)


@pytest.fixture(params=["pooled", "wire"])
def exchange(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Send one request over connections of its own, by each engine in turn, and return the status."""

    def send(names: Names, sent: Request) -> int:
        monkeypatch.setattr("greenload.http.wire_connect.process_names", lambda: names)
        engine = PooledEngine(names) if request.param == "pooled" else WireEngine()
        try:
            answer = engine.send(sent)
            answer.read()
            return answer.status
        finally:
            engine.close()

    return send


@given(st.integers(1, 8), st.integers(1, 50))
def test_each_address_has_its_turn_and_every_answer_holds_all(count: int, times: int):
    everyone = [f"10.0.0.{number}" for number in range(count)]
    names = Names(Lookups(api=everyone), Clock().now)

    answers = [names.addresses("api") for _ in range(times)]

    assert all(sorted(answer) == sorted(everyone) for answer in answers)
    firsts = Counter(answer[0] for answer in answers)
    assert {firsts[address] for address in everyone} <= {times // count, -(-times // count)}


@given(st.lists(st.floats(0, 100), max_size=30))
def test_no_lookup_is_older_than_its_life_and_none_is_made_before(waits: list[float]):
    clock, lookups = Clock(), Lookups(api=["10.0.0.1"])
    names = Names(lookups, clock.now)
    looked_up_s = [0.0]
    names.addresses("api")

    for wait_s in waits:
        clock.sleep(wait_s)
        names.addresses("api")
        if clock.now_s >= looked_up_s[-1] + LIFE_S:
            looked_up_s.append(clock.now_s)

        assert len(lookups.asked) == len(looked_up_s)


def test_the_turn_goes_on_when_a_name_is_looked_up_anew():
    clock = Clock()
    names = Names(Lookups(api=["10.0.0.1", "10.0.0.2"]), clock.now)
    first = names.addresses("api")[0]

    clock.sleep(LIFE_S)
    second = names.addresses("api")[0]

    assert (first, second) == ("10.0.0.1", "10.0.0.2")


def test_users_that_ask_at_the_same_time_wait_for_one_lookup():
    lookup = SlowLookup()
    names = Names(lookup)

    asking = [gevent.spawn(names.addresses, "api") for _ in range(100)]
    gevent.sleep(0)
    lookup.go.set()
    gevent.joinall(asking, timeout=5, raise_error=True)

    assert lookup.begun == 1
    assert Counter(thread.value[0] for thread in asking) == {"10.0.0.1": 50, "10.0.0.2": 50}


def test_when_the_user_that_asks_is_stopped_another_one_asks():
    lookup = SlowLookup()
    names = Names(lookup)
    first, second = gevent.spawn(names.addresses, "api"), gevent.spawn(names.addresses, "api")
    gevent.sleep(0)

    first.kill()
    lookup.go.set()
    second.join(5)

    assert lookup.begun == 2
    assert sorted(second.value) == ["10.0.0.1", "10.0.0.2"]


def test_a_failure_is_kept_for_a_second_and_no_longer():
    clock, lookups = Clock(), Lookups()
    names = Names(lookups, clock.now)

    for _ in range(3):
        with pytest.raises(socket.gaierror):
            names.addresses("api")
    clock.sleep(FAILURE_LIFE_S)
    lookups.answers["api"] = ["10.0.0.1"]

    assert names.addresses("api") == ("10.0.0.1",)
    assert lookups.asked == ["api", "api"]


def test_a_name_without_an_address_is_not_found():
    with pytest.raises(socket.gaierror, match="no address"):
        Names(Lookups(api=[])).addresses("api")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1%lo"])
def test_an_address_is_not_looked_up(address: str):
    lookups = Lookups()

    assert Names(lookups).addresses(address) == (address,)
    assert lookups.asked == []


def test_what_is_fixed_is_not_looked_up_whatever_its_capitals():
    lookups = Lookups()
    names = Names(lookups)

    names.fix([("API.example", "10.0.0.1"), ("api.example", "10.0.0.2"), ("10.9.9.9", "::1")])

    assert [names.addresses("api.Example")[0] for _ in range(3)] == ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    assert names.addresses("10.9.9.9") == ("::1",)
    assert lookups.asked == []


def test_of_hosts_without_number_only_the_last_are_kept():
    lookups = Lookups(**{f"h{number}": ["10.0.0.1"] for number in range(MOST_NAMES + 1)})
    names = Names(lookups, Clock().now)
    for host in list(lookups.answers):
        names.addresses(host)

    lookups.asked.clear()
    names.addresses(f"h{MOST_NAMES}")
    names.addresses("h1")
    names.addresses("h0")

    assert lookups.asked == ["h0"]


def test_the_system_knows_this_machine():
    assert {"127.0.0.1", "::1"} & set(Names().addresses("localhost"))


def test_a_name_that_cannot_be_one_is_not_found():
    with pytest.raises(socket.gaierror):
        Names().addresses("a..b")


def test_connections_go_to_the_addresses_in_turn_and_say_the_name(start_server, exchange):
    one = start_server()
    other = start_server(lambda peer: peer.serve({}), host="127.0.0.2", port=one.port)
    names = Names(Lookups(**{"api.example": ["127.0.0.1", "127.0.0.2"]}))

    statuses = [exchange(names, request_to(f"http://api.example:{one.port}/")) for _ in range(4)]

    assert statuses == [200] * 4
    assert (one.connections, other.connections) == (2, 2)
    assert {received.headers["Host"] for received in one.requests} == {f"api.example:{one.port}"}


def test_where_nobody_listens_the_next_address_is_tried(server, exchange):
    names = Names(Lookups(api=["127.0.0.3", "127.0.0.1"]))

    assert [exchange(names, request_to(f"http://api:{server.port}/")) for _ in range(2)] == [200, 200]


def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(start_server, certificate, exchange):
    server = start_server(tls=certificate.context)  # for 127.0.0.1
    names = Names(Lookups(**{"api.example": ["127.0.0.1"]}))
    verify = str(certificate.path)

    with pytest.raises(Exception, match="certificate not trusted"):
        exchange(names, request_to(f"https://api.example:{server.port}/", verify))
    assert exchange(names, request_to(f"https://127.0.0.1:{server.port}/", verify)) == 200


def test_the_name_and_not_the_address_is_said_in_the_tls_handshake(start_server, certificate, exchange):
    said: list[str | None] = []
    certificate.context.sni_callback = lambda sock, name, context: said.append(name)
    server = start_server(tls=certificate.context)
    names = Names(Lookups(**{"api.example": ["127.0.0.1"]}))

    try:
        status = exchange(names, request_to(f"https://api.example:{server.port}/", verify=False))
    finally:
        certificate.context.sni_callback = None

    assert (status, said) == (200, ["api.example"])
