"""What is kept is what is loaded, whenever the process that keeps is killed."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenload.core import slots as slots_module
from greenload.core.attendance import LOST_AFTER_S
from greenload.core.bundle import Bundle
from greenload.core.errors import GreenloadError
from greenload.core.fleet import Expected, Fleet
from greenload.core.gate import Breach, Gate
from greenload.core.grants import Granted
from greenload.core.messages import Beat, Bye, Claim, Hello, Plan, Report, Stop
from greenload.core.news import DONE, LOST, READY, RUNNING, STALLED, News
from greenload.core.placement import Share
from greenload.core.results import Results
from greenload.core.roster import EDIT, JOIN, Change, Edit
from greenload.core.roster_log import NOTICE_S
from greenload.core.run_info import PlannedTask, RunInfo
from greenload.core.shape import parse_stages
from greenload.core.stall import Stall
from greenload.core.stats import Sample, Stats
from greenload.core.terms import Terms
from greenload.core.thresholds import parse_threshold
from greenload.store import Store, StoreBusy, StoreError
from greenload.tables import SCHEMA_VERSION

ROOT = Path(__file__).resolve().parents[1]
PLAN = Plan(parse_stages("5@10s,0@5s"), None, (Share("Reader", 0.5), Share("Admin", 1, 2)), "http://h", 10.0, -3)
GATE = Gate((parse_threshold("GET /: p99 > 300ms"),), (parse_threshold("failures > 2.5%"),), 4.5, 2)
BUNDLE = Bundle.of({"s.py": b"pass", "data/x": bytes(range(256))})
TASKS = (
    PlannedTask("Reader", "read", 62.5),
    PlannedTask("Reader", "Shelf", 37.5),
    PlannedTask("Admin", "\u00fc'", None),
)
MADE_WITH = {"python": "CPython 3.99.0", "gevent": "99.1"}
INFO = RunInfo("run-1", "2030-01-01T00:00:00+00:00", "users", "s.py", "ab" * 32, None, 7, "1.0", TASKS, MADE_WITH)
AT_S = 1000.0
EPOCHS = {"one": 11, "two": 2**63 - 1}


def store_in(folder):
    """Return a Store that closes itself, with one run in it."""
    store = Store(Path(folder) / "runs.db")
    store.open_run(INFO, PLAN, GATE, BUNDLE)
    return closing(store)


@contextmanager
def another_writer(path):
    """Somebody else who writes to the file for as long as the block lasts."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def news_of(began=False, entries=(), states=None, reports=()):
    """Return what a fleet would have to tell of these."""
    seconds = [(report.second, report.stats) for report in reports]
    accounts = [report.account for report in reports]
    return News(began=began, entries=list(entries), states=states or {}, accounts=accounts, seconds=seconds)


def stats_of(samples, died=0, traceback=None):
    stats = Stats()
    for sample in samples:
        stats.record(sample)
        stats.sent += 1
    stats.users_died = died
    if traceback is not None:
        stats.exceptions.count(traceback, 3)
        stats.record_unfinished("GET", "/", 3.5)
        stats.sent += 1
        stats.lag.record(15)
        stats.missed_slots, stats.longest_stall = 4, Stall(1.25, 2.0)
        stats.tasks.count([(("Reader", traceback), 3), (("Reader", "read"), 1)])
        stats.tasks.others = died
    return stats


def report(worker, seq, requests=1, epoch=1, second=None):
    second = seq - 1 if second is None else second
    stats = stats_of([Sample("GET", "/", second, second, second + 0.25, None, 10)] * requests)
    return Report(worker, epoch, seq, float(second), second + 1.0, stats, 2, 50.0, seq * requests)


def plain(value):
    """Return all that a value holds, to compare."""
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [plain(held) for held in value]
    if hasattr(value, "__slots__"):
        return {slot: plain(getattr(value, slot)) for slot in value.__slots__}
    if hasattr(value, "__dict__"):
        return plain(vars(value))
    return value


def lost_s_of(results):
    return {worker: record.lost_s for worker, record in results.workers.items() if record.lost_s is not None}


