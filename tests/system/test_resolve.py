"""--resolve: users of every worker go to the address that was said, by the name in the URL."""

from __future__ import annotations

import pytest

from tests.system.conftest import reader


def named(url: str) -> str:
    return url.replace("127.0.0.1", "albums.example")


@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_a_host_that_no_name_server_knows_is_loaded_at_the_address_that_was_said(greenload, album_service, user):
    greenload.write("one.py", reader(user, wait_s=0.05))
    addresses = ("--resolve", "albums.example:127.0.0.1", "--resolve", "albums.example:127.0.0.9")  # nobody is there

    done = greenload.run(
        *("run", "one.py", "-H", named(album_service.url), "-u", 4, "-r", 100, "-t", "1s", "--json", "out.json"),
        *addresses,
    )

    sums = greenload.read_json("out.json")["reconciliation"]
    assert done.returncode == 0, done.stderr
    assert (sums["succeeded"], sums["failed"]) == (album_service.requests(), 0)


def test_workers_hear_from_the_master_which_address_it_is(fleet):
    where = ("-H", named(fleet.service.url), "--resolve", "albums.example:127.0.0.1")
    fleet.master(*where, "-u", 4, "-r", 100, "-t", "1s", "--expect-workers", 2)
    fleet.worker("one")
    fleet.worker("two")

    sums = fleet.finish()

    assert (sums["succeeded"], sums["failed"]) == (fleet.service.requests(), 0)
    assert sums["succeeded"] > 0
