"""What lessons find, and how it is said: spreads, verdicts, text, page, JSON."""

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenload.lab.catalogue import ANSWERS, LESSONS, chosen
from greenload.lab.console import as_text, table
from greenload.lab.findings import (
    Chart,
    Claim,
    Findings,
    Measure,
    Table,
    judged,
    number,
    spread_of,
    spread_of_known,
)
from greenload.lab.lesson import CHECKOUT, FULL, QUICK, Held, LabError, Lesson, Part, source_of
from greenload.lab.page import as_page
from greenload.lab.plain import as_json
from greenload.lab.verdicts import FALSE, NOT_MEASURED, TRUE, UNKNOWN, reading_of, verdict_on

BUSY = ["others use 100% of the processors"]


def shown_function() -> int:
    """Stands for the code that a lesson shows."""
    return 6 * 7


def held(findings: Findings, disturbances: list[str]) -> Held:
    lesson = Lesson("shown", "is <this> so?", [shown_function], lambda effort: findings, "Read it so.", "switch")
    return Held(lesson, findings, [("python", "3.x")], disturbances)


FINDINGS = Findings(
    measures=[Measure("a greenlet", "us a switch", spread_of([3.0, 1.0, 2.0]))],
    tables=[Table("a table", ["who", "how many"], [["<Ann>", "1,000"], ["Bob", "7"]])],
    charts=[Chart("a chart", "s", "ms", {"late": [(0.0, 0.0), (1.0, 200.0), (2.0, 0.0)]})],
    claims=[Claim("It is fast", True, "2.00 us"), Claim("It loses nothing", False, "3 lost", needs_quiet=False)],
    notes=["A note."],
    files={"trace.json": "{}"},
)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=20))
def test_a_spread_is_the_median_of_all_and_what_lies_outermost(values):
    spread = spread_of(values)

    assert (spread.n, spread.least, spread.most) == (len(values), min(values), max(values))
    assert spread.median == statistics.median(values)


def test_nothing_measured_is_not_zero():
    with pytest.raises(ValueError, match="nothing was measured"):
        spread_of([])