def in_the_open(results):
    """Return a Results as plain values, but for when workers were lost, and for what only this master knows."""
    names = ("total", "total_tally", "measured", "measured_tally", "warmup_s", "slots", "workers", "elapsed_s")
    shown = {name: plain(getattr(results, name)) for name in names}
    for record in shown["workers"].values():
        for key in ("lost_s", "unacknowledged", "lag", "lately"):
            del record[key]
    return shown


# Kept and loaded


def test_a_run_that_has_not_begun_is_loaded_as_it_was_opened(tmp_path):
    with store_in(tmp_path) as store:
        run = store.load("run-1")

    assert (run.info, run.plan, run.bundle, run.has_ended) == (INFO, PLAN, BUNDLE, False)
    assert (run.gate, run.breach) == (GATE, None)
    assert (run.kept.elapsed_s, run.kept.entries, run.kept.members) == (None, [], [])
    assert plain(run.kept.results) == plain(Results(GATE.warmup_s))


def test_what_a_run_was_aborted_for_is_kept_with_its_stop(tmp_path):
    with store_in(tmp_path) as store:
        store.keep("run-1", News(stop=Stop(at_once=True), breach=Breach(0, 12.5, 7.25)))
        store.keep("run-1", news_of(states={"one": (5, DONE)}))

        run = store.load("run-1")

    assert (run.breach, run.kept.stop) == (Breach(0, 12.5, 7.25), Stop(at_once=True))


def test_old_seconds_that_were_joined_are_still_known_as_warm_up_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr(slots_module, "MOST_SLOTS", 8)

    with store_in(tmp_path) as store:
        for second in range(40):
            store.keep("run-1", news_of(reports=[report("one", second + 1)]))
        loaded = store.load("run-1").kept.results

    assert (loaded.total.sent, loaded.measured.sent, loaded.measured_s) == (40, 38, 38.0)
    assert loaded.slots[0].width_s > GATE.warmup_s


samples = st.builds(
    lambda method, name, late_s, took_s, error, size: Sample(
        method, name, 1.0, 1.0 + late_s, 1.0 + late_s + took_s, error, size
    ),
    st.sampled_from(["GET", "POST"]), st.sampled_from(["/", "/\u00fc\0'\"", ""]), st.sampled_from([0.0, 0.5]),
    st.floats(0, 100), st.none() | st.sampled_from(["HTTP 500", "timed out"]), st.integers(0, 10**6),
)  # fmt: skip
counted = st.builds(
    stats_of,
    st.lists(samples, max_size=6),
    st.integers(0, 3),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)


class Run:
    """A fleet that lives through things; what it says is kept, some of it at a time."""

    def __init__(self, store):
        self.store = store
        self.fleet = Fleet(PLAN, Expected(2), Terms("1.0", "sha", BUNDLE), GATE.warmup_s)
        self.entries = []
        self.now_s = AT_S
        self.reported_s = dict.fromkeys(EPOCHS, 0.0)
        for worker in EPOCHS:
            self.hear(Hello(worker, EPOCHS[worker], "1.0", "sha"))

    def hear(self, message):
        self.fleet.hear(message.worker.encode(), message, self.now_s)

    def keep(self, *_):
        news = self.fleet.take_news()
        self.entries += news.entries
        self.store.keep("run-1", news)

    def report(self, worker, stats):
        seq = self.fleet.members[worker].seq + 1
        until_s = self.now_s - AT_S
        args = (self.reported_s[worker], until_s, stats, seq % 5, 95.0, seq * 10)
        self.reported_s[worker] = until_s
        self.hear(Report(worker, EPOCHS[worker], seq, *args, clock_step_s=float(seq % 3)))

    def wait(self, worker, _):
        self.now_s += 0.6
        self.hear(Beat(worker, EPOCHS[worker]))
        self.fleet.tick(self.now_s, self.now_s)

    def lose(self, worker, _):
        self.fleet.nobody_at(worker.encode())
        self.now_s += LOST_AFTER_S + 0.1
        for other in set(EPOCHS) - {worker}:
            self.hear(Beat(other, EPOCHS[other]))
        self.fleet.tick(self.now_s, self.now_s)

    def edit(self, worker, _):
        self.fleet.edit(len(worker), 2.5, self.now_s)

    def reset(self, worker, _):
        self.fleet.reset(self.now_s)

    def bye(self, worker, _):
        self.hear(Bye(worker, EPOCHS[worker], None))


