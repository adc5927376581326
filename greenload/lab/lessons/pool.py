"""Lesson: a rate needs users; what happens when there are too few?"""

from __future__ import annotations

from greenload.lab.album_service import album_service
from greenload.lab.findings import Claim, Findings, Table
from greenload.lab.lesson import Effort, Lesson
from greenload.lab.load import Ran, load, ms

RATE = 100
DELAY_S = 0.05
NEEDED = round(RATE * DELAY_S)
MAX_LAG = "500ms"


def load_with(users: int, run_s: float) -> Ran:
    """Ask for a hundred arrivals a second, of a service that takes 50 ms, from at most so many users."""
    with album_service("--server", "green", "--delay", f"{1000 * DELAY_S:g}ms") as service:
        rate = ["--rate", f"{RATE}/s", "--max-users", str(users), "--max-lag", MAX_LAG]
        return load(service.url, "--class", "GetOnlyUser", "-t", f"{run_s:g}s", *rate)


def measure(effort: Effort) -> Findings:
    """Load with too few, with just enough by arithmetic, and with plenty."""
    pools = (max(1, NEEDED // 2), NEEDED, 10 * NEEDED)
    ran = {users: load_with(users, effort.run_s / 2) for users in pools}
    rows = [
        [str(users), *(f"{each.sums[key]:,}" for key in ("planned", "sent", "dropped")),
         ms(each.total.service_ms["p99"]), ms(each.total.response_ms["p99"]), each.verdict]
        for users, each in ran.items()
    ]  # fmt: skip
    few, _, plenty = ran.values()
    suspicion = "; ".join(few.reasons)
    return Findings(
        tables=[Table(f"{RATE} arrivals/s, {1000 * DELAY_S:g} ms each, so {NEEDED} are busy at any time",
                      ["most users", "planned", "sent", "dropped", "p99 service ms", "p99 response ms", "verdict"],
                      rows)],
        claims=[
            Claim("With too few users the rate is not reached, and what nobody could take is counted as dropped",
                  few.sums["dropped"] > 0, f"{few.sums['dropped']:,} of {few.sums['planned']:,} dropped",
                  needs_quiet=False),
            Claim("And the run says of itself that it is no measurement of the service", few.verdict == "SUSPECT",
                  suspicion or "no reason given", needs_quiet=False),
            Claim("With plenty of users nothing is dropped", plenty.sums["dropped"] == 0,
                  f"{plenty.sums['dropped']} dropped"),
            Claim("planned = sent + dropped, in each of them",
                  all(each.sums["planned"] == each.sums["sent"] + each.sums["dropped"] for each in ran.values()),
                  "see the table", needs_quiet=False),
        ],
    )  # fmt: skip


LESSON = Lesson(
    name="pool",
    question="how many users does a rate need?",
    code=[load_with],
    measure=measure,
    reading=(
        "Rate times duration is how many are busy at once (Little's law). With fewer users than that, arrivals wait "
        "for somebody to be free: service time stays what it was, response time grows without end, and at last "
        "arrivals are dropped. With exactly as many, chance decides. A generator that does not count this reports "
        "the service time, and a rate that it did not make."
    ),
    following="scenarios",
)
