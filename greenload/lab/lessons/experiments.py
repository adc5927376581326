"""Lessons: the exercise's experiments 1 to 3, as written there: one user, ten users, ten users from four workers."""

from __future__ import annotations

import operator

from greenload.lab.exercise import Load, beside, charts_of, median, no_failures, notes_of, play, times_table
from greenload.lab.findings import Claim, Findings, Table, judged
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, ms, per_s, rate, times

UNPROTECTED = ("--store", "list")
ONE, TEN, SPREAD = Load(1, 1), Load(10, 2), Load(10, 2, workers=4)
USERS = Part("examples/albums.py", "AlbumUser")
STORE = Part("service/containers.py", "ListContainer")


def measure_one_user(effort: Effort) -> Findings:
    """Experiment 1: one user, one worker."""
    ran = {"1 user": play(ONE, effort, *UNPROTECTED)}
    [one] = ran.values()
    get, post = median(one, "GET /albums"), median(one, "POST /albums")
    return Findings(
        tables=[
            times_table("1 user, 1 worker", ran),
            beside([
                ("GET /albums, median", "1-5 ms", f"{ms(get)} ms"),
                ("POST /albums, median", "2-10 ms", f"{ms(post)} ms"),
                ("failures", "0", str(one.total.failures)),
            ]),
        ],
        claims=[
            Claim("GET is faster than POST", judged(operator.lt, get, post),
                  f"medians {ms(get)} and {ms(post)} ms"),
            Claim("The slowest request is far from the median", _is_far(one),
                  f"{ms(one.total.response_ms['max'])} against {ms(one.total.response_ms['p50'])} ms"),
            no_failures(ran),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def measure_ten_users(effort: Effort) -> Findings:
    """Experiment 2: ten users beside one."""
    ran = {"1 user": play(ONE, effort, *UNPROTECTED), "10 users": play(TEN, effort, *UNPROTECTED)}
    one, ten = ran.values()
    return Findings(
        tables=[
            times_table("1 worker", ran),
            beside([
                ("requests/s", "more", f"{per_s(rate(one))}, then {per_s(rate(ten))}"),
                ("median", "does it change?", f"{_p50(one)} ms, then {_p50(ten)} ms"),
                ("failures", "none appear", str(ten.total.failures)),
            ]),
        ],
        charts=charts_of(ran),
        claims=[
            Claim("Ten users make several times the requests of one",
                  judged(lambda ten, one: ten > 3 * one, rate(ten), rate(one)),
                  f"{times(rate(ten), rate(one))} times as many",
                  reading="So ten of them make several times the requests: they do not get in each other's way."),
            no_failures(ran),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def measure_four_workers(effort: Effort) -> Findings:
    """Experiment 3: the same ten users from one worker and from four."""
    ran = {"1 worker": play(TEN, effort, *UNPROTECTED), "4 workers": play(SPREAD, effort, *UNPROTECTED)}
    one, four = ran.values()
    spread = sorted(each["users"] for each in four.workers)
    rows = [[each["id"], str(each["users"]), f"{each['requests']:,}"] for each in four.workers]
    return Findings(
        tables=[
            times_table("10 users", ran),
            Table("who ran whom", ["worker", "users", "requests"], rows),
            beside([
                ("requests/s", "does it change?", f"{per_s(rate(one))}, then {per_s(rate(four))}"),
                ("median", "does it change?", f"{_p50(one)} ms, then {_p50(four)} ms"),
                ("users of each worker", "spread", ", ".join(map(str, spread))),
            ]),
        ],
        claims=[
            Claim("The load is the same: users make it, not workers",
                  judged(lambda four, one: 0.7 * one < four < 1.4 * one, rate(four), rate(one)),
                  f"{times(rate(four), rate(one))} times as much"),
            Claim("The users are spread evenly", max(spread) - min(spread) <= 1, ", ".join(map(str, spread)),
                  needs_quiet=False),
            Claim("No request is lost between workers and master", _reconciled(four),
                  f"{four.sums['merged_by_master']} of {four.sums['counted_by_workers']}", needs_quiet=False),
            no_failures(ran),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def _p50(ran: Ran) -> str:
    return ms(ran.total.response_ms["p50"])


def _is_far(ran: Ran) -> bool | None:
    quantiles = ran.total.response_ms
    return judged(lambda most, middle: most > 2 * middle, quantiles["max"], quantiles["p50"])


def _reconciled(ran: Ran) -> bool:
    return bool(ran.sums["merged_by_master"] == ran.sums["counted_by_workers"])


LESSONS = (
    Lesson(
        "experiment 1",
        "start small: 1 user, 1 worker; is GET faster than POST?",
        [USERS, STORE],
        measure_one_user,
        reading=(
            "With one user nobody is in anybody's way: these times are what a request takes. GET /albums writes out "
            "the whole list, POST /albums reads one album and answers with it: which is faster depends on how many "
            "albums there are."
        ),
        following="experiment 2",
    ),
    Lesson(
        "experiment 2",
        "increase load: 10 users, 1 worker; what changes?",
        [USERS],
        measure_ten_users,
        reading=(
            "Users that think for seconds are seldom there at the same time. As long as the service is far from its "
            "limit, each is served as if it were alone."
        ),
        following="experiment 3",
    ),
    Lesson(
        "experiment 3",
        "add workers: 10 users, 4 workers; does that change results?",
        [USERS],
        measure_four_workers,
        reading=(
            "Workers are processes that run users; they make no load of their own. More of them help when one "
            "process cannot keep up, which ten users never show. What has to stay true is that all they counted "
            "arrives at the master."
        ),
        following="experiment 4",
    ),
)