deeds = st.tuples(
    st.sampled_from(["report", "report", "report", "wait", "wait", "keep", "lose", "edit", "reset", "bye"]),
    st.sampled_from(sorted(EPOCHS)),
    counted,
)


@settings(max_examples=30)
@given(
    st.integers(0, 25).flatmap(lambda length: st.lists(deeds, min_size=length, max_size=length)),
    st.booleans(),
)
def test_what_was_kept_is_loaded_as_it_was(done, few_slots):
    before = slots_module.MOST_SLOTS
    slots_module.MOST_SLOTS = 8 if few_slots else before
    try:
        with TemporaryDirectory() as folder, store_in(folder) as store:
            run = Run(store)
            for what, worker, stats in done:
                getattr(run, what)(worker, stats)
            run.now_s += 1.0
            for worker, member in run.fleet.members.items():
                if member.state not in (DONE, LOST):
                    run.report(worker, Stats())  # how many users one that was lost has is only known again by this
            run.keep()

            kept = store.load("run-1").kept
            fleet = run.fleet
            assert list(kept.entries) == run.entries
            assert {member.worker: (member.epoch, member.state, member.seq) for member in kept.members} == {
                member.worker: (member.epoch, member.state, member.seq) for member in fleet.members.values()
            }
            loaded, there = in_the_open(kept.results), in_the_open(fleet.results)
            for each in (loaded, there):
                for worker, record in each["workers"].items():
                    if fleet.members[worker].state == DONE:
                        del record["users"]  # of one that was lost and then said bye, the last report is what is known
            if few_slots:
                # Whoever reports late finds other slots already joined; nothing is lost by it.
                for each in (loaded, there):
                    each["slots"] = sum(slot["stats"]["sent"] for slot in each["slots"])
            assert loaded == there
            # It is kept as the moment from which the others had its users.
            assert lost_s_of(kept.results) == pytest.approx(lost_s_of(fleet.results), abs=NOTICE_S + 0.01)
            assert kept.results.reconcile().sent == fleet.results.reconcile().sent
    finally:
        slots_module.MOST_SLOTS = before


def test_a_run_that_is_taken_up_again_and_again_keeps_each_request_once(tmp_path):
    """The next master wrote down as news what it had read: after a second one was killed, all was there twice."""
    with store_in(tmp_path) as store:
        run = Run(store)
        run.report("one", stats_of([Sample("GET", "/", 1.0, 1.0, 1.25, None, 10)] * 3))
        run.keep()
        sent = []
        for _ in range(3):
            kept = store.load("run-1").kept
            sent.append(kept.results.total.sent)
            run.fleet = Fleet(PLAN, Expected(2), Terms("1.0", "sha", BUNDLE), GATE.warmup_s)
            run.fleet.go_on(kept, run.now_s)
            run.edit("one", None)
            run.keep()

    assert sent == [3, 3, 3]


def test_a_long_run_is_added_up_exactly_though_its_old_seconds_are_joined(tmp_path):
    live = Results(warmup_s=450)
    gate = replace(GATE, warmup_s=450)

    with closing(Store(tmp_path / "runs.db")) as store:
        store.open_run(INFO, PLAN, gate, BUNDLE)
        for second in range(900):
            each = report("one", second + 1, requests=second % 3 + 1)
            live.add(each)
            store.keep("run-1", news_of(reports=[each]))
        loaded = store.load("run-1").kept.results

    assert plain(loaded.total) == plain(live.total)
    assert plain(loaded.total_tally) == plain(live.total_tally)
    assert plain(loaded.measured) == plain(live.measured)
    assert plain(loaded.measured_tally) == plain(live.measured_tally)
    assert loaded.workers == live.workers
    assert loaded.workers["one"].lag is None
    assert [slot.first_s for slot in loaded.slots][-300:] == list(range(600, 900))
    assert {slot.width_s for slot in loaded.slots} > {1}
    assert sum(slot.width_s for slot in loaded.slots) == 900
    assert not [slot for slot in loaded.slots if slot.first_s < 450 < slot.first_s + slot.width_s]


