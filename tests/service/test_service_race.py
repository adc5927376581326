"""The race finds what a lock prevents, and nothing where there is one."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.album import Album
from service.pace import AT_ONCE
from service.race import PREFIX, RaceError, judge, main, offers, race_service, race_store
from service.stores import STORES, Terms

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


class StoreThatBreaks:
    """Takes ten albums."""

    def __init__(self):
        self._albums = []

    def all(self):
        return list(self._albums)

    def add(self, album):
        if len(self._albums) >= 10:
            raise OSError("the disk is full")
        self._albums.append(album)

    def close(self):
        pass


def test_a_store_that_breaks_is_not_a_store_that_loses_nothing(monkeypatch):
    monkeypatch.setattr("service.race.open_store", lambda name, albums, terms: StoreThatBreaks())

    with pytest.raises(RaceError, match="threads broke, the first with OSError: the disk is full"):
        race_store("list-mutex", Terms(AT_ONCE), 100, 4)


def test_a_service_is_raced_for_once(start_service):
    service = start_service()
    race_service(service.url, 20, 4)

    with pytest.raises(RaceError, match="there has been a race before"):
        race_service(service.url, 20, 4)


class Breaking(BaseHTTPRequestHandler):
    """Has no albums, and answers 500 to whoever brings one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"[]")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(500, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said):
        pass


class BreakingAtOnce(Breaking):
    """Cannot even say which albums it has."""

    def do_GET(self):
        self.answer(500, b"{}")


@contextmanager
def served(handler) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("handler", "said"),
    [(Breaking, "POST /albums was answered with 500"), (BreakingAtOnce, "GET /albums was answered")],
)
def test_a_service_that_answers_500_breaks_the_race(handler, said):
    with served(handler) as url, pytest.raises(RaceError, match=said):
        race_service(url, 20, 2)


def test_a_postgres_can_be_raced_for(new_database):
    outcome = race_store("postgres", Terms(dsn=new_database()), 50, 8)

    assert (outcome.offered, outcome.accepted, outcome.lost + outcome.doubled + outcome.corrupt) == (55, 50, 0)
    assert "postgres" in STORES


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--url", "http://127.0.0.1:9", "--albums", "3"], 1, "Error: http://127.0.0.1:9 does not answer"),
        (["--store", "sqlite"], 1, "Error: the store sqlite needs --dsn"),
        (["--store", "list", "--threads", "0"], 2, "--threads: 0 is not between 1 and a million"),
        (["--store", "list", "--albums", "-1"], 2, "--albums: -1 is not between 1 and a million"),
        (["--store", "list", "--write-wait-s", "nan"], 2, "--write-wait-s: nan is not a number of seconds"),
    ],
)
def test_what_cannot_be_raced_for_is_a_sentence(capsys, arguments, code, said):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == code
    assert said in capsys.readouterr().err
