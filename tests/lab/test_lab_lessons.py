"""Each lesson, with tiny numbers: that it finds what it says it looks for. Never how fast anything was."""

import itertools
import json
import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from greenload.lab import timeline
from greenload.lab.album_service import album_service
from greenload.lab.exercise import Audited, Load, hurried, play_audited
from greenload.lab.lesson import CHECKOUT, FULL, QUICK, Effort, LabError
from greenload.lab.lessons import (
    block,
    bottleneck,
    crowd,
    experiments,
    heart,
    locks,
    locust,
    memory,
    monkey,
    omission,
    percentiles,
    pool,
    questions,
    race,
    racing,
    scenarios,
    spawn,
    spicier,
    switch,
    threads,
    trace,
)
from greenload.lab.load import ALBUMS, Ran, Second, Times, whole_seconds
from greenload.lab.probe import run_python

NOTHING = dict.fromkeys(("p50", "p95", "p99", "max"))
NO_TIMES = Times(0, 0, 0.0, NOTHING, NOTHING)
SUMS = {"merged_by_master": 0, "counted_by_workers": 0}
NOBODY_ANSWERED = Ran({}, NO_TIMES, SUMS, "SUSPECT", [], [{"id": "a", "users": 0, "requests": 0}])
TINY = Effort(rounds=2, scale=0.01, run_s=2.0)


def came_true(findings):
    """Return what came of the claims that a busy machine cannot decide."""
    return {claim.text: claim.came_true for claim in findings.claims if not claim.needs_quiet}


@pytest.mark.parametrize(
    ("lesson", "kinds"),
    [
        (switch.LESSON, ["greenlet to greenlet", "gevent through its hub", "asyncio task", "OS thread"]),
        (spawn.LESSON, ["green thread", "asyncio task", "OS thread"]),
    ],
    ids=["switch", "spawn"],
)
def test_each_kind_of_thread_is_timed_so_often(lesson, kinds):
    findings = lesson.measure(TINY)

    assert [measure.what for measure in findings.measures] == kinds
    for measure in findings.measures:
        assert measure.spread.n == 2
        assert 0 < measure.spread.least <= measure.spread.median <= measure.spread.most


def test_memory_is_measured_when_all_have_begun():
    findings = memory.LESSON.measure(Effort(rounds=1, scale=0.1, run_s=1.0))

    kb = {measure.what: measure.spread.median for measure in findings.measures}
    assert kb["green thread, resident"] > 3 * kb["green thread, looked at too early"]
    assert kb["OS thread, address space"] > 1000 > kb["OS thread, resident"]


def test_as_many_as_should_fit_are_begun_and_what_they_take_is_looked_at():
    found = crowd.fill("green thread", 10.0, 20.0)

    assert found["count"] == 2048  # of 10 KB each in 20 MB
    assert found["mb"] == pytest.approx(2 * crowd.memory_in_a_process("green thread", 2048)["resident_kb"], rel=0.2)


def test_a_size_that_cannot_be_fills_no_machine(monkeypatch):
    """A few that take nothing would be without end."""
    monkeypatch.setattr(crowd, "bare", lambda probe, kind, count: {"refused": "no"})

    assert crowd.fill("green thread", -0.2, 1.0)["count"] == 2048


def test_a_room_that_was_not_filled_is_said_to_be_so(monkeypatch):
    size = {"resident_kb": 8.0, "virtual_kb": 9.0, "early_kb": 1.0}

    def bare(probe, kind, count):
        return {"refused": "can't start new thread"} if kind == "OS thread" and count > 100 else size

    monkeypatch.setattr(crowd, "bare", bare)

    findings = memory.measure(TINY)

    [table] = findings.tables
    assert {row[0]: row[2] for row in table.rows}["OS thread"] == "refused: can't start new thread"
    assert findings.claims[-1].came_true is None


def test_threads_that_are_refused_in_a_later_round_are_left_out(monkeypatch):
    rounds = iter([0, 1, 0, 1, 0, 1])
    size = {"resident_kb": 8.0, "virtual_kb": 9.0, "early_kb": 1.0}

    def memory_of(probe, kind, count):
        return {"refused": "can't start new thread"} if next(rounds, 0) and kind == "OS thread" else size

    monkeypatch.setattr(crowd, "bare", memory_of)

    findings = memory.measure(TINY)

    assert "OS thread: can't start new thread at 100, in 1 of 2 rounds" in findings.notes
    assert not any(found.what.startswith("OS thread") for found in findings.measures)


