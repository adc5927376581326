"""What a person types is understood: addresses that others can reach, masters by any kind of address."""

import click
import pytest

from greenload.cli.options import Resolve, is_own_address, master_address


@pytest.mark.parametrize(
    "address",
    [
        "tcp://127.0.0.1:5557",
        "tcp://127.1.2.3:0",
        "tcp://localhost:5557",
        "tcp://[::1]:5557",
        "tcp://::1:5557",
        "ipc:///tmp/master",
    ],
)
def test_an_address_of_this_machine_only_needs_no_key(address):
    assert is_own_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://0.0.0.0:5557",
        "tcp://*:5557",
        "tcp://eth0:5557",
        "tcp://lo:5557",
        "tcp://[::]:5557",
        "tcp://[::]:0",
        "tcp://192.168.0.7:5557",
        "tcp://[fe80::1]:5557",
        "tcp://127.0.0.1.evil.example:1",
        "tcp://localhost.evil:1",
        "tcp://127.evil.example:1",
        "tcp://127.0.0.1;0.0.0.0:5557",
        "tcp://0:5557",
        "ws://example.org:5557",
        "nonsense",
        "",
    ],
)
def test_any_other_address_counts_as_one_that_others_can_reach(address):
    assert not is_own_address(address)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("127.0.0.1", "tcp://127.0.0.1:5557"),
        ("127.0.0.1:6000", "tcp://127.0.0.1:6000"),
        ("master.example", "tcp://master.example:5557"),
        ("master.example:6000", "tcp://master.example:6000"),
        ("[::1]:6000", "tcp://[::1]:6000"),
        ("[::1]", "tcp://[::1]:5557"),
        ("::1", "tcp://[::1]:5557"),
    ],
)
def test_a_master_is_found_by_name_by_ipv4_and_by_ipv6(typed, address):
    assert master_address(typed, 5557) == address


@pytest.mark.parametrize("typed", ["", ":5557", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:port", "tcp://"])
def test_what_zeromq_would_take_for_another_address_or_wait_at_for_ever_is_refused(typed):
    """ZeroMQ takes port 99999 for 34463, and no host for one that does not answer yet."""
    with pytest.raises(click.UsageError, match="is not an address; write for example"):
        master_address(typed, 5557)


@pytest.mark.parametrize(
    ("typed", "resolved"),
    [
        ("api.example:10.0.0.1", ("api.example", "10.0.0.1")),
        ("api:::1", ("api", "::1")),
        ("api:[2001:db8::7]", ("api", "2001:db8::7")),
    ],
)
def test_a_host_and_its_address_are_told_apart(typed, resolved):
    assert Resolve().convert(typed, None, None) == resolved


@pytest.mark.parametrize("typed", ["", "api", "api:", ":10.0.0.1", "10.0.0.1", "api:10.0.0.1:80", "api:other", "::1"])
def test_what_names_no_address_for_a_host_is_refused(typed):
    with pytest.raises(click.BadParameter, match="is not HOST:IP"):
        Resolve().convert(typed, None, None)
