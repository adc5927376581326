"""The race: offer albums from many threads at once, read back, and say what became of them: `python -m service.race`.

What `go run -race` is for Go, as far as one can see from outside. It offers the albums to a service over HTTP, or with
--store to a store in this process, which any Python can do that has nothing installed, one without a GIL too. Each id
is offered once, and each tenth once more at the same moment, by somebody else: only one of the two may be accepted.

    lost      accepted, and not there
    doubled   accepted twice, or there twice
    corrupt   there, but not as it was accepted

An offer that is answered by neither yes nor no breaks the race: what was never accepted cannot be lost, so a store that
is broken would look like a safe one. Then nothing is said about the store, and the exit code is 1.

Only the standard library.
"""

import argparse
import http.client
import json
import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from service.album import Album
from service.arguments import some
from service.contract import IdTaken, StoreError
from service.pace import Pace
from service.stores import STORES, Terms, open_store

PREFIX = "race "
TWICE_EVERY = 10
PATIENCE_S = 30
# Add one album: whether it was accepted.
Offer = Callable[[Album], bool]


class RaceError(Exception):
    """The race could not be run to its end, so nothing is known; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """How many albums were offered and accepted, and what became of those that were accepted."""

    offered: int
    accepted: int
    lost: int
    doubled: int
    corrupt: int


def offers(count: int) -> Iterator[Album]:
    """Yield `count` albums with ids of their own, each tenth of them twice."""
    for number in range(count):
        yield Album(f"{PREFIX}{number}", "Kind of Blue", "the first", 12.5)
        if not number % TWICE_EVERY:
            yield Album(f"{PREFIX}{number}", "Kind of Blue", "the second", 12.5)


def judge(accepted: Sequence[Album], kept: Iterable[Album]) -> tuple[int, int, int]:
    """Return how many ids were lost, doubled and corrupt, given what was accepted and what was there afterwards."""
    by_id: dict[str, list[Album]] = {}
    for album in accepted:
        by_id.setdefault(album.id, []).append(album)
    there = [album for album in kept if album.id.startswith(PREFIX)]
    times_there = Counter(album.id for album in there)
    lost = sum(id not in times_there for id in by_id)
    doubled = sum(len(albums) > 1 or times_there[id] > 1 for id, albums in by_id.items())
    corrupt = len({album.id for album in there if album not in by_id.get(album.id, ())})
    return lost, doubled, corrupt


def offer_together(albums: Sequence[Album], doors: Sequence[Offer]) -> list[Album]:
    """Offer the albums, each door in a thread of its own, neighbours at the same time; return those accepted.

    Raises RaceError when a door breaks. Whatever it raises: a thread that ended would be heard of by nobody.
    """
    accepted: list[list[Album]] = [[] for _ in doors]
    broken: list[Exception] = []
    gate = threading.Barrier(len(doors))

    def work(place: int) -> None:
        gate.wait()
        try:
            for album in albums[place :: len(doors)]:
                if doors[place](album):
                    accepted[place].append(album)
        except Exception as error:
            broken.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(doors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        said = f"{len(broken)} of {len(doors)} threads broke"
        raise RaceError(f"{said}, the first with {type(broken[0]).__name__}: {broken[0]}") from broken[0]
    return [album for each in accepted for album in each]


def race_store(name: str, terms: Terms, count: int, threads: int) -> Outcome:
    """Race for a store in this process.  Raises RaceError, or StoreError when it cannot be opened."""
    with closing(open_store(name, (), terms)) as store:

        def offer(album: Album) -> bool:
            with suppress(IdTaken):
                store.add(album)
                return True
            return False

        return _race(count, [offer] * threads, store.all)


def race_service(url: str, count: int, threads: int) -> Outcome:
    """Race for a running service, from as many connections as threads.  Raises RaceError."""
    where = urlsplit(url)
    connections = [
        http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_S) for _ in range(threads)
    ]

    def door(connection: http.client.HTTPConnection) -> Offer:
        def offer(album: Album) -> bool:
            return _ask(connection, "POST", json.dumps(album.plain())).status == http.client.CREATED

        return offer

    def kept() -> list[Album]:
        return [Album(**plain) for plain in json.loads(_ask(connections[0], "GET", None).body)]

    try:
        return _race(count, [door(connection) for connection in connections], kept)
    except (OSError, http.client.HTTPException) as error:
        raise RaceError(f"{url} does not answer: {error}") from error
    finally:
        for connection in connections:
            connection.close()


def _race(count: int, doors: Sequence[Offer], kept: Callable[[], list[Album]]) -> Outcome:
    if any(album.id.startswith(PREFIX) for album in kept()):
        raise RaceError("there has been a race before, whose albums are in the way; begin with a new service or file")
    albums = list(offers(count))
    accepted = offer_together(albums, doors)
    return Outcome(len(albums), len(accepted), *judge(accepted, kept()))


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


def _ask(connection: http.client.HTTPConnection, method: str, body: str | None) -> _Answer:
    """Return the answer; raise RaceError when it is neither a yes nor "the id is taken"."""
    connection.request(method, "/albums", body)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in (http.client.OK, http.client.CREATED, http.client.CONFLICT):
        raise RaceError(f"{method} /albums was answered with {answer.status} {answer.reason}")
    return _Answer(answer.status, said)


def main(arguments: Sequence[str]) -> None:
    """Run one race and print its outcome as JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.race", description=(__doc__ or "").splitlines()[0])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--url", help="of a running service, which must not have seen a race before")
    place.add_argument("--store", choices=list(STORES), help="in this process")
    parser.add_argument("--dsn", help="the file of the store sqlite, or the connection string of postgres")
    parser.add_argument("--albums", type=some, default=5000)
    parser.add_argument("--threads", type=some, default=50)
    parser.add_argument("--write-wait-s", type=_seconds, default=0.0, help="waited in the middle of an add (--store)")
    parser.add_argument("--switch-interval-s", type=_seconds, help="of this process (--store)")
    asked = parser.parse_args(arguments)
    if asked.switch_interval_s:
        sys.setswitchinterval(asked.switch_interval_s)
    try:
        if asked.url is not None:
            outcome = race_service(asked.url, asked.albums, asked.threads)
        else:
            terms = Terms(Pace(0.0, asked.write_wait_s), asked.dsn)
            outcome = race_store(asked.store, terms, asked.albums, asked.threads)
    except (RaceError, StoreError) as error:
        parser.exit(1, f"Error: {error}\n")
    is_gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    said = {**asdict(outcome), "python": sys.version.split()[0], "gil": is_gil_enabled}
    sys.stdout.write(json.dumps(said) + "\n")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds


if __name__ == "__main__":
    main(sys.argv[1:])