@pytest.mark.parametrize("refused_kinds", [["green thread"], list(crowd.KINDS)])
def test_green_threads_that_are_refused_are_a_finding(monkeypatch, refused_kinds):
    size = {"resident_kb": 8.0, "virtual_kb": 9.0, "early_kb": 1.0}

    def bare(probe, kind, count):
        if kind in refused_kinds:
            raise LabError("a measurement broke: MemoryError")
        return size

    monkeypatch.setattr(crowd, "bare", bare)

    findings = memory.measure(TINY)

    verdicts = {claim.text: claim.came_true for claim in findings.claims}
    assert verdicts["A green thread takes 1 to 2 KB"] is None
    assert (verdicts["An OS thread takes 1 to 8 MB"] is None) == ("OS thread" in refused_kinds)
    assert "green thread: the process broke" in findings.notes[0]
    assert "MemoryError) at 100, in 2 of 2 rounds" in findings.notes[0]
    assert not any(found.what.startswith("green thread") for found in findings.measures)
    assert all("green thread" not in row for table in findings.tables for row in table.rows)


def test_green_threads_of_which_some_never_begin_are_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(crowd, "BEGIN_S", 0.1)
    monkeypatch.setattr(crowd.gevent, "spawn", crowd.gevent.Greenlet)  # which is not started

    assert crowd.memory_of("green thread", 10) == {"refused": "not all had begun after 0.1 s"}


def test_who_runs_out_of_memory_is_refused(monkeypatch):
    def green_threads(count, look):
        raise MemoryError

    monkeypatch.setitem(crowd.KINDS, "green thread", green_threads)

    assert crowd.memory_of("green thread", 10) == {"refused": "there is not enough memory"}


def test_who_does_not_wait_green_holds_up_everybody():
    late = {
        other: max(late_s for _, late_s in block.lateness_beside(other)) for other in ("computes", "sleeps unpatched")
    }

    assert min(late.values()) > block.HOLD_S * 0.9
    assert block.LESSON.code[0] is block.tick


def test_patching_changes_what_names_stand_for():
    findings = monkey.LESSON.measure(Effort(rounds=1, scale=1, run_s=1.0))

    assert all(came_true(findings).values())
    shown = {row[0]: row[1:] for row in findings.tables[0].rows}
    assert shown["time.sleep"] == ["time", "gevent.hub"]
    assert shown["threading.Lock"] == ["_thread", "gevent.thread"]


def test_the_heart_hands_over_to_the_hub_and_to_nobody_else():
    findings = heart.LESSON.measure(TINY)

    assert len(findings.claims) == 3
    assert all(came_true(findings).values())


def test_a_trace_has_a_lane_for_each_user_and_opens_as_a_chrome_trace():
    findings = trace.LESSON.measure(TINY)
    events = json.loads(findings.files["trace.json"])["traceEvents"]

    assert all(came_true(findings).values()), came_true(findings)
    assert [row[0] for row in findings.tables[0].rows] == [f"user {number}" for number in range(1, trace.USERS + 1)]
    assert {event["name"] for event in events if event["ph"] == "X"} == set(timeline.STATES)
    assert all(event["dur"] >= 0 for event in events if event["ph"] == "X")
    assert len([event for event in events if event["name"] == "thread_name"]) == trace.USERS
    for lane in range(trace.USERS):
        spans = sorted(
            (round(1000 * event["ts"]), round(1000 * (event["ts"] + event["dur"])))
            for event in events
            if event["ph"] == "X" and event["tid"] == lane
        )
        # A lane in which one span seems to be within another is drawn as two.
        assert all(end_ns <= later_ns for (_, end_ns), (later_ns, _) in itertools.pairwise(spans))
    assert "<script" not in findings.files["timeline.html"]


def test_lanes_that_run_at_the_same_time_are_seen():
    apart = [("a", 0.0, 1.0, timeline.RUNNING), ("b", 1.0, 2.0, timeline.RUNNING), ("b", 0.0, 1.0, timeline.WAITING)]

    assert not timeline.overlap(apart, timeline.RUNNING)
    assert timeline.overlap([*apart, ("c", 1.5, 1.7, timeline.RUNNING)], timeline.RUNNING)
    assert timeline.shares(apart, "b") == {timeline.RUNNING: 0.5, timeline.WAITING: 0.5}


def test_the_ways_to_a_percentile_differ_as_the_lesson_says():
    findings = percentiles.LESSON.measure(TINY)

    assert all(came_true(findings).values()), came_true(findings)


@pytest.mark.parametrize(
    ("measured_ms", "written_ms"), [(0.4, 0), (1.5, 2), (99.4, 99), (144, 140), (1449, 1400), (12_600, 13_000)]
)
def test_times_are_rounded_as_locust_rounds_them(measured_ms, written_ms):
    assert percentiles.as_locust_rounds(measured_ms) == written_ms


