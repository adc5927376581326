"""Mistakes people make: one clear sentence on stderr, exit 2, no traceback, nothing written."""

import pytest

from tests.conftest import JOB

GOOD = "from greenload import HttpUser, task\nclass Shopper(HttpUser):\n    @task\n    def look(self): pass\n"
HUGE = "9" * 400  # more than a float holds
HOST = ["-H", "http://127.0.0.1:1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.py", *HOST], "nowhere.py: cannot read this scenario: No such file or directory"),
        (["run", *HOST], "no scenario: there is no loadfile.py and no locustfile.py here"),
        (["run", "syntax.py", *HOST], "syntax.py, line 1: "),
        (["run", "empty.py", *HOST], "empty.py: no User in it"),
        (["run", "idle.py", *HOST], "Idle has no tasks"),
        (["run", "good.py"], "Shopper has no host: say -H http://HOST:PORT"),
        (["run", "good.py", "-H", "127.0.0.1:8080"], "'127.0.0.1:8080' is not an http or https URL"),
        (["run", "good.py", *HOST, "-u", "0"], "Invalid value for '-u' / '--users': 0 is not in the range x>=1"),
        (["run", "good.py", *HOST, "-u", "-5"], "-5 is not in the range x>=1"),
        (["run", "good.py", *HOST, "-u", "abc"], "'abc' is not a valid integer"),
        (["run", "good.py", *HOST, "-r", "0"], "0.0 is not in the range x>0"),
        (["run", "good.py", *HOST, "-r", "nan"], "a spawn rate must be above 0 users/s, not nan"),
        (["run", "good.py", *HOST, "-t", "soon"], "'soon' is not a duration; write for example 30s"),
        (["run", "good.py", *HOST, "-t", "0"], "a run time must be above 0, for example 30s"),
        (["run", "good.py", *HOST, "--stages", "50"], "'50' is not a stage; write USERS@DURATION"),
        (["run", "good.py", *HOST, "--stages", "50@30s,,"], "is not a list of stages"),
        (["run", "good.py", *HOST, "--stages", "5@soon"], "'soon' is not a duration"),
        (["run", "good.py", *HOST, "--stages", "0@5s"], "never has a user"),
        (["run", "good.py", *HOST, "--stages", "5@5s", "-u", "3"], "users and spawn rate do not go with them"),
        (
            ["run", "good.py", *HOST, "--json", "no/such/folder/out.json"],
            "cannot write no/such/folder/out.json: No such",
        ),
        (["run", "good.py", *HOST, "--json", "."], "cannot write .: Is a directory"),
        (
            ["run", "good.py", *HOST, "--csv", "no/such/folder/out"],
            "cannot write no/such/folder/out_stats.csv: No such",
        ),
        (["run", "good.py", *HOST, "--log-file", "no/such/log"], "cannot write no/such/log: No such"),
        (["run", "good.py", *HOST, "--class", "Shoper"], "no user class Shoper in the scenario; did you mean Shopper?"),
        (["run", "good.py", *HOST, "--sed", "1"], "No such option"),
        (["run", "good.py", *HOST, "-u", "1000001"], "a run needs 1 to 1000000 users, not 1000001"),
        (["run", "good.py", *HOST, "-u", HUGE], "a run needs 1 to 1000000 users, not 999"),
        (["run", "good.py", *HOST, "--stages", f"{HUGE}@5s"], "a level of 0 to 1000000, not inf"),
        (["run", "good.py", *HOST, "--seed", HUGE], "is too large a seed; the largest is 9223372036854775807"),
        (["run", "good.py", *HOST, "--seed", "one"], "'one' is not a valid integer"),
        (["run", "good.py", *HOST, "-t", "1000000001s"], "is too long a duration; there can be at most 1e+09 s"),
        (["run", "good.py", *HOST, "--stages", "5@900000000s,5@900000000s"], "is too long a duration"),
        (["worker", "--master", "127.0.0.1", "--id", ""], "'' is no name: 1 to 100 characters that can be printed"),
        (["worker", "--master", "127.0.0.1", "--id", "a\nb"], "'a\\nb' is no name"),
        (["worker", "--master", "127.0.0.1", "--id", "\x1b[31mred"], "'\\x1b[31mred' is no name"),
        (["worker", "--master", "127.0.0.1", "--id", "x" * 101], "is no name"),
        (["worker", "--master", "127.0.0.1", "--id", "x" * 99, "--processes", "2"], "is no name"),
        (["rum"], "No such command"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(greenload, arguments, sentence):
    greenload.write("good.py", GOOD)
    greenload.write("syntax.py", "def broken(:\n")
    greenload.write("empty.py", "x = 1\n")
    greenload.write("idle.py", "from greenload import HttpUser\nclass Idle(HttpUser): pass\n")
    before = {path.name for path in greenload.folder.iterdir()}

    done = greenload.run(*arguments)

    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert {path.name for path in greenload.folder.iterdir()} - {"__pycache__"} == before


def test_a_refused_run_leaves_the_files_of_the_last_one_alone(greenload):
    greenload.write("good.py", GOOD)
    for name in ("out.json", "out_stats.csv"):
        greenload.write(name, "precious")

    done = greenload.run("run", "good.py", "--json", "out.json", "--csv", "out")

    assert done.returncode == 2
    assert (greenload.folder / "out.json").read_text() == "precious"
    assert (greenload.folder / "out_stats.csv").read_text() == "precious"


def test_a_run_that_breaks_prints_and_writes_what_it_has_and_exits_with_3(greenload):
    sabotage = "    def on_start(self):\n        self.environment.recorder.take = None\n"
    greenload.write("job.py", JOB + sabotage)

    done = greenload.run("run", "job.py", "-t", "1h", "--json", "out.json")

    assert done.returncode == 3
    assert "the run broke: local: TypeError: 'NoneType' object is not callable" in done.stderr
    assert "planned" in done.stdout
    assert greenload.read_json("out.json")["verdict"]["status"] == "suspect"


@pytest.mark.parametrize("more", [["--log-file", "no/such/log"], ["--json", "no/such/json"]])
def test_a_refused_run_makes_no_csv_files(greenload, more):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "--csv", "out", *more)

    assert done.returncode == 2
    assert list(greenload.folder.glob("out_*")) == []


