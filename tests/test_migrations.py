"""A file of an older version is read as if it had been written by this one."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from greenload.core.messages import Stop
from greenload.core.news import DONE, LOST
from greenload.core.plain_stats import HISTOGRAM, KINDS, STALL, TALLY
from greenload.core.stats import COUNTERS, Stats
from greenload.database import Database
from greenload.migrations import OLDEST
from greenload.run_lock import RunLock
from greenload.store import Store, StoreError
from greenload.tables import SCHEMA_VERSION
from tests.test_store import plain

DATA = Path(__file__).parent / "data"
ENDED, BROKEN_OFF = "20300101-000001-beef", "20300101-000002-beef"


def old_file(folder, version=OLDEST):
    """Return a file of an older version, with a run that has ended and one that has not."""
    path = folder / f"runs-{version}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / f"store-{version}.sql").read_text(encoding="utf-8"))
    return path


def counted_in(path, run_id):
    """Return all that the rows of version 3 hold of a run, added up by the rules of version 3."""
    total = Stats()
    with closing(sqlite3.connect(path)) as connection:
        columns = ", ".join((*COUNTERS, "exceptions", "lag", "longest_stall"))
        for row in connection.execute(f"SELECT {columns} FROM second WHERE run_id = ?", (run_id,)):
            *counted, exceptions, lag, stall = row
            stats = Stats()
            for counter, count in zip(COUNTERS, counted, strict=True):
                setattr(stats, counter, count)
            stats.exceptions, stats.lag = KINDS.load(json.loads(exceptions)), HISTOGRAM.load(json.loads(lag))
            stats.longest_stall = STALL.load(json.loads(stall))
            total.add(stats)
        query = "SELECT method, name, counts FROM tally WHERE run_id = ?"
        for method, name, counts in connection.execute(query, (run_id,)):
            stats = Stats()
            stats.tallies[method, name] = TALLY.load(json.loads(counts))
            total.add(stats)
    return total


def schema_of(path):
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def test_a_file_of_version_3_is_read_as_it_was(tmp_path):
    path = old_file(tmp_path)
    before = {run_id: counted_in(path, run_id) for run_id in (ENDED, BROKEN_OFF)}

    with closing(Store(path)) as store:
        runs = {run_id: store.load(run_id) for run_id in before}

    for run_id, run in runs.items():
        assert plain(run.kept.results.total) == plain(before[run_id])
        assert before[run_id].total().phases is not None  # there was something of everything
        assert {member.worker: (member.epoch, member.state, member.seq) for member in run.kept.members} == {
            "one": (1, DONE, 6), "two": (2, LOST, 6),
        }  # fmt: skip
        assert (run.kept.stop, len(run.kept.entries), run.kept.errors) == (Stop(True), 4, {"one": "KeyError: 'x'"})
        assert (run.document, dict(run.label.tags), run.label.note) == (None, {}, None)
    assert [run.has_ended for run in runs.values()] == [True, False]


def test_a_file_of_version_4_is_read_as_one_of_version_3(tmp_path):
    """The first was made of the second, by the version of that time."""
    read = []
    for version in (3, 4):
        with closing(Store(old_file(tmp_path, version))) as store:
            runs = [store.load(run_id) for run_id in (ENDED, BROKEN_OFF)]
        read.append([(run.info, run.plan, run.gate, plain(run.kept.results), run.kept.entries) for run in runs])

    assert read[0] == read[1]


@pytest.mark.parametrize("version", [3, 4])
def test_a_file_that_was_migrated_has_the_form_of_a_new_one_and_takes_new_runs(tmp_path, version):
    path = old_file(tmp_path, version)

    with closing(Store(path)), closing(Store(tmp_path / "new.db")):
        pass

    assert schema_of(path) == schema_of(tmp_path / "new.db")
    with closing(Store(path)) as store:
        store.tag(ENDED, {"a": "b"})
        assert [run.info.id for run in store.runs(tags={"a": "b"})] == [ENDED]


def test_a_migration_that_breaks_leaves_the_file_as_it_was(tmp_path):
    path = old_file(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE tally SET counts = '[' WHERE rowid = (SELECT MAX(rowid) FROM tally)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match=r"runs-3\.db: "):
        Store(path)

    assert path.read_bytes() == before


def test_a_file_in_which_an_older_version_makes_a_run_is_left_alone(tmp_path):
    path = old_file(tmp_path)
    lock = RunLock(path, BROKEN_OFF)

    try:
        with pytest.raises(StoreError, match=f"of an older version of greenload, which is making run {BROKEN_OFF}$"):
            Store(path)
    finally:
        lock.release()
    Store(path).close()


def test_of_two_that_open_an_old_file_one_migrates_it(tmp_path):
    path = old_file(tmp_path)

    with closing(Database(path)) as first, closing(Database(path)) as second:
        versions = [file.execute("PRAGMA user_version") for file in (first, second)]

    assert versions == [[(SCHEMA_VERSION,)]] * 2


def test_a_version_from_before_the_first_is_refused(tmp_path):
    path = old_file(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")

    with pytest.raises(StoreError, match="was written by an older version of greenload"):
        Store(path)