def test_what_was_not_measured_is_not_judged():
    assert judged(lambda one, other: one < other, 0.0, 1.0) is True
    assert judged(lambda one, other: one < other, 1.0, 0.0) is False
    assert judged(lambda one, other: one < other, None, 1.0) is None
    assert spread_of_known([None, None]) is None
    assert spread_of_known([None, 3.0]) == spread_of([3.0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0512, "0.0512"),
        (0.314, "0.314"),
        (1.234, "1.23"),
        (45.67, "45.7"),
        (789.4, "789"),
        (12345, "12,345"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_mean_something(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("came_true", "needs_quiet", "disturbances", "said"),
    [
        (True, True, [], TRUE),
        (False, True, [], FALSE),
        (True, True, BUSY, UNKNOWN),
        (False, True, BUSY, UNKNOWN),
        (True, False, BUSY, TRUE),
        (False, False, BUSY, FALSE),
        (None, True, [], NOT_MEASURED),
        (None, False, BUSY, NOT_MEASURED),
    ],
)
def test_on_a_busy_machine_nothing_is_concluded_from_times_but_counts_stay(came_true, needs_quiet, disturbances, said):
    claim = Claim("so", came_true, "seen", needs_quiet)

    assert verdict_on(claim, held(Findings(), disturbances)) == said


@pytest.mark.parametrize(
    ("came_true", "disturbances", "said"),
    [
        (True, [], "Read it so. It pays."),
        (False, [], "Read it so. It only costs."),
        (None, [], "Read it so."),
        (True, BUSY, "Read it so."),
        (False, BUSY, "Read it so."),
    ],
)
def test_what_follows_from_a_claim_is_said_only_when_it_was_concluded(came_true, disturbances, said):
    claim = Claim("so", came_true, "seen", reading="It pays.", otherwise="It only costs.")
    shown = held(Findings(claims=[claim]), disturbances)

    assert reading_of(shown) == said
    assert f"  {said}\n" in as_text(shown)
    assert f"<p>{said}</p>" in as_page([shown])
    assert json.loads(as_json([shown]))["lessons"][0]["reading"] == said


def test_the_text_has_the_question_the_code_the_numbers_the_verdicts_and_the_next_lesson():
    text = as_text(held(FINDINGS, []))

    assert "shown: is <this> so?" in text
    assert "return 6 * 7" in text
    assert "a greenlet    2.00  1.00  3.00  3  us a switch" in text
    assert "<Ann>     1,000\n" in text
    assert f"It is fast: {TRUE} (2.00 us)" in text
    assert f"It loses nothing: {FALSE} (3 lost)" in text
    assert "A note." in text
    assert "Next: greenload lab switch" in text


def test_the_text_of_a_busy_machine_says_so_and_still_shows_the_numbers():
    text = as_text(held(FINDINGS, BUSY))

    assert "This machine is busy (others use 100% of the processors)" in text
    assert f"It is fast: {UNKNOWN} (2.00 us)" in text
    assert "us a switch" in text


def test_columns_of_numbers_are_flush_right_and_others_left():
    assert list(table(["who", "how many"], [["Bob", "7"], ["Ann", "–"]])) == [
        "  who  how many",
        "  Bob         7",
        "  Ann         –",
    ]


def test_the_page_escapes_what_it_shows_and_needs_nothing_from_elsewhere():
    page = as_page([held(FINDINGS, [])])

    assert "&lt;Ann&gt;" in page
    assert "<Ann>" not in page
    assert "<polyline" in page
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


def test_what_stands_between_backticks_is_code_on_the_page():
    page = as_page([held(Findings(notes=["See `a < b`."]), [])])

    assert "<p>See <code>a &lt; b</code>.</p>" in page


def test_an_axis_ends_with_a_whole_number_where_it_is_one():
    chart = Chart("requests/s by users", "users", "requests/s", {"threads": [(4.0, 12.5), (64.0, 80.0)]})

    assert "4 to 64 users; a full bar is 80 requests/s" in as_text(held(Findings(charts=[chart]), []))
    assert ">64 users</text>" in as_page([held(Findings(charts=[chart]), [])])


def test_few_bars_are_wide_and_what_was_not_measured_is_a_gap():
    chart = Chart(
        "each second", "s", "ms", {"all": [(0.0, 1.0), (1.0, 8.0), (2.0, 1.0)], "some": [(0.0, 8.0), (2.0, 8.0)]}
    )

    text = as_text(held(Findings(charts=[chart]), []))

    assert f"   all |{'▁' * 24}{'█' * 24}{'▁' * 24}|" in text
    assert f"  some |{'█' * 24}{' ' * 24}{'█' * 24}|" in text


def test_more_points_than_columns_are_one_column_each_with_the_largest():
    chart = Chart("a stall", "s", "ms", {"late": [(each / 10, 9.0 if each == 500 else 1.0) for each in range(1000)]})

    [bars] = [line for line in as_text(held(Findings(charts=[chart]), [])).splitlines() if "late |" in line]

    assert bars == f"  late |{'▁' * 36}█{'▁' * 35}|"


def test_the_json_has_the_verdicts_and_not_only_what_was_measured():
    document = json.loads(as_json([held(FINDINGS, BUSY)]))
    [lesson] = document["lessons"]

    assert document["schema"] == "greenload.lab/1"
    assert lesson["measures"] == [
        {"what": "a greenlet", "unit": "us a switch", "n": 3, "median": 2.0, "least": 1.0, "most": 3.0}
    ]
    assert [claim["verdict"] for claim in lesson["claims"]] == [UNKNOWN, FALSE]
    assert lesson["code"][0]["text"].startswith("def shown_function() -> int:")
    assert lesson["disturbances"] == BUSY


def test_a_method_of_a_file_beside_the_package_is_shown_as_it_stands_there():
    where, text = source_of(Part("service/containers.py", "ListContainer.add"))

    assert where == "service/containers.py: ListContainer.add"
    assert text.startswith("def add(self, album: Album) -> None:\n    albums = self._albums")


def test_a_file_that_is_not_there_is_a_sentence():
    with pytest.raises(LabError, match="run it in a clone"):
        source_of(Part("service/nothing.py", "add"))


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_each_lesson_shows_code_that_is_there_and_leads_to_one_that_is(lesson):
    assert lesson.question.strip()
    assert lesson.reading.endswith(".")
    assert lesson.following is None or lesson.following in LESSONS
    for code in lesson.code:
        _, text = source_of(code)
        assert text


def test_from_the_first_lesson_one_comes_to_all():
    name, seen = "race", []
    while name is not None:
        seen.append(name)
        name = LESSONS[name].following

    assert set(seen) == LESSONS.keys()


def test_a_group_is_its_lessons_and_an_unknown_name_is_a_sentence():
    assert chosen("answers") == ANSWERS
    assert [lesson.name for lesson in chosen("experiment 2")] == ["experiment 2"]
    with pytest.raises(LabError, match=r"no lesson is called 'swich'; did you mean switch\?"):
        chosen("swich")
    with pytest.raises(LabError, match=r"did you mean experiment 1 or experiment 2 or experiment 3 or experiment 4\?"):
        chosen("experiment")


def test_quick_is_less_of_everything():
    assert QUICK.rounds < FULL.rounds
    assert QUICK.of(10_000) < FULL.of(10_000) == 10_000
    assert QUICK.run_s < FULL.run_s
    assert QUICK.of(1) == 2


def test_each_lesson_is_a_file_of_less_than_200_lines():
    for path in (CHECKOUT / "greenload" / "lab" / "lessons").glob("*.py"):
        assert len(path.read_text().splitlines()) < 200, path
