"""The person's file: found, run, and refused with a sentence that says what to do."""

import hashlib
import sys
from pathlib import Path

import pytest

from greenload.core.errors import GreenloadError
from greenload.scenario import ScenarioError, check_hosts, load

USER = """
from greenload import HttpUser, User, task
class Shopper(HttpUser):
    host = "http://127.0.0.1:1"
    @task
    def look(self):
        self.client.get("/")
"""


def written(tmp_path, text, name="scenario.py"):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(tmp_path, text, only=(), host=None):
    with pytest.raises(GreenloadError) as refused:
        check_hosts(load(written(tmp_path, text), only), host)
    return str(refused.value)


def test_a_scenario_has_the_users_of_the_file_and_its_fingerprint(tmp_path):
    path = written(tmp_path, USER)

    scenario = load(path, ())

    assert list(scenario.classes) == ["Shopper"]
    assert scenario.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("names", [["loadfile.py"], ["locustfile.py"], ["loadfile.py", "locustfile.py"]])
def test_without_a_name_it_is_loadfile_else_locustfile(tmp_path, monkeypatch, names):
    for name in names:
        written(tmp_path, USER, name)
    monkeypatch.chdir(tmp_path)

    assert load(None, ()).path == Path(names[0])


def test_a_file_beside_the_scenario_can_be_imported(tmp_path):
    written(tmp_path, "PATH = '/albums'", "beside_the_scenario.py")

    scenario = load(written(tmp_path, "from beside_the_scenario import PATH\n" + USER), ())

    assert list(scenario.classes) == ["Shopper"]


def test_abstract_users_are_left_out(tmp_path):
    text = USER + "\nclass Base(User):\n    abstract = True\n"

    assert list(load(written(tmp_path, text), ()).classes) == ["Shopper"]


def test_only_the_chosen_classes_run(tmp_path):
    text = USER + "\nclass Seller(Shopper):\n    pass\n"

    assert list(load(written(tmp_path, text), ["Seller"]).classes) == ["Seller"]


def test_shares_carry_weight_and_fixed_count(tmp_path):
    text = USER + "\nclass Admin(Shopper):\n    fixed_count = 2\n    weight = 0.5\n"

    shares = load(written(tmp_path, text), ()).shares()

    assert [tuple(share) for share in shares] == [("Shopper", 1, 0), ("Admin", 0.5, 2)]


def test_no_file_at_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ScenarioError, match=r"no loadfile\.py and no locustfile\.py"):
        load(None, ())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ScenarioError, match=r"nowhere\.py: cannot read this scenario: No such file"):
        load(tmp_path / "nowhere.py", ())


def test_a_folder_is_no_scenario(tmp_path):
    with pytest.raises(ScenarioError, match="cannot read this scenario: Is a directory"):
        load(tmp_path, ())


def test_a_syntax_error_is_named_with_its_line(tmp_path):
    assert "scenario.py, line 2: " in refusal(tmp_path, "import os\ndef broken(:\n")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "scenario.py"
    path.write_bytes(b"\x00\xff\x00")

    with pytest.raises(ScenarioError, match=r"scenario\.py"):
        load(path, ())


def test_an_error_in_the_file_is_named_with_its_line(tmp_path):
    assert "scenario.py, line 3: ZeroDivisionError" in refusal(tmp_path, "\n\n1 / 0\n")


def test_an_exit_in_the_file_is_an_error_in_it(tmp_path):
    assert "line 1: SystemExit: 3" in refusal(tmp_path, "raise SystemExit(3)\n")


def test_a_locustfile_is_told_what_to_import(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "locust", None)  # as where Locust is not installed

    assert "write `from greenload import ...`" in refusal(tmp_path, "from locust import HttpUser")


def test_a_file_without_users(tmp_path):
    assert "no User in it" in refusal(tmp_path, "x = 1")