def test_any_window_of_a_run_can_be_asked_for_by_the_second(tmp_path):
    with store_in(tmp_path) as store:
        for seq in range(1, 6):
            two_parts = [report("one", seq, requests=seq), report("two", seq, requests=1)]
            for each in two_parts:
                store.keep("run-1", news_of(reports=[each]))

        everything = [(second, stats.sent) for second, stats in store.seconds("run-1")]
        window = [(second, stats.tallies["GET", "/"].requests) for second, stats in store.seconds("run-1", 1.0, 3.0)]

    assert everything == [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6)]
    assert window == [(1, 3), (2, 4)]


def test_in_joined_seconds_only_those_count_as_here_who_were_there_last(tmp_path, monkeypatch):
    """A worker that was lost was counted beside those who had taken its users."""
    monkeypatch.setattr(slots_module, "MOST_SLOTS", 8)
    live = Results()

    with store_in(tmp_path) as store:
        for second in range(40):
            worker = "one" if second < 20 else "two"
            each = report(worker, second % 20 + 1, second=second)
            live.add(each)
            store.keep("run-1", news_of(reports=[each]))
        loaded = store.load("run-1").kept.results

    assert [(slot.first_s, slot.users_on) for slot in loaded.slots] == [
        (slot.first_s, slot.users_on) for slot in live.slots
    ]


@pytest.mark.parametrize("state", [READY, RUNNING, STALLED, LOST, DONE])
def test_the_last_state_of_a_worker_is_kept(tmp_path, state):
    with store_in(tmp_path) as store:
        store.keep("run-1", news_of(states={"one": (5, READY), "two": (6, READY)}))
        store.keep("run-1", news_of(states={"one": (5, state)}))

        members = {member.worker: (member.epoch, member.state) for member in store.load("run-1").kept.members}

    assert members == {"one": (5, state), "two": (6, READY)}


def test_a_lost_worker_is_a_gap_in_what_is_loaded(tmp_path):
    with store_in(tmp_path) as store:
        entries = [Change(0.0, JOIN, "one"), Change(8.0, "lose", "one")]
        store.keep("run-1", news_of(True, entries, {"one": (1, LOST)}, [report("one", 1)]))

        [missing] = store.load("run-1").kept.results.reconcile().missing

    assert (missing.worker, missing.from_s, missing.until_s, missing.is_lost) == ("one", 1.0, 8.0, True)


def test_entries_are_kept_as_they_are(tmp_path):
    entries = [
        Change(0.0, JOIN, "one"),
        Change(0.0, JOIN, "two"),
        Edit(0.1 + 0.2, EDIT, 0, 0.5),
        Edit(7.0, EDIT, 9, 5.0),
    ]

    with store_in(tmp_path) as store:
        store.keep("run-1", news_of(began=True, entries=entries[:2]))
        store.keep("run-1", news_of(entries=entries[2:]))
        loaded = store.load("run-1").kept.entries

    assert list(loaded) == entries
    assert [type(entry) for entry in loaded] == [Change, Change, Edit, Edit]


def test_the_time_since_the_beginning_goes_on_while_nobody_is_there(tmp_path):
    with store_in(tmp_path) as store:
        store.keep("run-1", news_of(began=True))
    time.sleep(0.1)

    with closing(Store(tmp_path / "runs.db")) as store:
        elapsed_s = store.load("run-1").kept.elapsed_s

    assert 0.1 <= elapsed_s < 5


def test_what_was_granted_is_kept_by_run(tmp_path):
    granted = [
        Granted("accounts", "one", 11, 1, 0, 3),
        Granted("albums", "one", 11, 2, 0, 10_000),
        Granted("accounts", "two", 22, 1, 3, 2),
        Granted("accounts", "one", 11, 3, 5, 1),
    ]
    with store_in(tmp_path) as store:
        store.open_run(replace(INFO, id="run-2"), PLAN, GATE, BUNDLE)
        store.keep("run-1", News(granted=granted[:2]))
        store.keep("run-1", News(granted=granted[2:]))
        store.keep("run-2", News(granted=granted[:1]))

        kept = [store.load(run_id).kept.granted for run_id in ("run-1", "run-2")]

    assert sorted(kept[0]) == sorted(granted)
    assert kept[1] == granted[:1]


