"""python -m bench.page: does the generator wake later because somebody looks at the page?

`greenload run --web`, its users and its page in one process on one core, makes the same load in turns: alone, and with
browsers' streams open of which one never reads; with --ask-every each of them asks for the summary, too. What counts is
the generator's own lag, and what the server counted; the page must change neither.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.command import conduct, new_parser
from bench.machine import circumstances
from bench.measure import MARGIN_S, spread
from bench.peers import USERS
from bench.process import BenchError, Cores, choose_cores, running, wait_until
from bench.server import Server, serving


@dataclass(frozen=True)
class Outcome:
    """One run: how late the generator woke, in ms, what it sent, and what the server counted."""

    lag_p50_ms: float
    lag_p99_ms: float
    sent: int
    served: int
    events: int  # of the streams, all together


def main() -> None:
    parser = new_parser("bench.page", __doc__)
    parser.add_argument("--rate", type=int, default=200, help="arrivals a second [%(default)s]")
    parser.add_argument("--seconds", type=int, default=20, help="how long each run is [%(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs [%(default)s]")
    parser.add_argument("--browsers", type=int, default=20, help="streams, and besides one that stalls [%(default)s]")
    parser.add_argument(
        "--ask-every", type=float, default=0.0, help="seconds between two summaries; 0: streams alone [%(default)s]"
    )
    options = parser.parse_args()
    conduct(lambda: _measure(options))


def _measure(options: argparse.Namespace) -> None:
    cores = choose_cores()
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name, serving(cores.server, Path(name)) as server:
        for key, value in circumstances(("greenload", "flask"), server.name).items():
            print(f"{key:<10} {value}")
        print(
            f"{'load':<10} {options.rate}/s for {options.seconds} s; {options.browsers} streams and one that stalls\n"
        )
        print(f"{'':<10} {'lag p50':>9} {'p99':>9} {'sent':>9} {'served':>9} {'events':>9}")
        pairs = []
        for _ in range(options.rounds):
            pair = [_run(cores, server, options, Path(name), browsers) for browsers in (0, options.browsers)]
            pairs.append(pair)
            for title, outcome in zip(("alone", "watched"), pair, strict=True):
                _show(title, outcome)
    more = [watched.lag_p99_ms - alone.lag_p99_ms for alone, watched in pairs]
    print(f"\n{'watched':<10} woke later at p99 by {_words([*more])} ms than alone, pair by pair")


def _words(values: list[float]) -> str:
    found = spread(values)
    return f"{found.median:.2f} ({found.least:.2f} to {found.most:.2f})"


def _show(title: str, outcome: Outcome) -> None:
    numbers = f"{outcome.sent:>9} {outcome.served:>9} {outcome.events:>9}"
    print(f"{title:<10} {outcome.lag_p50_ms:>9.3f} {outcome.lag_p99_ms:>9.3f} {numbers}", flush=True)


def _run(cores: Cores, server: Server, options: argparse.Namespace, folder: Path, browsers: int) -> Outcome:
    result, output = folder / "result.json", folder / "output.txt"
    command = [sys.executable, "-m", "greenload", "run", str(USERS / "rate.py"), "-H", server.url, "--quiet", "--no-db"]
    command += ["--rate", f"{options.rate}/s", "-t", f"{options.seconds}s", "--json", str(result)]
    command += ["--web", "--web-port", "0", "--autostart", "--autoquit", "1s"]
    before = server.requests()
    with running(command, cores.generator, output) as process:
        wait_until(lambda: "page: " in output.read_text(), process, MARGIN_S)
        url = re.findall(r"page: (\S+?)/?\s", output.read_text())[0]
        with _watching(url, browsers, options.ask_every) as watchers:
            process.end(options.seconds + MARGIN_S)
        events = sum(watcher.events for watcher in watchers)
    document = json.loads(result.read_text())
    if document["total"]["failures"]:
        raise BenchError(f"{document['total']['failures']} requests failed: no measurement")
    lag = document["generator"]["lag_ms"]
    sent = sum(each["requests"] for each in document["names"] if each["method"] == "GET")
    return Outcome(lag["p50"], lag["p99"], sent, server.requests() - before, events)


class _Watcher:
    """Does what a browser with the page open does: reads the stream, and asks for the summary every so often.

    It asks at moments of its own, since no two browsers opened the page at the same one.
    """

    def __init__(self, url: str, ask_every_s: float) -> None:
        self._url = url
        self._ask_every_s = ask_every_s
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in self._habits()]
        self.events = 0

    def _habits(self) -> list[Callable[[], None]]:
        return [self._read, self._ask] if self._ask_every_s else [self._read]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(1.0)

    def _read(self) -> None:
        with suppress(OSError), urllib.request.urlopen(f"{self._url}/api/v1/live", timeout=MARGIN_S) as stream:
            for line in stream:
                self.events += line.startswith(b"event: second")

    def _ask(self) -> None:
        wait_s = random.uniform(0.0, self._ask_every_s)
        while not self._is_over.wait(wait_s):
            wait_s = self._ask_every_s
            with suppress(OSError):  # once the run is over
                urllib.request.urlopen(f"{self._url}/api/v1/summary", timeout=MARGIN_S).read()


@contextmanager
def _watching(url: str, browsers: int, ask_every_s: float) -> Iterator[list[_Watcher]]:
    """Let so many watch, and one more open a stream that it never reads."""
    watchers = [_Watcher(url, ask_every_s) for _ in range(browsers)]
    host, _, port = url.removeprefix("http://").rpartition(":")
    stalled = socket.create_connection((host, int(port))) if browsers else None
    if stalled is not None:
        stalled.sendall(f"GET /api/v1/live HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    for watcher in watchers:
        watcher.start()
    yield watchers
    for watcher in watchers:
        watcher.stop()
    if stalled is not None:
        stalled.close()


if __name__ == "__main__":
    main()