@pytest.mark.parametrize(
    ("measure", "play"),
    [
        (scenarios.measure, "scenarios.play"),
        (experiments.measure_one_user, "experiments.play"),
        (experiments.measure_ten_users, "experiments.play"),
        (experiments.measure_four_workers, "experiments.play"),
        (questions.measure_get_and_post, "questions.busy_run"),
        (questions.measure_tail, "questions.busy_run"),
        (omission.measure, "omission.load_with_a_freeze"),
    ],
)
def test_a_run_without_an_answer_decides_no_claim_about_times(monkeypatch, measure, play):
    monkeypatch.setattr(f"greenload.lab.lessons.{play}", lambda *wanted: NOBODY_ANSWERED)

    claims = {claim.text: claim.came_true for claim in measure(TINY).claims}

    by_count = {"The users are spread evenly", "No request is lost between workers and master"}
    assert {text for text, came_true in claims.items() if came_true is not None} <= by_count
    assert claims.keys() - by_count


def test_without_an_answer_nothing_is_said_of_map_and_slice_and_locks_and_the_bottleneck(monkeypatch):
    monkeypatch.setattr(spicier, "find_the_last", lambda *wanted: NOBODY_ANSWERED)
    monkeypatch.setattr(spicier, "play", lambda *wanted: NOBODY_ANSWERED)
    monkeypatch.setattr(locks, "requests_per_s", lambda *wanted: None)
    monkeypatch.setattr(
        bottleneck, "watched_run", lambda *wanted: questions.Watched(Ran({}, NO_TIMES, SUMS, "SUSPECT", [], []), None)
    )

    for measure in (spicier.measure, locks.measure, bottleneck.measure):
        assert {claim.came_true for claim in measure(TINY).claims} == {None}


@pytest.mark.parametrize("measure", [locks.measure, omission.measure])
def test_the_full_effort_repeats_loads_of_which_it_says_a_median(monkeypatch, measure):
    ran = Ran({}, Times(9, 0, 9.0, NOTHING, dict.fromkeys(NOTHING, 1.0)), SUMS, "VALID", [], [])
    monkeypatch.setattr(locks, "requests_per_s", lambda *wanted: 9.0)
    monkeypatch.setattr(omission, "load_with_a_freeze", lambda *wanted: ran)

    assert {found.spread.n for found in measure(FULL).measures} == {3}
    assert {found.spread.n for found in measure(QUICK).measures} == {1}


def test_the_processor_time_of_the_service_and_its_worker_is_seen():
    seen = questions.watched_run("Reader", 4, 1.0)

    assert 0 < seen.service_cores < 4
    assert 0 < seen.ran.cores < 2


def test_a_freeze_reaches_the_record_of_arrivals():
    ran = omission.load_with_a_freeze(2.0, "--class", "Thinking", "--rate", "50/s")

    assert ran.total.service_ms["max"] > 700
    assert ran.total.response_ms["p99"] > 300


def test_too_few_users_drop_arrivals_and_the_sums_add_up():
    ran = pool.load_with(1, 2.0)

    assert ran.sums["dropped"] > 0
    assert ran.sums["planned"] == ran.sums["sent"] + ran.sums["dropped"]
    assert ran.verdict == "SUSPECT"


@pytest.mark.parametrize("server", ["threads", "green"])
def test_the_race_finds_losses_without_a_lock_and_none_with_one(server):
    without = race.race(race.Case("list", server, ["--write-wait", "2ms"]), 200)
    with_lock = race.race(race.Case("list-mutex", server, ["--write-wait", "100us"]), 200)

    assert without.lost > 0
    assert with_lock.harm == 0
    assert with_lock.accepted == 200


def test_stores_that_accept_nothing_do_not_pass_for_safe():
    whole, empty = race.Outcome(110, 100, 0, 0, 0), race.Outcome(110, 0, 0, 0, 0)
    others = [race.PLAIN, race.SHORT_TURNS, race.WAITING, race.DICT_WAITING, race.GREEN, race.GREEN_WAITING]

    def verdicts(outcome):
        return [
            claim.came_true for claim in race.claims_of(100, {id(case): outcome for case in [*others, *race.SAFE]}, [])
        ]

    assert [verdicts(whole)[each] for each in (0, 1, 5)] == [True, True, True]
    assert not any(verdicts(empty))


def test_postgres_is_raced_for_where_there_is_one():
    found, note = race.race_in_postgres(100)
    if note:
        pytest.skip(note[0])

    assert [(case.row, outcome.accepted, outcome.harm) for case, outcome in found] == [
        (["postgres", server, "--write-wait 100us"], 100, 0) for server in ("threads", "green")
    ]