def test_a_master_that_reads_what_was_granted_answers_each_workers_last_claim_the_same(tmp_path):
    """They are read set by set: an older claim for another set was taken for the last, and rows were lost."""
    with store_in(tmp_path) as store:
        run = Run(store)
        one = [Claim("one", EPOCHS["one"], number, rows, 2) for number, rows in enumerate(("b", "a", "b", "a"), 1)]
        for claim in one:
            [(_, last)] = run.fleet.hear(b"one", claim, run.now_s)
        run.keep()
        run.fleet = Fleet(PLAN, Expected(2), Terms("1.0", "sha", BUNDLE), GATE.warmup_s)
        run.fleet.go_on(store.load("run-1").kept, run.now_s)

        [(_, again)] = run.fleet.hear(b"one", one[-1], run.now_s)
        [(_, more)] = run.fleet.hear(b"one", replace(one[-1], number=5), run.now_s)

    assert again == last
    assert (more.number, more.first) == (5, 4)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([], None),
        ([Stop(at_once=False)], Stop(at_once=False)),
        ([Stop(at_once=False), Stop(at_once=True)], Stop(at_once=True)),
    ],
    ids=["none", "gently", "at once"],
)
def test_a_stop_is_kept_and_what_comes_after_it_takes_nothing_back(tmp_path, said, kept):
    with store_in(tmp_path) as store:
        store.open_run(replace(INFO, id="run-2"), PLAN, GATE, BUNDLE)
        for stop in said:
            store.keep("run-1", News(stop=stop))
        store.keep("run-1", news_of(began=True, states={"one": (1, DONE)}))

        stops = [store.load(run_id).kept.stop for run_id in ("run-1", "run-2")]

    assert stops == [kept, None]


def test_what_broke_a_worker_is_kept_and_what_comes_after_it_takes_nothing_back(tmp_path):
    """A run that broke was resumed, and then it was valid."""
    with store_in(tmp_path) as store:
        store.keep("run-1", News(states={"one": (1, DONE), "two": (2, DONE)}, errors={"one": "KeyError: 'x'"}))
        store.keep("run-1", news_of(states={"two": (2, DONE)}))

        errors = store.load("run-1").kept.errors

    assert errors == {"one": "KeyError: 'x'"}


def test_no_news_are_not_written(tmp_path):
    with store_in(tmp_path) as store:
        store.keep("nobody's", news_of())


def test_a_run_has_ended_when_that_was_said(tmp_path):
    with store_in(tmp_path) as store:
        store.open_run(replace(INFO, id="run-2"), PLAN, GATE, BUNDLE)
        store.end_run("run-1")

        assert store.load("run-1").has_ended
        assert not store.load("run-2").has_ended


def test_two_runs_in_one_file_do_not_mix(tmp_path):
    other = replace(INFO, id="run-2", seed=8)
    plan = replace(PLAN, host=None, duration_s=3.0)
    with store_in(tmp_path) as store:
        store.open_run(other, plan, Gate(), Bundle(b"other"))
        store.keep("run-1", news_of(True, [Change(0.0, JOIN, "one")], {"one": (1, RUNNING)}, [report("one", 1, 3)]))
        store.keep(
            "run-2", news_of(False, [], {"one": (2, DONE)}, [report("one", 1, 4, epoch=2), report("one", 2, 5, 2)])
        )

        runs = store.load("run-1"), store.load("run-2")

    assert [(run.info, run.plan, run.bundle) for run in runs] == [(INFO, PLAN, BUNDLE), (other, plan, Bundle(b"other"))]
    assert [run.kept.results.total.sent for run in runs] == [3, 9]
    assert [(member.epoch, member.state, member.seq) for run in runs for member in run.kept.members] == [
        (1, RUNNING, 1), (2, DONE, 2),
    ]  # fmt: skip
    assert [len(run.kept.entries) for run in runs] == [1, 0]
    assert [run.kept.elapsed_s is None for run in runs] == [False, True]


# Faults


def test_a_report_that_is_kept_twice_is_an_error_and_nothing_of_that_news_is_kept(tmp_path):
    with store_in(tmp_path) as store:
        store.keep("run-1", news_of(reports=[report("one", 1, 3)]))

        with pytest.raises(StoreError, match="UNIQUE"):
            store.keep("run-1", news_of(True, [Change(0.0, JOIN, "two")], {"two": (1, DONE)}, [report("one", 1, 3)]))
        store.keep("run-1", news_of(reports=[report("one", 2, 4)]))

        kept = store.load("run-1").kept
    assert kept.results.total.sent == 7
    assert (kept.entries, kept.members, kept.elapsed_s) == ([], [], None)


