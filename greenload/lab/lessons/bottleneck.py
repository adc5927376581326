"""Lesson: the exercise's question 4: what more users do, and where the bottleneck is."""

from __future__ import annotations

from greenload.lab.findings import Chart, Claim, Findings, Table, judged
from greenload.lab.lesson import Effort, Lesson, Part
from greenload.lab.lessons.questions import Watched, busy_run, watched_run
from greenload.lab.load import ms, per_s, rate

DELAY_S = 0.01
THREADS = 16
CROWDS = (4, 16, 64, 256)
# A core that is used so much has nothing left to give: Python's own pauses are in the rest.
FULL_CORE = 0.85


def measure(effort: Effort) -> Findings:
    """Question 4: more and more users on a service that takes 10 ms, under both kinds of thread."""
    delay = f"{1000 * DELAY_S:g}ms"
    seen = {
        (server, users): watched_run("Reader", users, effort.run_s / 3, "--server", server, "--delay", delay)
        for server in ("threads", "green")
        for users in CROWDS
    }
    rows = [
        [server, str(users), per_s(rate(each.ran)), ms(each.ran.total.service_ms["p50"]),
         ms(each.ran.total.service_ms["p99"]), _cores(each.service_cores), _cores(each.ran.cores), each.ran.verdict]
        for (server, users), each in seen.items()
    ]  # fmt: skip
    lines = {
        server: [(float(users), seen[server, users].ran.total.per_s) for users in CROWDS]
        for server in ("threads", "green")
    }
    return Findings(
        tables=[Table("a service that takes 10 ms a request; one run each",
                      ["server", "users", "req/s", "median ms", "p99 ms", "service's cores", "generator's cores",
                       "verdict"], rows)],
        charts=[Chart("requests/s by users", "users", "requests/s", lines)],
        claims=_claims_of_scaling(seen),
    )  # fmt: skip


def _claims_of_scaling(seen: dict[tuple[str, int], Watched]) -> list[Claim]:
    most, few, crowd = THREADS / DELAY_S, CROWDS[0], CROWDS[-1]
    rates = {users: rate(seen["threads", users].ran) for users in CROWDS}
    threads, green = seen["threads", crowd].service_cores, seen["green", crowd].service_cores
    return [
        Claim(f"{THREADS} OS threads and 10 ms are {most:,.0f} requests/s at most, however many users there are",
              judged(lambda *all_of_them: max(all_of_them) <= 1.02 * most, *rates.values()),
              f"{per_s(rates[crowd])} requests/s with {crowd} users"),
        Claim("Up to there, more users are more requests",
              judged(lambda all_busy, few_busy: all_busy > 2 * few_busy, rates[THREADS], rates[few]),
              f"{per_s(rates[few])} with {few} and {per_s(rates[THREADS])} with {THREADS}",
              reading="As long as somebody is free to take a request, more users are more requests."),
        Claim("Then the threads are what there is too little of: they wait, and the service's processor does not",
              judged(lambda cores: cores < FULL_CORE, threads),
              f"{_cores(threads)} cores with {crowd} users",
              reading=f"When all {THREADS} threads wait, requests queue: the rate stays and the response time grows "
              "with each user."),
        Claim("Under green threads it is the processor: they fill a core",
              judged(lambda cores: cores >= FULL_CORE, green),
              f"{_cores(green)} cores with {crowd} users",
              reading="Green threads move the limit to the processor.",
              otherwise="Green threads know no such limit, and here the service's core was not full either: then the "
              "generator's was, or there were too few users."),
    ]  # fmt: skip


def _cores(cores: float | None) -> str:
    return "–" if cores is None else f"{cores:.2f}"


LESSON = Lesson(
    "question 4",
    "what happens with more users, and where is the bottleneck?",
    [Part("service/app.py", "simulate_query"), busy_run],
    measure,
    reading=(
        "What there is too little of shows in the last columns: a processor that is full, or one that is not "
        "while requests queue. A line marked SUSPECT says that the generator, too, had no processor left."
    ),
    following="question 5",
)
