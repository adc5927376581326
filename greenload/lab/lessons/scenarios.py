"""Lesson: the exercise's three test scenarios: users that read and write, that only read, that only write."""

from __future__ import annotations

import operator

from greenload.lab.exercise import Load, beside, median, no_failures, notes_of, play, times_table
from greenload.lab.findings import Claim, Findings, judged
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, ms, rate, times

USERS, WORKERS = 20, 2
UNPROTECTED = ("--store", "list")
KINDS = ("AlbumUser", "GetOnlyUser", "PostOnlyUser")
# What the exercise works out from the weights of the mixed users, 3, 2 and 1.
SHARES = {"GET /albums": 50.0, "GET /albums/:id": 33.33, "POST /albums": 16.67}
# Tasks are drawn: of some hundred requests a share may well be some points off.
POINTS = 10.0


def measure(effort: Effort) -> Findings:
    """Each kind on a service of its own."""
    ran = {kind: play(Load(USERS, USERS, WORKERS, kind), effort, *UNPROTECTED) for kind in KINDS}
    mixed, readers, writers = ran.values()
    shares = shares_of(mixed)
    get, post = median(readers, "GET /albums"), median(writers, "POST /albums")
    often = [times(rate(each), rate(mixed)) for each in (readers, writers)]
    return Findings(
        tables=[
            times_table(f"{USERS} users, {WORKERS} workers", ran),
            beside([
                *((f"mixed: {name}", f"{share:g} %", _percent(shares[name])) for name, share in SHARES.items()),
                ("readers, writers: requests/s", "more: they wait less", f"{' and '.join(often)} times those of mixed"),
                ("readers: GET /albums, median", "1-5 ms, faster", f"{ms(get)} ms"),
                ("writers: POST /albums, median", "2-10 ms", f"{ms(post)} ms"),
                ("failures", "0", str(sum(each.total.failures for each in ran.values()))),
            ]),
        ],
        claims=[
            Claim("The mixed users' requests are shared as their weights say, 3 to 2 to 1",
                  judged(_as_expected, *shares.values()),
                  f"{', '.join(map(_percent, shares.values()))} of {mixed.total.requests:,} requests",
                  needs_quiet=False,
                  reading="A user draws each task by its weight, so the mix is right on the whole, and never exactly."),
            Claim("Users that wait 1.25 s instead of 2 make about 1.6 times the requests",
                  judged(_about_1_6_times, *map(rate, ran.values())),
                  f"{' and '.join(often)} times",
                  reading="With answers this fast it is the waiting that decides how many requests users make, not the "
                  "server."),
            Claim("Reading is faster than writing", judged(operator.lt, get, post),
                  f"GET {ms(get)} ms, POST {ms(post)} ms",
                  otherwise="That POST has a body to parse and a list to append to takes microseconds (`greenload lab "
                  "structures`); what each request needs of HTTP is most of its time."),
            no_failures(ran),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def shares_of(mixed: Ran) -> dict[str, float | None]:
    """Return how many of a hundred requests each name had; None where there was not one request."""
    whole = mixed.total.requests
    found = {name: mixed.by_name[name].requests if name in mixed.by_name else 0 for name in SHARES}
    return {name: 100 * requests / whole if whole else None for name, requests in found.items()}


def _as_expected(*shares: float) -> bool:
    return all(abs(share - expected) <= POINTS for share, expected in zip(shares, SHARES.values(), strict=True))


def _about_1_6_times(mixed: float, *others: float) -> bool:
    return all(1.3 * mixed < each < 2 * mixed for each in others)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"


LESSON = Lesson(
    name="scenarios",
    question="three kinds of users: mixed, readers only, writers only; what does each see?",
    code=[Part("examples/albums.py", kind) for kind in KINDS],
    measure=measure,
    reading=(
        "Each kind has a service of its own, whose list has three albums at the beginning: readers write out these "
        "three again and again, and with writers it grows. A scenario is what its users do and how long they wait "
        "in between; the load follows from that."
    ),
    following="experiment 1",
)
