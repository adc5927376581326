"""Runs are kept while they go on, whatever becomes of their process, and are found again."""

import json
import re
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.conftest import JOB, wait_until

SHORT = ("job.py", "-u", 4, "-r", 100, "-t", "1s", "--quiet")


@pytest.fixture
def job(greenload):
    greenload.write("job.py", JOB)
    return greenload


def kept_id(done):
    """Return the id under which a run says that it was kept."""
    return re.search(r"^kept as run (\S+) in greenload\.db$", done.stderr, re.MULTILINE)[1]


def listed(greenload, *arguments):
    done = greenload.run("runs", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["runs"]


def kept_requests(greenload):
    """Return how many requests stand in the rows of the database."""
    path = greenload.folder / "greenload.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'tally'").fetchall():
            return 0
        [(requests,)] = database.execute("SELECT COALESCE(SUM(requests), 0) FROM tally")
        return requests


def killed_run(greenload):
    """Kill a run that has kept a hundred requests or more."""
    before = kept_requests(greenload)
    process = greenload.start("run", "job.py", "-u", 4, "-r", 100, "--quiet")
    wait_until(lambda: kept_requests(greenload) >= before + 100, timeout_s=20)
    process.kill()
    process.communicate()


def test_the_list_says_of_a_run_what_its_summary_said(job):
    done = job.run("run", *SHORT, "--tag", "branch=main", "--tag", "n=1", "--note", "the first", "--json", "out.json")

    [run] = listed(job)

    document = job.read_json("out.json")
    assert run == {
        "id": kept_id(done),
        "started": document["run"]["started"],
        "state": "ended",
        "scenario": "job.py",
        "model": "users",
        "load": "4 users",
        "duration_s": document["run"]["duration_s"],
        "requests": document["total"]["requests"],
        "failures": 0,
        "response_p99_ms": document["total"]["response_ms"]["p99"],
        "verdict": document["verdict"]["status"],
        "tags": {"branch": "main", "n": "1"},
        "note": "the first",
    }
    with closing(sqlite3.connect(job.folder / "greenload.db")) as database:
        [(summary, command)] = database.execute("SELECT summary, command FROM run")
    assert json.loads(summary) == document
    assert command.startswith("greenload run job.py -u 4 ")
    assert kept_requests(job) == document["total"]["requests"]


def test_the_newest_runs_with_all_of_the_tags_are_listed_first(job):
    ids = [
        kept_id(job.run("run", *SHORT, *tags))
        for tags in (("--tag", "a=1", "--tag", "b=2"), ("--tag", "a=1"), ("--tag", "a=1", "--tag", "b=2"), ())
    ]

    lists = [
        [run["id"] for run in listed(job, *arguments)]
        for arguments in ((), ("--limit", 2), ("--tag", "a=1"), ("--tag", "a=1", "--tag", "b=2"), ("--tag", "a=2"))
    ]
    table = job.run("runs").stdout

    assert lists == [ids[::-1], ids[:1:-1], ids[2::-1], [ids[2], ids[0]], []]
    assert re.findall(r"^\d\S+", table, re.MULTILINE) == ids[::-1]


def test_a_run_whose_process_is_killed_is_there_as_far_as_it_got_as_broken_off(job):
    killed_run(job)

    [run] = listed(job)

    assert (run["state"], run["verdict"]) == ("broken off", None)
    assert run["requests"] == kept_requests(job) >= 100
    assert run["response_p99_ms"] is not None
    assert "broken off" in job.run("runs").stdout


