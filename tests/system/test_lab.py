"""`greenload lab` as one types it."""

import json


def test_without_a_lesson_all_are_listed(greenload):
    listed = greenload.run("lab")

    assert listed.returncode == 0
    assert "  experiment 4 " in listed.stdout
    assert "  answers " in listed.stdout


def test_a_lesson_is_shown_and_written_as_page_as_json_and_with_what_it_recorded(greenload):
    held = greenload.run("lab", "trace", "--quick", "--html", "t.html", "--json", "t.json", "--files", "found")

    assert held.returncode == 0, held.stderr
    assert "trace: what do virtual users do all day?" in held.stdout
    assert "Next: greenload lab omission" in held.stdout
    assert "<h2" in (greenload.folder / "t.html").read_text()
    assert greenload.read_json("t.json")["lessons"][0]["name"] == "trace"
    assert json.loads((greenload.folder / "found" / "trace.json").read_text())["traceEvents"]
    assert (greenload.folder / "found" / "timeline.html").exists()
    assert not (greenload.folder / "greenload.db").exists()


def test_an_unknown_lesson_is_a_sentence_and_exit_code_2(greenload):
    refused = greenload.run("lab", "experiment", "9")

    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: no lesson is called 'experiment 9'; did you mean experiment ")
    assert refused.stderr.endswith("? `greenload lab` lists them\n")


def test_a_page_that_could_not_be_written_is_refused_before_anything_is_measured(greenload):
    refused = greenload.run("lab", "switch", "--html", "nowhere/page.html")

    assert refused.returncode == 2
    assert "there is no folder nowhere" in refused.stderr
    assert "measuring" not in refused.stderr