def test_csv_files_that_can_be_written_are_left_alone_when_one_cannot(greenload):
    greenload.write("job.py", JOB)
    greenload.write("out_stats.csv", "precious")
    (greenload.folder / "out_failures.csv").mkdir()

    done = greenload.run("run", "job.py", "--csv", "out")

    assert done.returncode == 2
    assert (greenload.folder / "out_stats.csv").read_text() == "precious"


def test_a_full_disk_is_found_before_the_run_where_that_is_possible(greenload):
    greenload.write("job.py", JOB)
    (greenload.folder / "out_stats_history.csv").symlink_to("/dev/full")

    done = greenload.run("run", "job.py", "-t", "1h", "--csv", "out")

    assert done.returncode == 2
    assert done.stderr.strip() == "Error: cannot write out_*.csv: No space left on device"


def test_a_summary_that_cannot_be_written_in_the_end_is_printed_all_the_same(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "-t", "1s", "--json", "/dev/full")

    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "planned" in done.stdout


def test_a_file_that_cannot_be_written_in_the_end_keeps_no_other_from_being_written(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("run", "job.py", "-t", "1s", "--json", "/dev/full", "--junit", "out.xml", "--csv", "out")

    assert done.returncode == 3
    assert "No space left on device" in (greenload.folder / "out.xml").read_text()
    assert (greenload.folder / "out_stats.csv").read_text().count("\n") == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_cannot_be_written_in_the_encoding_of_a_terminal_is_replaced_there(greenload, monkeypatch, encoding):
    """The run broke with a traceback, exit code 1, and no summary."""
    monkeypatch.setenv("PYTHONIOENCODING", f"{encoding}:strict")
    greenload.write("job.py", f"{JOB}\nthresholds = ['Beyonc\\u00e9 \\u2603 \\ud800: p99 > 1ms']\n")

    done = greenload.run("run", "job.py", "-t", "1s", "--csv", "out", "--junit", "out.xml")

    assert "planned" in done.stdout
    assert "the run did not pass 1 threshold(s)" in done.stderr
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_master_that_others_could_reach_is_refused_unless_that_is_wanted(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("master", "--headless", "job.py", "-t", "1s", "--bind", "tcp://0.0.0.0:0")

    assert done.returncode == 2
    assert "can be reached from other machines" in " ".join(done.stderr.split())


def test_an_address_that_is_none_is_refused(greenload):
    greenload.write("job.py", JOB)

    done = greenload.run("worker", "--master", "no where", "-f", "job.py")

    assert done.returncode == 2
    assert "is not an address" in done.stderr
    assert "Traceback" not in done.stderr
