"""What a store costs: times `all`, `get` and `add` of one in this process, without HTTP: `python -m service.cost`.

The store is filled first. Then each round lists all albums some times, finds some of them, from its whole length, and
adds some; so while it is measured a store grows by ADDS a round. What is said is microseconds each, a number a round.

Only the standard library, for stores in memory and in SQLite.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from random import Random
from typing import Any

from service.album import Album
from service.arguments import some
from service.contract import AlbumStore, StoreError
from service.stores import STORES, Terms, open_store

LISTS, FINDS, ADDS = 10, 100, 10
SEED = 1


def album(number: int) -> Album:
    return Album(f"cost {number}", "Kind of Blue", "Miles Davis", 12.5)


def cost_of(store: AlbumStore, albums: int, rounds: int) -> Mapping[str, Sequence[float]]:
    """Return the microseconds that each operation took in each round.  albums: how many are in the store already."""
    random = Random(SEED)
    us: dict[str, list[float]] = {"all": [], "get": [], "add": []}
    for number in range(rounds):
        ids = [album(random.randrange(albums)).id for _ in range(FINDS)]
        begin = albums + number * ADDS
        added = [album(each) for each in range(begin, begin + ADDS)]
        us["all"].append(_us_each(lambda _: store.all(), range(LISTS)))
        us["get"].append(_us_each(store.get, ids))
        us["add"].append(_us_each(store.add, added))
    return us


def _us_each(act: Callable[[Any], object], items: Iterable[Any]) -> float:
    """Do it with each item; return how long one took, on average."""
    waiting = list(items)
    began_s = time.perf_counter()
    for item in waiting:
        act(item)
    return 1e6 * (time.perf_counter() - began_s) / len(waiting)


def main(arguments: Sequence[str]) -> None:
    """Measure one store and print what came as JSON."""
    parser = argparse.ArgumentParser(prog="python -m service.cost", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=list(STORES), required=True)
    parser.add_argument("--dsn", help="the file of the store sqlite, or the connection string of postgres; a new one")
    parser.add_argument("--albums", type=some, default=1000, help="how many are in the store")
    parser.add_argument("--rounds", type=some, default=5)
    asked = parser.parse_args(arguments)
    try:
        store = open_store(asked.store, (album(number) for number in range(asked.albums)), Terms(dsn=asked.dsn))
    except StoreError as error:
        parser.exit(1, f"Error: {error}\n")
    with closing(store):
        if len(store.all()) != asked.albums:
            parser.exit(1, "Error: there are albums of before in the store; begin with a new file or database\n")
        us = cost_of(store, asked.albums, asked.rounds)
    sys.stdout.write(json.dumps({"store": asked.store, "albums": asked.albums, "us": us}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
