"""The race: offer albums from many threads at once, read back, and say what became of them: `python -m service.race`.

What `go run -race` is for Go, as far as one can see from outside. It offers the albums to a service over HTTP, or with
--store to a store in this process, which any Python can do that has nothing installed, one without a GIL too. Each id
is offered once, and each tenth once more at the same moment, by somebody else: only one of the two may be accepted.

    lost      accepted, and not there
    doubled   accepted twice, or there twice
    corrupt   there, but not as it was accepted

Only the standard library.
"""

import argparse
import http.client
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from service.album import Album
from service.contract import IdTaken
from service.pace import Pace
from service.stores import STORES, Terms, open_store

PREFIX = "race "
TWICE_EVERY = 10
# Add one album: whether it was accepted.
Offer = Callable[[Album], bool]


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
    """Offer the albums, each door in a thread of its own, neighbours at the same time; return those accepted."""
    accepted: list[list[Album]] = [[] for _ in doors]
    gate = threading.Barrier(len(doors))

    def work(place: int) -> None:
        gate.wait()
        for album in albums[place :: len(doors)]:
            if doors[place](album):
                accepted[place].append(album)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(doors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [album for each in accepted for album in each]


def race_store(name: str, terms: Terms, count: int, threads: int) -> Outcome:
    """Race for a store in this process."""
    store = open_store(name, (), terms)

    def offer(album: Album) -> bool:
        with suppress(IdTaken):
            store.add(album)
            return True
        return False

    albums = list(offers(count))
    accepted = offer_together(albums, [offer] * threads)
    kept = store.all()
    store.close()
    return Outcome(len(albums), len(accepted), *judge(accepted, kept))


def race_service(url: str, count: int, threads: int) -> Outcome:
    """Race for a running service, from as many connections as threads."""
    where = urlsplit(url)
    connections = [http.client.HTTPConnection(where.hostname or "", where.port) for _ in range(threads)]

    def door(connection: http.client.HTTPConnection) -> Offer:
        def offer(album: Album) -> bool:
            connection.request("POST", "/albums", json.dumps(album.plain()))
            answer = connection.getresponse()
            answer.read()
            return answer.status == http.client.CREATED

        return offer

    albums = list(offers(count))
    accepted = offer_together(albums, [door(connection) for connection in connections])
    connections[0].request("GET", "/albums")
    kept = [Album(**plain) for plain in json.loads(connections[0].getresponse().read())]
    for connection in connections:
        connection.close()
    return Outcome(len(albums), len(accepted), *judge(accepted, kept))


def main(arguments: Sequence[str]) -> None:
    """Run one race and print its outcome as JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.race", description=(__doc__ or "").splitlines()[0])
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--url", help="of a running service, which must not have seen a race before")
    place.add_argument("--store", choices=[name for name in STORES if name != "postgres"], help="in this process")
    parser.add_argument("--dsn", help="the file of the store sqlite")
    parser.add_argument("--albums", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--write-wait-s", type=float, default=0.0, help="waited in the middle of an add (--store)")
    parser.add_argument("--switch-interval-s", type=float, help="of this process (--store)")
    asked = parser.parse_args(arguments)
    if asked.switch_interval_s is not None:
        sys.setswitchinterval(asked.switch_interval_s)
    if asked.url is not None:
        outcome = race_service(asked.url, asked.albums, asked.threads)
    else:
        terms = Terms(Pace(0.0, asked.write_wait_s), asked.dsn)
        outcome = race_store(asked.store, terms, asked.albums, asked.threads)
    is_gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    said = {**asdict(outcome), "python": sys.version.split()[0], "gil": is_gil_enabled}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