def test_a_user_without_tasks(tmp_path):
    text = USER + "\nclass Idle(User):\n    pass\n"

    assert "Idle has no tasks; put @task" in refusal(tmp_path, text)


def test_a_task_set_without_tasks(tmp_path):
    text = USER + (
        "\nfrom greenload import TaskSet\n"
        "class Idle(User):\n    @task\n    class Nothing(TaskSet):\n        pass\n"
    )  # fmt: skip

    assert "Nothing has no tasks" in refusal(tmp_path, text)


def test_a_user_without_a_host(tmp_path):
    text = USER.replace('    host = "http://127.0.0.1:1"\n', "")

    assert "Shopper has no host: say -H" in refusal(tmp_path, text)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "ftp://localhost", "http://", "http://host:port"])
def test_a_host_must_be_a_url(tmp_path, host):
    assert f"{host!r} is not" in refusal(tmp_path, USER, host=host)


def test_an_unknown_class_is_answered_with_the_nearest_name(tmp_path):
    assert "no user class Shoper in the scenario; did you mean Shopper?" in refusal(tmp_path, USER, only=["Shoper"])


def test_an_unknown_class_like_no_other_is_answered_with_all_names(tmp_path):
    assert "there are Shopper" in refusal(tmp_path, USER, only=["X"])


@pytest.mark.parametrize("line", ["weight = 0", "weight = -1", "fixed_count = -2", "weight = 'many'"])
def test_weights_that_leave_no_user_are_refused(tmp_path, line):
    assert "weight" in refusal(tmp_path, USER.replace('    host = "http', f'    {line}\n    host = "http'))


def test_two_classes_of_one_name_are_refused(tmp_path):
    written(tmp_path, USER, "the_other_file.py")
    text = "import the_other_file\nOther = the_other_file.Shopper\n" + USER

    assert "two user classes are called Shopper; rename one" in refusal(tmp_path, text)


def test_a_scenario_s_annotations_are_its_own(tmp_path):
    scenario = load(written(tmp_path, USER + "\ndef f(x: int): pass\nShopper.seen = f.__annotations__"), ())

    assert scenario.classes["Shopper"].seen == {"x": int}


@pytest.mark.parametrize(("line", "words"), [("fixed_count = 2.5", "whole number"), ("weight = '3'", "a number")])
def test_a_count_or_weight_of_the_wrong_sort_is_named(tmp_path, line, words):
    message = refusal(tmp_path, USER.replace('    host = "http', f'    {line}\n    host = "http'))

    assert message.endswith(f"not {line.split(' = ')[1]}")
    assert words in message


def test_thresholds_of_the_file_are_those_of_the_scenario(tmp_path):
    text = USER + 'thresholds = ["p99 > 300ms", "GET /: failures > 1%"]\nabort_if = ("rps < 1",)\n'

    scenario = load(written(tmp_path, text), ())

    assert [str(each) for each in scenario.fail_if] == ["p99 > 300ms", "GET /: failures > 1%"]
    assert [str(each) for each in scenario.abort_if] == ["rps < 1"]


@pytest.mark.parametrize("variable", ["thresholds", "abort_if"])
def test_a_threshold_of_the_file_that_means_nothing_is_refused_with_file_list_and_place(tmp_path, variable):
    said = refusal(tmp_path, f'{USER}{variable} = ["max > 1s", "p99 > 300"]\n')

    assert said.startswith(f"{tmp_path / 'scenario.py'}: {variable}: expected a unit")
    assert said.endswith("\n  p99 > 300\n           ^")


@pytest.mark.parametrize("value", ['"p99 > 300ms"', "[300]", "{'p99': 300}", "None"])
def test_thresholds_that_are_no_list_of_texts_are_refused_with_what_to_write(tmp_path, value):
    said = refusal(tmp_path, f"{USER}thresholds = {value}\n")

    assert 'thresholds is a list of texts, for example thresholds = ["p99 > 300ms"]' in said