def test_a_run_is_listed_while_it_goes_on_and_cannot_be_removed(job):
    process = job.start("run", "job.py", "-u", 4, "-r", 100, "--quiet")
    wait_until(lambda: kept_requests(job) > 0, timeout_s=20)

    [run] = listed(job)
    removed = job.run("runs", "rm", run["id"])
    pruned = job.run("runs", "rm", "--keep", 0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    assert (run["state"], run["requests"] > 0) == ("going on", True)
    assert (removed.returncode, pruned.stdout) == (2, "removed 0 run(s)\n")
    assert f"Error: run {run['id']} is being made by another process" in removed.stderr
    assert [run["state"] for run in listed(job)] == ["ended"]


def test_two_processes_keep_their_runs_in_one_file_while_others_read_it(job):
    processes = [job.start("run", *SHORT, "-t", "3s", "--json", f"{name}.json") for name in ("one", "two")]

    seen = []
    while any(process.poll() is None for process in processes):
        seen += [run["requests"] for run in listed(job)] if (job.folder / "greenload.db").exists() else []
    said = [process.communicate(timeout=30)[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    requests = sorted(job.read_json(f"{name}.json")["total"]["requests"] for name in ("one", "two"))
    assert sorted(run["requests"] for run in listed(job)) == requests
    assert kept_requests(job) == sum(requests)
    assert seen


def test_removed_runs_are_gone_and_the_file_is_smaller(job):
    ids = [kept_id(job.run("run", *SHORT)) for _ in range(3)]
    killed_run(job)
    before = (job.folder / "greenload.db").stat().st_size

    removed = job.run("runs", "rm", ids[0], ids[2])

    assert (removed.returncode, removed.stdout) == (0, "removed 2 run(s)\n")
    assert [run["state"] for run in listed(job)] == ["broken off", "ended"]
    assert (job.folder / "greenload.db").stat().st_size < before
    with closing(sqlite3.connect(job.folder / "greenload.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in set(tables) - {"run"}:
            assert not database.execute(f"SELECT 1 FROM {table} WHERE run_id IN (?, ?)", (ids[0], ids[2])).fetchall()

    pruned = job.run("runs", "--db", "greenload.db", "rm", "--keep", 1)

    assert pruned.stdout == "removed 1 run(s)\n"
    assert [run["state"] for run in listed(job)] == ["broken off"]


def test_tags_and_note_can_be_changed_later(job):
    run_id = kept_id(job.run("run", *SHORT, "--tag", "a=1", "--note", "before"))

    changed = [job.run("runs", "tag", run_id, "a=2", "b=3"), job.run("runs", "note", run_id, "after")]

    [run] = listed(job)
    assert [done.returncode for done in changed] == [0, 0]
    assert (run["tags"], run["note"]) == ({"a": "2", "b": "3"}, "after")


def test_a_run_that_is_not_to_be_kept_leaves_no_file(job):
    done = job.run("run", *SHORT, "--no-db")

    assert done.returncode == 0
    assert "kept" not in done.stderr
    assert [path.name for path in job.folder.iterdir() if "db" in path.name] == []


def test_a_run_that_never_began_is_not_kept(job):
    done = job.run("master", "--headless", "job.py", "--bind", "tcp://127.0.0.1:0", "--expect-timeout", "1s", "--quiet")

    assert done.returncode == 3
    assert listed(job) == []
    assert job.run("runs").stdout == "no runs in greenload.db\n"


def test_a_run_of_worker_processes_is_kept_whole(job):
    done = job.run("run", "job.py", "--rate", "50/s", "-t", "2s", "--quiet", "--processes", 2, "--json", "out.json")

    [run] = listed(job)

    assert done.returncode == 0, done.stderr
    assert (run["model"], run["load"]) == ("rate", "50/s")
    assert run["requests"] == kept_requests(job) == job.read_json("out.json")["total"]["requests"]


def test_what_is_no_database_of_ours_is_refused_in_a_sentence(job):
    job.write("notes.txt", "Dear diary, " * 1000)
    job.run("run", *SHORT)
    path = job.folder / "greenload.db"
    (job.folder / "damaged.db").write_bytes(path.read_bytes()[:4096] + b"\xff" * 30_000)
    refusals = {
        ("runs", "--db", "none.db"): "there is no file none.db",
        ("runs", "--db", "notes.txt"): "notes.txt: file is not a database",
        ("runs", "--db", "damaged.db"): "damaged.db: ",
        ("run", *SHORT, "--db", "notes.txt"): "notes.txt: file is not a database; or say --no-db",
        ("run", *SHORT, "--db", "missing/runs.db"): "unable to open database file; or say --no-db",
        ("run", *SHORT, "--tag", "branch"): "'branch' is not KEY=VALUE",
        ("runs", "rm"): "say which runs to remove by their IDs, or with --keep how many to leave",
        ("runs", "rm", "nobody", "--keep", 1): "say which runs to remove",
        ("runs", "rm", "nobody"): "no run nobody in greenload.db; the last ones: ",
        ("runs", "tag", "nobody", "a=b"): "no run nobody in greenload.db",
        ("runs", "note", "nobody", "text"): "no run nobody in greenload.db",
        ("master", "--resume", "nobody", "--no-db"): "--resume needs the --db",
    }
    for arguments, refusal in refusals.items():
        refused = job.run(*arguments)

        assert refused.returncode == 2, arguments
        assert refusal in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not (job.folder / "none.db").exists()
