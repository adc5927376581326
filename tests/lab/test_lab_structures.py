"""The lesson `structures`: what it makes of costs, and that it asks each store for them."""

import pytest

from greenload.lab.findings import spread_of
from greenload.lab.lesson import Effort
from greenload.lab.lessons import structures
from greenload.lab.lessons.structures import EXERCISE, LINEAR, NO_ROW, OPERATIONS, Cost
from service.stores import STORES

TINY = Effort(rounds=2, scale=0.01, run_s=1.0)


def costs(growth, us=1.0, stores=EXERCISE):
    """A cost for each operation of each store. growth: store and operation -> how many times as long with many."""
    return {
        (store, operation): Cost(spread_of([us]), spread_of([us * growth(store, operation)]))
        for store in stores
        for operation in OPERATIONS
    }


def as_the_exercise_says(store, operation):
    """A store without a row there keeps its albums in a map."""
    expected = structures.MAP if EXERCISE[store] == NO_ROW else EXERCISE[store][1]
    return 9.0 if expected[operation] == LINEAR else 1.1


def verdicts(found):
    return [claim.came_true for claim in structures.findings_of(400, found).claims]


def test_every_store_of_the_service_is_in_the_table():
    assert EXERCISE.keys() == STORES.keys()


def test_costs_that_grow_as_the_exercise_says_make_all_of_its_claims_true():
    assert verdicts(costs(as_the_exercise_says)) == [True] * 8


def test_costs_that_grow_otherwise_make_none_of_them_true():
    def otherwise(store, operation):
        return 1.1 if as_the_exercise_says(store, operation) > 3 else 9.0

    *grown, _ = verdicts(costs(otherwise))

    assert grown == [False] * 7


def test_a_database_that_takes_longer_is_not_as_cheap_as_a_map_though_both_are_constant():
    found = costs(as_the_exercise_says)
    found |= costs(as_the_exercise_says, us=50.0, stores=["sqlite"])

    *_, last = structures.findings_of(400, found).claims

    assert last.came_true is False
    assert last.evidence == "dict 1.10 us, sqlite 55.0 us, postgres 1.10 us"


def test_the_table_has_what_is_expected_beside_what_was_measured():
    findings = structures.findings_of(400, costs(lambda *_: 8.0))

    listing, finding, adding = (table.rows for table in findings.tables)
    assert listing[0] == ["list", "Slice", "O(1)", "O(n)", "1.00", "8.00", "8.0"]
    assert finding[-1] == ["postgres", "Database", "O(1)**", "O(n)", "1.00", "8.00", "8.0"]
    assert len(adding) == len(EXERCISE)


def test_without_postgres_the_lesson_says_so_and_judges_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr("greenload.lab.postgres.PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = []

    def measure_store(store, albums, rounds, *options):
        asked.append((store, albums, *options[:1]))
        return dict.fromkeys(OPERATIONS, spread_of([1.0] * rounds))

    monkeypatch.setattr(structures, "measure_store", measure_store)

    findings = structures.measure(TINY)

    assert "PostgreSQL is not installed here" in findings.notes[-1]
    assert asked[:2] == [("list", 20), ("list", 200)]
    assert asked[-1] == ("sqlite", 200, "--dsn")
    assert {measure.spread.n for measure in findings.measures} == {2}
    assert findings.claims[2].evidence.endswith("sqlite 1.0")


@pytest.mark.parametrize("store", ["list", "actor"])
def test_a_store_is_measured_in_a_process_of_its_own(store):
    found = structures.measure_store(store, 20, 2)

    assert all(found[operation].n == 2 and found[operation].least > 0 for operation in OPERATIONS)
