"""Lesson: the exercise's experiment 4: fifty users that only write, on a store without a lock."""

from __future__ import annotations

from collections.abc import Sequence

from greenload.lab.exercise import Audited, Load, beside, notes_of, play_audited
from greenload.lab.findings import Claim, Findings, Table, judged
from greenload.lab.lesson import Effort, Lesson, Part

HEADINGS = ["store", "requests", "failures", "accepted", "lost", ""]
WRITERS = Load(50, 100, user_class="PostOnlyUser")
WAIT = "5ms"
SERVICES = {
    "list": ("--store", "list"),
    "list, turns of 10us": ("--store", "list", "--switch-interval", "10us"),
    # The same wait with a lock and without, or the two could not be compared.
    f"list, {WAIT} inside the add": ("--store", "list", "--write-wait", WAIT),
    f"dict, {WAIT} inside the add": ("--store", "dict", "--write-wait", WAIT),
    f"list-mutex, {WAIT} inside the add": ("--store", "list-mutex", "--write-wait", WAIT),
}


def measure(effort: Effort) -> Findings:
    """Let them write; the service keeps a log of what it accepted."""
    found = {name: play_audited(WRITERS, effort, *options) for name, options in SERVICES.items()}
    plain, _, waiting, in_map, locked = found.values()
    *unlocked, _ = found.values()
    rows = [
        [name, f"{each.ran.total.requests:,}", f"{each.ran.total.failures:,}", f"{each.accepted:,}", f"{each.lost:,}",
         _percent(each)]
        for name, each in found.items()
    ]  # fmt: skip
    return Findings(
        tables=[
            Table("50 users that only write, 1 worker; one run each", HEADINGS, rows),
            beside([
                ("without a lock", "data corruption or panics", f"{plain.lost} lost, {_ended(unlocked)}"),
                ("without a lock, and an add takes time", "data corruption or panics", f"{_percent(waiting)} lost"),
                ("a map without a lock, and an add takes time", "watch it crash!",
                 f"{in_map.lost} of {in_map.accepted:,} lost, {_state(in_map)}"),
                ("with a mutex", "zero failures", f"{locked.lost} lost, {locked.ran.total.failures} failed"),
            ]),
        ],
        claims=[
            Claim("Without a mutex the server panics", not all(each.has_survived for each in unlocked),
                  _ended(unlocked), needs_quiet=False,
                  otherwise="CPython changes threads only between two of its own instructions, so nothing is ever "
                  "torn, and what is lost is lost in silence."),
            Claim("Without a mutex data is lost, even when nothing waits inside the add",
                  judged(lambda accepted: plain.lost > 0, plain.accepted or None),
                  f"{plain.lost} of {plain.accepted:,} lost", needs_quiet=False,
                  otherwise="Where nothing was lost without a lock, an add was shorter than a thread's turn: that is "
                  "luck, and no protection."),
            Claim(f"Without a mutex data is lost when an add takes {WAIT}",
                  judged(lambda accepted: waiting.lost > 0, waiting.accepted or None),
                  f"{waiting.lost:,} of {waiting.accepted:,} lost", needs_quiet=False),
            Claim("No failure tells of it: each client was told 201",
                  waiting.ran.total.failures == 0 and waiting.lost > 0,
                  f"{waiting.ran.total.failures} failures, {waiting.lost:,} albums lost", needs_quiet=False,
                  reading="No failure, no log line: only the audit shows it. As a load test it would have passed."),
            *_claims_of_the_map(in_map),
            Claim("With a mutex nothing is lost",
                  judged(lambda accepted: locked.lost == 0, locked.accepted or None),
                  f"{locked.lost} of {locked.accepted:,} lost", needs_quiet=False),
        ],
        notes=notes_of(effort),
    )  # fmt: skip


def _claims_of_the_map(in_map: Audited) -> list[Claim]:
    return [
        Claim("A map without a lock crashes under concurrent POSTs", not in_map.has_survived, _state(in_map),
              needs_quiet=False,
              otherwise="Go's map looks whether two write at once, and then ends the program: `fatal error: "
              "concurrent map writes`. A step of Python's dict is never interrupted by another."),
        Claim("A map without a lock loses albums, as the list does",
              judged(lambda accepted: in_map.lost > 0, in_map.accepted or None),
              f"{in_map.lost:,} of {in_map.accepted:,} lost", needs_quiet=False,
              otherwise="In a map each of these albums has an id of its own, and so a place of its own: nobody "
              "writes over another's. Two that come with one id do, and both are told 201: that is in the lesson "
              "`race`."),
    ]  # fmt: skip


def _state(audited: Audited) -> str:
    return "it still ran and answered at the end" if audited.has_survived else "it had ended before the load did"


def _percent(audited: Audited) -> str:
    return f"{audited.lost / audited.accepted:.1%}" if audited.accepted else "–"


def _ended(unlocked: Sequence[Audited]) -> str:
    survived = sum(each.has_survived for each in unlocked)
    return f"{survived} of {len(unlocked)} services without a lock still ran and answered at the end"


LESSON = Lesson(
    name="experiment 4",
    question="race condition (if brave!): 50 users that only write, without a lock",
    code=[
        Part("examples/albums.py", "PostOnlyUser"),
        Part("service/containers.py", "ListContainer.add"),
        Part("service/containers.py", "DictContainer.add"),
    ],
    measure=measure,
    reading=(
        "Go would crash: its slices are pointers and lengths, and its maps check. Here the service keeps a log of what "
        "it said yes to, and is asked at the end what it has, which also shows whether it is still there."
    ),
    following="spicier",
)