def test_a_run_is_opened_once(tmp_path):
    with store_in(tmp_path) as store, pytest.raises(StoreError):
        store.open_run(INFO, PLAN, GATE, BUNDLE)


def test_a_number_that_the_file_cannot_hold_is_an_error_that_names_the_file(tmp_path):
    with store_in(tmp_path) as store, pytest.raises(StoreError, match=r"runs\.db: "):
        store.open_run(replace(INFO, id="run-2", seed=2**64), PLAN, GATE, BUNDLE)


def test_an_unknown_run_is_an_error_that_names_the_last_ones(tmp_path):
    with store_in(tmp_path) as store:
        for number in range(2, 8):
            store.open_run(replace(INFO, id=f"run-{number}", started=f"2030-01-0{number}T00:00:00"), PLAN, GATE, BUNDLE)

        with pytest.raises(StoreError) as unknown:
            store.load("run-99")

    said = f"no run run-99 in {tmp_path}/runs.db; the last ones: run-7, run-6, run-5, run-4, run-3"
    assert str(unknown.value) == said


def test_an_empty_file_says_that_it_is_empty(tmp_path):
    with (
        closing(Store(tmp_path / "new.db")) as store,
        pytest.raises(StoreError, match=r"^no run x in .*new\.db; it is empty$"),
    ):
        store.load("x")


def test_where_no_file_is_none_is_made_to_look_for_a_run(tmp_path):
    with pytest.raises(StoreError, match=r"^there is no file .*runs\.db; say with --db"):
        Store.found(tmp_path / "runs.db")

    assert list(tmp_path.iterdir()) == []


def test_news_that_come_while_somebody_else_writes_are_refused_at_once_and_can_be_kept_later(tmp_path):
    """It was waited for, for two seconds in which nobody heard the workers, and then the run broke."""
    news = news_of(True, [Change(0.0, JOIN, "one")], {"one": (1, RUNNING)}, [report("one", 1, 3)])
    with store_in(tmp_path) as store:
        with another_writer(tmp_path / "runs.db"):
            began_s = time.perf_counter()
            with pytest.raises(StoreBusy, match=r"runs\.db: database is locked"):
                store.keep("run-1", news)
            refused_s = time.perf_counter()
            time.sleep(0.2)
        store.keep("run-1", news)

        kept = store.load("run-1").kept

    assert refused_s - began_s < 1.0
    assert kept.results.total.sent == 3
    assert kept.elapsed_s >= 0.2  # since it began, not since that could be written


def no_database(folder):
    path = folder / "notes.txt"
    path.write_text("Dear diary, " * 1000)
    return path


def newer_version(folder):
    path = folder / "newer.db"
    with closing(Store(path)) as store:
        store._file.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    return path


def somebody_else_s(folder):
    path = folder / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    return path


def somebody_else_s_of_our_version(folder):
    path = somebody_else_s(folder)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return path


def broken(folder):
    with store_in(folder):
        pass
    path = folder / "runs.db"
    path.write_bytes(path.read_bytes()[:4096] + bytes(3000))
    return path


