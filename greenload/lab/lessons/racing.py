"""Lesson: the exercise's experiment 4: fifty users that only write, on a store without a lock."""

from __future__ import annotations

from greenload.lab.exercise import Audited, Load, beside, notes_of, play_audited
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson, Part

HEADINGS = ["store", "requests", "failures", "accepted", "lost", ""]
WRITERS = Load(50, 100, user_class="PostOnlyUser")
SERVICES = {
    "list": ("--store", "list"),
    "list, turns of 10us": ("--store", "list", "--switch-interval", "10us"),
    "list, 20ms inside the add": ("--store", "list", "--write-wait", "20ms"),
    "list-mutex, 1ms inside the add": ("--store", "list-mutex", "--write-wait", "1ms"),
}


def measure(effort: Effort) -> Findings:
    """Let them write; the service keeps a log of what it accepted."""
    found = {name: play_audited(WRITERS, effort, *options) for name, options in SERVICES.items()}
    plain, _, waiting, locked = found.values()
    rows = [
        [name, f"{each.ran.total.requests:,}", f"{each.ran.total.failures:,}", f"{each.accepted:,}", f"{each.lost:,}",
         f"{_share(each):.1%}"]
        for name, each in found.items()
    ]  # fmt: skip
    return Findings(
        tables=[
            Table("50 users that only write, 1 worker", HEADINGS, rows),
            beside([
                ("without a lock", "data corruption or panics", f"{plain.lost} lost, no panic"),
                ("without a lock, and an add takes time", "data corruption or panics", f"{_share(waiting):.1%} lost"),
                ("with a mutex", "zero failures", f"{locked.lost} lost, {locked.ran.total.failures} failed"),
            ]),
        ],
        claims=[
            Claim("Without a mutex the server panics", False, "Python's lists and dicts cannot be torn: it never does",
                  needs_quiet=False),
            Claim("Without a mutex data is lost", plain.lost > 0, f"{plain.lost} of {plain.accepted:,} lost as it is, "
                  f"{waiting.lost:,} of {waiting.accepted:,} with 20 ms inside the add", needs_quiet=False),
            Claim("No failure tells of it: each client was told 201",
                  waiting.ran.total.failures == 0 and waiting.lost > 0,
                  f"{waiting.ran.total.failures} failures, {waiting.lost:,} albums lost", needs_quiet=False),
            Claim("With a mutex nothing is lost", locked.lost == 0, f"{locked.lost} lost", needs_quiet=False),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def _share(audited: Audited) -> float:
    return audited.lost / audited.accepted if audited.accepted else 0.0


LESSON = Lesson(
    name="experiment 4",
    question="race condition (if brave!): 50 users that only write, without a lock",
    code=[Part("examples/albums.py", "PostOnlyUser"), Part("service/containers.py", "ListContainer.add")],
    measure=measure,
    reading=(
        "Go would crash: its slices are pointers and lengths, and its maps check. CPython changes threads only "
        "between two of its own instructions, so nothing is ever torn, and what is lost is lost in silence. No "
        "failure, no log line: only the audit shows it. As a load test it would have passed."
    ),
    following="spicier",
)
