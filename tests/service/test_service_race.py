"""The race finds what a lock prevents, and nothing where there is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.album import Album
from service.race import PREFIX, judge, offers, race_service

ROOT = Path(__file__).parents[2]


def album(number, artist="the first"):
    return Album(f"{PREFIX}{number}", "Kind of Blue", artist, 12.5)


def test_each_id_is_offered_once_and_each_tenth_once_more():
    ids = [each.id for each in offers(20)]

    assert len(ids) == 22
    assert len(set(ids)) == 20


@pytest.mark.parametrize(
    ("accepted", "kept", "outcome"),
    [
        ([album(1), album(2)], [album(2), album(1)], (0, 0, 0)),
        ([album(1), album(2)], [album(2)], (1, 0, 0)),
        ([album(1), album(1, "the second")], [album(1)], (0, 1, 0)),
        ([album(1)], [album(1), album(1)], (0, 1, 0)),
        ([album(1)], [album(1, "the second")], (0, 0, 1)),
        ([], [album(1)], (0, 0, 1)),
        ([], [Album("1", "Jeru", "Gerry Mulligan", 17.99)], (0, 0, 0)),
    ],
)
def test_what_became_of_the_albums_is_judged_by_what_was_accepted(accepted, kept, outcome):
    assert judge(accepted, kept) == outcome


@pytest.mark.parametrize("server", ["threads", "green"])
@pytest.mark.parametrize("store", ["list", "dict"])
def test_a_service_without_a_lock_loses_or_doubles_albums_when_adds_wait(start_service, store, server):
    service = start_service("--store", store, "--server", server, "--write-wait", "2ms")

    outcome = race_service(service.url, 200, 16)

    assert outcome.lost + outcome.doubled > 0
    assert outcome.offered == 220


@pytest.mark.parametrize("server", ["threads", "green"])
def test_a_service_with_a_lock_loses_nothing_when_adds_wait(start_service, server):
    service = start_service("--store", "list-mutex", "--server", server, "--write-wait", "0.2ms")

    outcome = race_service(service.url, 200, 16)

    assert (outcome.accepted, outcome.lost, outcome.doubled, outcome.corrupt) == (200, 0, 0, 0)


def test_green_threads_need_no_lock_while_nothing_waits_in_an_add(start_service):
    service = start_service("--store", "list", "--server", "green")

    outcome = race_service(service.url, 400, 16)

    assert (outcome.accepted, outcome.lost, outcome.doubled, outcome.corrupt) == (400, 0, 0, 0)


def test_a_race_in_one_process_needs_nothing_installed():
    """-I -S: no site-packages, as on a Python that was only unpacked."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from service.race import main; main(sys.argv[1:])"
    arguments = ["--store", "list", "--albums", "200", "--threads", "8", "--write-wait-s", "0.001"]

    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *arguments], capture_output=True, text=True, check=True
    )

    outcome = json.loads(ran.stdout)
    assert outcome["lost"] > 0
    assert outcome["offered"] == 220