def test_without_postgres_the_lesson_says_that_it_was_not_raced_for(monkeypatch, tmp_path):
    monkeypatch.setattr("greenload.lab.postgres.PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    found, [note] = race.race_in_postgres(100)

    assert found == []
    assert "PostgreSQL is not installed here" in note


def test_a_python_without_a_gil_is_asked_where_there_is_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    rows, note = race._without_gil(100)
    assert rows == []
    assert "No Python without a GIL is installed here" in note

    stand_in = tmp_path / race.FREE_THREADED[0]
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    stand_in.chmod(0o755)
    [[store, threads, _, offered, *_]], note = race._without_gil(100)

    assert (store, threads, offered) == ("list", "no GIL", "110")
    assert str(stand_in) in note


def test_the_audit_proves_what_an_experiment_lost():
    writers = Load(20, 1000, user_class="PostOnlyUser")

    found = play_audited(writers, Effort(1, 0.1, 2.0), "--store", "list", "--write-wait", "50ms")

    assert found.ran.total.failures == 0
    assert found.ran.seconds[0].requests > 0
    assert 0 < found.lost < found.accepted
    assert found.has_survived


@pytest.mark.parametrize(("survived", "panics"), [(True, False), (False, True)])
def test_whether_the_service_panics_is_looked_at(monkeypatch, survived, panics):
    asked = []

    def play(wanted, effort, *options):
        asked.append(options)
        return Audited(NOBODY_ANSWERED, 10, 5, survived)

    monkeypatch.setattr(racing, "play_audited", play)

    first, *_ = racing.measure(TINY).claims

    assert (first.text, first.came_true) == ("Without a mutex the server panics", panics)
    assert asked[2][2:] == asked[3][2:] == asked[4][2:] == ("--write-wait", racing.WAIT)


@pytest.mark.parametrize(
    ("accepted", "lost", "survived", "verdicts"),
    [(100, 0, True, [False, False]), (100, 3, True, [False, True]), (0, 0, False, [True, None])],
)
def test_what_a_map_without_a_lock_loses_and_whether_it_crashes_is_looked_at(
    monkeypatch, accepted, lost, survived, verdicts
):
    safe = Audited(NOBODY_ANSWERED, 10, 0, has_survived=True)
    in_map = Audited(NOBODY_ANSWERED, accepted, lost, survived)
    monkeypatch.setattr(racing, "play_audited", lambda wanted, effort, *options: in_map if "dict" in options else safe)

    findings = racing.measure(TINY)

    assert [claim.came_true for claim in findings.claims if "map" in claim.text] == verdicts
    assert findings.tables[0].rows[3][:1] == [f"dict, {racing.WAIT} inside the add"]
    assert f"{lost} of {accepted} lost" in findings.tables[1].rows[2][2]


def test_a_service_that_was_killed_has_not_survived():
    with album_service() as service:
        assert service.runs()
        os.kill(service.pid, signal.SIGKILL)
        while service.runs():
            time.sleep(0.01)


def ran_with(requests, median_ms=1.0):
    """A run of these requests. requests: name -> how many, in as many seconds as make the rate their sum."""
    all_of_them = sum(requests.values())
    quantiles = NOTHING | {"p50": median_ms}
    by_name = {name: Times(count, 0, count, quantiles, quantiles) for name, count in requests.items()}
    return Ran(by_name, Times(all_of_them, 0, all_of_them, quantiles, quantiles), SUMS, "VALID", [], [])


@pytest.mark.parametrize(
    ("mix", "post_ms", "others", "verdicts"),
    [
        ((52, 32, 16), 1.5, 160, [True, True, True]),
        ((34, 33, 33), 0.9, 100, [False, False, False]),
        ((100, 0, 0), 1.0, 210, [False, False, False]),
    ],
)
def test_the_scenarios_are_judged_by_their_mix_their_rates_and_their_medians(
    monkeypatch, mix, post_ms, others, verdicts
):
    ran = {
        "AlbumUser": ran_with({name: count for name, count in zip(scenarios.SHARES, mix, strict=True) if count}),
        "GetOnlyUser": ran_with({"GET /albums": others}),
        "PostOnlyUser": ran_with({"POST /albums": others}, post_ms),
    }
    asked = []

    def play(wanted, effort, *options):
        asked.append((wanted.user_class, wanted.workers))
        return ran[wanted.user_class]

    monkeypatch.setattr(scenarios, "play", play)

    findings = scenarios.measure(TINY)

    assert [claim.came_true for claim in findings.claims[:3]] == verdicts
    assert findings.tables[1].rows[0] == ("mixed: GET /albums", "50 %", f"{mix[0]:.1f} %")
    assert asked == [("AlbumUser", 2), ("GetOnlyUser", 2), ("PostOnlyUser", 2)]


def test_workers_of_experiment_3_share_the_users_evenly_and_lose_nothing():
    findings = experiments.LESSONS[2].measure(TINY)

    assert all(came_true(findings).values()), came_true(findings)
    assert findings.tables[-1].headings == ["", "expected there", "measured here"]


def test_the_seconds_of_a_run_are_read_but_not_what_is_left_of_one_at_its_end(tmp_path):
    database, summary = tmp_path / "run.db", tmp_path / "summary.json"
    written = ["--db", str(database), "--json", str(summary), "--quiet"]
    with album_service() as service:
        run_python(
            ["-m", "greenload", "run", str(ALBUMS), "-H", service.url, "-u", "40", "-r", "40", "-t", "2s", *written]
        )
    document = json.loads(summary.read_text())
    run_id = document["run"]["id"]

    short, whole = (list(whole_seconds(database, {"id": run_id, "duration_s": each})) for each in (1.9, 99.0))

    assert [each.number for each in short] == [0]
    assert [each.number for each in whole][:2] == [0, 1]
    assert sum(each.requests for each in whole) == document["total"]["requests"]
    assert all(each.median_ms > 0 for each in whole if each.requests)


def test_experiment_2_has_a_chart_of_requests_and_one_of_medians_and_no_median_where_nothing_ended(monkeypatch):
    ran = replace(NOBODY_ANSWERED, seconds=[Second(0, 4, 2.5), Second(1, 0, None)])
    monkeypatch.setattr(experiments, "play", lambda *wanted: ran)

    requests, medians = experiments.measure_ten_users(TINY).charts

    assert requests.lines == {crowd: [(0.0, 4.0), (1.0, 0.0)] for crowd in ("1 user", "10 users")}
    assert medians.lines == {crowd: [(0.0, 2.5)] for crowd in ("1 user", "10 users")}


def test_quick_users_wait_a_tenth():
    text = hurried((CHECKOUT / "examples" / "albums.py").read_text())

    assert "between(0.1, 0.3)" in text
    assert "between(0.05, 0.2)" in text
    assert "between(1, 3)" not in text


def test_more_users_than_threads_do_not_make_more_requests_of_a_service_that_waits():
    ran = questions.busy_run("Reader", 32, 2.0, "--delay", "50ms")

    assert ran.total.per_s <= bottleneck.THREADS / 0.05 * 1.02


def test_readers_side_by_side_make_more_requests_than_readers_one_by_one():
    waits = ["--read-wait", "10ms", "--write-wait", "10ms"]

    mutex, lock = (locks.requests_per_s(store, 99, 1.0, waits) for store in ("list-mutex", "list-rwlock"))

    assert mutex <= 110
    assert lock > 1.5 * mutex


def test_the_last_of_many_albums_is_found_in_either_container():
    ran = spicier.find_the_last("dict-rwlock", 30, 1.0)

    assert ran.total.requests > 0
    assert ran.total.failures == 0


def test_the_answer_about_threads_has_each_kind_and_each_cost():
    findings = threads.LESSON.measure(TINY)

    assert len(findings.tables[0].rows) == 4
    assert [len(row) for row in findings.tables[0].rows] == [5] * 4
    assert {found.spread.n for found in findings.measures if found.unit == "us"} == {TINY.rounds}
    assert "through gevent's hub" in findings.claims[0].evidence


def test_without_locust_the_lesson_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setattr(locust, "CHECKOUT", tmp_path)
    monkeypatch.setattr(locust.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LabError, match="Locust is not installed here"):
        locust.measure(TINY)


def test_locust_is_named_with_its_version_and_not_with_its_folder(monkeypatch, tmp_path):
    stand_in = tmp_path / "locust"
    stand_in.write_text('#!/bin/sh\necho "locust 9.8.7 from /somewhere/locust (Python 3.11.7)"\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(locust, "program", lambda: str(stand_in))

    assert locust.version() == "locust 9.8.7"


def test_beside_locust_both_report_requests_of_the_same_service():
    try:
        locust.program()
    except LabError as missing:
        pytest.skip(str(missing))

    findings = locust.measure(TINY)

    assert findings.tables[0].headings == ["", "greenload", locust.version()]
    assert [row[0] for row in findings.tables[0].rows][:2] == ["requests reported", "requests that the service saw"]
    assert came_true(findings)["greenload reports each request that the service saw"]
