"""Lessons: the exercise's experiments 1 to 3, as written there: one user, ten users, ten users from four workers."""

from __future__ import annotations

from greenload.lab.exercise import Load, beside, median, no_failures, notes_of, play, times_table
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.load import Ran, ms

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
            Claim("GET is faster than POST", get is not None and post is not None and get < post,
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
    ratio = ten.total.per_s / one.total.per_s if one.total.per_s else 0.0
    return Findings(
        tables=[
            times_table("1 worker", ran),
            beside([
                ("requests/s", "more", f"{one.total.per_s:.1f}, then {ten.total.per_s:.1f}"),
                ("median", "does it change?", f"{_p50(one)} ms, then {_p50(ten)} ms"),
                ("failures", "none appear", str(ten.total.failures)),
            ]),
        ],
        claims=[
            Claim("Ten users make several times the requests of one", ratio > 3, f"{ratio:.1f} times as many: users "
                  "that think do not get in each other's way", needs_quiet=False),
            no_failures(ran),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def measure_four_workers(effort: Effort) -> Findings:
    """Experiment 3: the same ten users from one worker and from four."""
    ran = {"1 worker": play(TEN, effort, *UNPROTECTED), "4 workers": play(SPREAD, effort, *UNPROTECTED)}
    one, four = ran.values()
    spread = sorted(each["users"] for each in four.workers)
    ratio = four.total.per_s / one.total.per_s if one.total.per_s else 0.0
    rows = [[each["id"], str(each["users"]), f"{each['requests']:,}"] for each in four.workers]
    return Findings(
        tables=[
            times_table("10 users", ran),
            Table("who ran whom", ["worker", "users", "requests"], rows),
            beside([
                ("requests/s", "does it change?", f"{one.total.per_s:.1f}, then {four.total.per_s:.1f}"),
                ("median", "does it change?", f"{_p50(one)} ms, then {_p50(four)} ms"),
                ("users of each worker", "spread", ", ".join(map(str, spread))),
            ]),
        ],
        claims=[
            Claim("The load is the same: users make it, not workers", 0.7 < ratio < 1.4, f"{ratio:.2f} times as much"),
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


def _is_far(ran: Ran) -> bool:
    middle, most = ran.total.response_ms["p50"], ran.total.response_ms["max"]
    return middle is not None and most is not None and most > 2 * middle


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
            "Users that think for seconds are seldom there at the same time. So ten of them make ten times the "
            "requests, and the median hardly moves, as long as the service is far from its limit."
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