@pytest.mark.parametrize(
    ("path_in", "reason"),
    [
        (no_database, "file is not a database"),
        (newer_version, "was written by a newer version of greenload; name another file with --db"),
        (somebody_else_s, "is not a file of greenload's; name another one with --db"),
        (somebody_else_s_of_our_version, "is not a file of greenload's; name another one with --db"),
        (lambda folder: folder, "unable to open database file"),
        (lambda folder: folder / "missing" / "runs.db", "unable to open database file"),
        (lambda folder: Path("/proc/runs.db"), "unable to open database file"),
    ],
    ids=[
        "no database",
        "newer version",
        "somebody else's",
        "somebody else's of our version",
        "folder",
        "missing folder",
        "nothing can be written",
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_sentence_and_left_as_it_is(tmp_path, path_in, reason):
    path = path_in(tmp_path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(StoreError) as refused:
        Store(path)

    assert isinstance(refused.value, GreenloadError)
    assert str(path) in str(refused.value)
    assert str(refused.value).endswith(reason)
    assert "\n" not in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_file_that_may_only_be_read_is_refused_when_it_is_opened(tmp_path):
    with TemporaryDirectory() as folder:
        with store_in(folder):
            pass
        os.chmod(folder, 0o555)
        os.chmod(Path(folder) / "runs.db", 0o444)
        us = os.geteuid()
        if us == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(StoreError, match=r"readonly|unable to open"):
                Store(Path(folder) / "runs.db")
        finally:
            os.seteuid(us)
            os.chmod(folder, 0o755)


NOTHING_COUNTED = {
    "tally.failed_response", "tally.errors", "second.lag", "second.exceptions", "second.longest_stall_s"
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (column, value)
        for column in (
            "tally.succeeded_service", "tally.failed_response", "tally.errors", "tally.requests", "tally.failures",
            "second.lag", "second.exceptions", "second.longest_stall_s", "run.plan", "report.from_s",
        )
        for value in ("", "[1]", "{", None, b"\xff")
        # Of these nothing may have been counted.
        if value is not None or column not in NOTHING_COUNTED
    ],
)  # fmt: skip
def test_a_file_that_was_tampered_with_is_an_error_that_names_it(tmp_path, column, value):
    table, _, name = column.partition(".")
    with store_in(tmp_path) as store:
        store.keep("run-1", news_of(True, [], {"one": (1, RUNNING)}, [report("one", 1)]))
        store._file.execute(f"UPDATE {table} SET {name} = ?", (value,))

        with pytest.raises(StoreError, match=r"runs\.db"):
            store.load("run-1")


def test_masters_that_begin_at_the_same_time_make_one_file_together(tmp_path):
    """All of them found it empty and made its tables; all but the first failed."""
    program = """
import sys
from pathlib import Path
from greenload.store import Store
print("ready", flush=True)
sys.stdin.readline()
Store(Path(sys.argv[1])).close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "runs.db"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()

    assert [process.communicate(timeout=30)[1] for process in processes] == [""] * 6


# Owned


def test_a_run_that_is_being_made_cannot_be_taken_up_by_another_however_the_file_is_named(tmp_path):
    (tmp_path / "link.db").symlink_to("runs.db")
    with (
        store_in(tmp_path),
        closing(Store(tmp_path / "link.db")) as second,
        pytest.raises(StoreError, match=r"^run run-1 is being made by another process$"),
    ):
        second.take_up("run-1")


def test_a_run_that_nobody_makes_any_more_can_be_taken_up_again_and_again_and_no_lock_is_left(tmp_path):
    with store_in(tmp_path):
        pass

    for _ in range(3):
        with closing(Store(tmp_path / "runs.db")) as store:
            assert store.take_up("run-1").info == INFO
            assert (tmp_path / "runs.db-run-1.lock").exists()

    assert list(tmp_path.glob("*.lock")) == []


def test_two_runs_in_one_file_can_be_made_at_the_same_time(tmp_path):
    with store_in(tmp_path), closing(Store(tmp_path / "runs.db")) as second:
        second.open_run(replace(INFO, id="run-2"), PLAN, GATE, BUNDLE)


def test_for_a_run_that_is_not_there_no_lock_is_made(tmp_path):
    with closing(Store(tmp_path / "runs.db")) as store:
        with pytest.raises(StoreError, match="no run x"):
            store.take_up("x")

        assert list(tmp_path.glob("*.lock")) == []


def test_of_many_who_take_up_a_run_while_others_let_go_of_it_one_at_a_time_has_it(tmp_path):
    """Who locks a file that its owner has just removed has locked nothing."""
    with store_in(tmp_path):
        pass
    program = """
import os, sys, time
from pathlib import Path
from greenload.run_lock import CannotLock, RunLock
folder, had = Path(sys.argv[1]), 0
until_s = time.monotonic() + 1.0
while time.monotonic() < until_s or not had:
    try:
        lock = RunLock(folder / "runs.db", "run-1")
    except CannotLock:
        continue
    os.close(os.open(folder / "mine", os.O_CREAT | os.O_EXCL))
    os.unlink(folder / "mine")
    lock.release()
    had += 1
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT, text=True, stderr=subprocess.PIPE)
        for _ in range(3)
    ]

    assert [process.communicate(timeout=30)[1] for process in processes] == [""] * 3


