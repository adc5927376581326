"""python -m bench.history: how large the file of a long run becomes, and how long it takes to write and to read it.

Plays the counts of a run of one hour with 20 request names, second by second, into a store, each second in as many
transactions as a master with many workers makes of it; then reads the run back, summary and all, and makes a report of
it, as a page. Times are processor time, which others on the machine hardly change.
"""

from __future__ import annotations

import argparse
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.command import add_json, conduct_and_write, new_parser
from bench.machine import circumstances
from bench.process import BenchError
from greenload.core.bundle import Bundle
from greenload.core.gate import Gate
from greenload.core.messages import Account, Plan
from greenload.core.news import RUNNING, News
from greenload.core.placement import Share
from greenload.core.run_info import RunInfo
from greenload.core.shape import ramp
from greenload.core.stats import Stats
from greenload.report.stored import document_of
from greenload.store import Store
from greenload.version import VERSION

RUN = "20300101-000000-bead"
MOST_MB = 100
MOST_REPORT_S = 10.0
MEDIAN_MS, SIGMA = 30.0, 0.5  # log-normal
LATE_S = 0.002
FAILED_PART = 0.01


def main() -> None:
    options = _options()
    document = conduct_and_write(lambda: _measure(options), options.json)
    if document["mb"] >= MOST_MB:
        sys.exit(f"the file is not below {MOST_MB} MB")
    if document["report_s"] >= MOST_REPORT_S:
        sys.exit(f"the report took {MOST_REPORT_S:g} s or more")


def _options() -> argparse.Namespace:
    parser = new_parser("bench.history", __doc__)
    parser.add_argument("--seconds", type=int, default=3600, help="how long the run is [%(default)s]")
    parser.add_argument("--names", type=int, default=20, help="request names [%(default)s]")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second, of all names together [%(default)s]")
    parser.add_argument("--parts", type=int, default=1, help="transactions that bring one second [%(default)s]")
    parser.add_argument(
        "--late", action="store_true", help="requests begin late: response and service time differ, rows are larger"
    )
    add_json(parser)
    return parser.parse_args()


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, show what came out, and return it."""
    load = {key: getattr(options, key) for key in ("seconds", "names", "rate", "parts", "late")}
    with tempfile.TemporaryDirectory(prefix="greenload-bench-") as name:
        path = Path(name) / "history.db"
        write_s, longest_s = _write(path, options)
        with closing(Store.found(path)) as store:
            began_s = time.process_time()
            summary = document_of(store.load(RUN))
            requests = summary["total"]["requests"]
            read_s = time.process_time() - began_s
            store.end_run(RUN, summary)
            began_s = time.process_time()
            seconds = sum(1 for _ in store.seconds(RUN))
            walk_s = time.process_time() - began_s
        report_s, page_mb = _report(path)
        mb = path.stat().st_size / 1e6
        tables = _sizes(path)
    for key, value in circumstances(("greenload",)).items():
        print(f"{key:<12} {value}")
    print(f"{'run':<12} {load['seconds']} s, {load['names']} names, {load['rate']} requests/s, {requests:,} in all")
    print(f"{'file':<12} {mb:.1f} MB" + (", " + ", ".join(tables) if tables else ""))
    print(f"{'write':<12} {1000 * write_s / seconds:.1f} ms for a second of the run, at most {1000 * longest_s:.0f} ms")
    print(f"{'load':<12} {read_s:.1f} s for all of it and its summary; {walk_s:.1f} s second by second")
    print(f"{'report':<12} {report_s:.1f} s, a page of {page_mb:.2f} MB")
    times = {"write_s": write_s, "longest_s": longest_s, "read_s": read_s, "walk_s": walk_s, "report_s": report_s}
    return {"load": load, "mb": mb, "page_mb": page_mb, **times}


def _report(path: Path) -> tuple[float, float]:
    """Return how long `greenload report` takes to make a page, in seconds of the processor, and its size in MB."""
    page = path.with_suffix(".html")
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "greenload", "report", RUN, "--db", str(path), "--html", str(page)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise BenchError(f"greenload report: {made.stderr.strip()}")
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime, page.stat().st_size / 1e6


def _write(path: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Return how long it took to keep all of the run, and how long for the slowest transaction."""
    plan = Plan(ramp(50, 10.0), float(options.seconds), (Share("User", 1),), None, 10.0, 1)
    info = RunInfo(RUN, "2030-01-01T00:00:00+00:00", "users", "played.py", "0" * 64, None, 1, VERSION)
    whole_s = longest_s = 0.0
    with closing(Store(path)) as store:
        store.open_run(info, plan, Gate(), Bundle(b""))
        store.keep(RUN, News(began=True, states={"local": (1, RUNNING)}))
        for news in _played(options):
            began_s = time.process_time()
            store.keep(RUN, news)
            took_s = time.process_time() - began_s
            whole_s, longest_s = whole_s + took_s, max(longest_s, took_s)
    return whole_s, longest_s


def _played(options: argparse.Namespace) -> Iterator[News]:
    draw = random.Random(1)
    names = [f"/api/v1/resource-{number}/:id" for number in range(options.names)]
    seq = counted = 0
    for second in range(options.seconds):
        for part in range(options.parts):
            stats = Stats()
            requests = options.rate // options.parts
            for number in range(requests):
                _record(stats, names[number % len(names)], second, draw, options.late)
            seq, counted, stats.sent = seq + 1, counted + requests, requests
            for _ in range(20):
                stats.lag.record(int(draw.lognormvariate(5, 0.5)))
            from_s, until_s = second + part / options.parts, second + (part + 1) / options.parts
            account = Account("local", 1, seq, from_s, until_s, 50, 40.0, counted, requests, requests, 0)
            yield News(accounts=[account], seconds=[(second, stats)])


def _record(stats: Stats, name: str, second: int, draw: random.Random, is_late: bool) -> None:
    took_s = MEDIAN_MS / 1000 * draw.lognormvariate(0, SIGMA)
    late_s = draw.expovariate(1 / LATE_S) if is_late else 0.0
    error = "HTTP 503" if draw.random() < FAILED_PART else None
    stats.count("GET", name, second - late_s, second, second + took_s, error, 1000)


def _sizes(path: Path) -> list[str]:
    """Return what takes most of the file, in words; nothing where SQLite was built without that table."""
    with closing(sqlite3.connect(path)) as file:
        try:
            sizes = file.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC LIMIT 3").fetchall()
        except sqlite3.OperationalError:
            return []
    return [f"{name} {size / 1e6:.1f}" for name, size in sizes]


if __name__ == "__main__":
    main()