# Killed

# What it needs is imported once; then each line it reads is a process that keeps until it is killed.
KEEPER = """
import os
import sys
from itertools import count
from pathlib import Path
from greenload.core.messages import Report
from greenload.core.news import News, RUNNING
from greenload.core.stats import Sample, Stats
from greenload.store import Store

def report(worker, seq):
    stats = Stats()
    for number in range(seq % 3 + 1):
        stats.sent += 1
        stats.record(Sample("GET", f"/{number}", seq, seq, seq + 0.25, None, 10))
    return Report(worker, 1, seq, float(seq - 1), float(seq), stats, 1, 1.0, 0)

def keep():
    store = Store(Path(sys.argv[1]))
    seqs = {member.worker: member.seq for member in store.load("run-1").kept.members}
    print("ready", os.getpid(), flush=True)
    for number in count():
        reports = []
        for worker in ("one", "two")[: number % 2 + 1]:
            for _ in range(number % 4):
                seqs[worker] = seqs.get(worker, 0) + 1
                reports.append(report(worker, seqs[worker]))
        states = {"one": (1, RUNNING), "two": (1, RUNNING)}
        accounts, seconds = [each.account for each in reports], [(each.second, each.stats) for each in reports]
        store.keep("run-1", News(states=states, accounts=accounts, seconds=seconds))
        print(seqs["one"] if "one" in seqs else 0, flush=True)

for _ in sys.stdin:
    keeper = os.fork()
    if not keeper:
        keep()
    os.waitpid(keeper, 0)
    print("\\nkilled", flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_whenever_the_keeper_is_killed_the_file_holds_whole_reports_from_the_first_to_the_last(tmp_path, seed):
    """A hundred times in all, each one going on with what the one before left."""
    path = tmp_path / "runs.db"
    with store_in(tmp_path):
        pass
    draw = random.Random(seed)
    last = 0

    command = [sys.executable, "-c", KEEPER, path]
    keepers = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(20):
        said = kill_a_keeper(keepers, after_s=draw.uniform(0.0, 0.02))
        with closing(Store(path)) as store:
            kept = store.load("run-1").kept
            rows = store._file.execute("SELECT worker, seq FROM report")

        total = 0
        for member in kept.members:
            seqs = sorted(seq for worker, seq in rows if worker == member.worker)
            assert seqs == list(range(1, member.seq + 1))
            sent = sum(seq % 3 + 1 for seq in seqs)
            assert (kept.results.workers[member.worker].sent if seqs else 0) == sent
            total += sent
        assert kept.results.total.sent == kept.results.total.succeeded == total
        now = max((member.seq for member in kept.members if member.worker == "one"), default=0)
        assert now >= max(said, last)  # what `keep` has returned from is there
        last = now

    keepers.communicate()
    assert last > 50


def kill_a_keeper(keepers, after_s):
    """Have a process keep, and kill it; return the number of the last report of "one" that it said it had kept."""
    keepers.stdin.write("go\n")
    keepers.stdin.flush()
    ready, keeper = keepers.stdout.readline().split()
    assert ready == "ready"
    time.sleep(after_s)
    os.kill(int(keeper), signal.SIGKILL)
    *said, _, _killed = iter_until(keepers.stdout, "killed\n")
    return int(said[-1]) if said else 0


def iter_until(lines, last):
    """Yield lines up to `last`."""
    for line in lines:
        yield line
        if line == last:
            return


def test_where_what_is_measured_began_anew_is_where_the_warm_up_of_a_kept_run_ends(tmp_path):
    with store_in(tmp_path) as store:
        for second, news in enumerate([News(), News(measured_from_s=3), News(), News(measured_from_s=5), News()]):
            news.add(news_of(reports=[report("one", second * 2 + 1), report("one", second * 2 + 2)]))
            store.keep("run-1", news)
        run, outlined = store.load("run-1"), store.outline("run-1")

    assert (run.gate, outlined.gate) == (replace(GATE, warmup_s=5),) * 2
    assert (run.kept.results.measured.sent, run.kept.results.total.sent) == (5, 10)
    assert run.kept.entries == []
