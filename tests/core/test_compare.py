"""What differs is seen, what does not differ is not, and neither depends on who comes first."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenload.core import compare
from greenload.core.compare import FASTER, NO_DIFFERENCE, SLOWER, NothingToCompare, Side, judge
from greenload.core.persistence import Persistence
from greenload.core.stats import Sample, Stats
from greenload.core.strip import RESPONSE, TOTAL, Strip

NAME = ("GET", "/albums")


def made(seed, seconds=40, per_s=50, factor=1.0, drift=0.0, memory=0.0):
    """A run of lognormal times around 20 ms, whose level wanders: by `drift`, of which `memory` stays each second."""
    random, strip = Random(seed), Strip(RESPONSE, seconds)
    level = random.gauss(0, drift)
    for second in range(seconds):
        level = memory * level + math.sqrt(1 - memory**2) * random.gauss(0, drift)
        stats = Stats()
        for _ in range(per_s):
            took_s = factor * 0.02 * math.exp(level + random.gauss(0, 0.4))
            stats.record(Sample(*NAME, float(second), float(second), second + took_s, None, 1))
        strip.add(second, stats)
    strip.finish()
    return strip


def words(one, other):
    return [judged.word for judged in judge(one, other, NAME).values()]


seeds = st.integers(0, 2**32)


@settings(max_examples=10)
@given(seeds)
def test_a_run_beside_itself_shows_no_difference(seed):
    run = made(seed)

    assert words(Side("1", [run]), Side("1", [run])) == [NO_DIFFERENCE] * 3
    assert words(Side("1", [run]), Side("another name", [run])) == [NO_DIFFERENCE] * 3


@settings(max_examples=10)
@given(seeds, st.floats(0.8, 1.25))
def test_who_comes_first_makes_no_difference(seed, factor):
    one, other = Side("1", [made(seed)]), Side("2", [made(seed + 1, factor=factor)])

    there, back = judge(one, other, NAME), judge(other, one, NAME)

    turned = {SLOWER: FASTER, FASTER: SLOWER, NO_DIFFERENCE: NO_DIFFERENCE}
    for percent, judged in there.items():
        assert back[percent].word == turned[judged.word]
        assert back[percent].spread.low_ms == pytest.approx(-judged.spread.high_ms)
        assert back[percent].spread.high_ms == pytest.approx(-judged.spread.low_ms)


def test_a_shift_by_a_fifth_is_seen_at_the_median_and_in_nine_of_ten_pairs_at_p95():
    """Of these twenty pairs; chance may hide any single one."""
    pairs = [(Side("1", [made(seed)]), Side("2", [made(seed + 1, factor=1.2)])) for seed in range(0, 40, 2)]

    judged = [judge(one, other, NAME) for one, other in pairs]

    assert [each[50.0].word for each in judged] == [SLOWER] * len(pairs)
    assert all(0 < each[50.0].spread.low_percent < 30 for each in judged)
    assert [each[95.0].word for each in judged].count(SLOWER) >= 18
    assert words(*pairs[0][::-1])[:2] == [FASTER, FASTER]


@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.05), (0.5, 0.06), (0.8, 0.08)])
def test_where_nothing_differs_one_comparison_in_twenty_says_so_at_most(monkeypatch, memory, most):
    """60 pairs of runs, whose level wanders by a tenth, and what chance adds to 0.05.  More: python -m bench.alarms."""
    monkeypatch.setattr(compare, "RESAMPLES", 300)
    alarms = 0
    for seed in range(60):
        sides = [Side(f"{seed} {side}", [made(f"{seed} {side}", 60, 20, 1.0, 0.1 * memory, memory)]) for side in "ab"]
        alarms += sum(word != NO_DIFFERENCE for word in words(*sides))

    assert alarms / 180 <= most


def test_what_hangs_together_for_longer_than_a_block_makes_the_interval_wider(monkeypatch):
    pairs = [
        [Side(f"{memory}{side}", [made(f"{memory}{side}", 60, 50, 1.0, 0.2, memory)]) for side in "ab"]
        for memory in (0.0, 0.8)
    ]

    def widths():
        spreads = [judge(*pair, NAME)[50.0].spread for pair in pairs]
        return [spread.high_ms - spread.low_ms for spread in spreads]

    with_it = widths()
    monkeypatch.setattr(compare, "persistence", lambda series: Persistence())
    without = widths()

    assert with_it[0] == pytest.approx(without[0], rel=0.02)
    assert with_it[1] > 1.15 * without[1]


def test_a_run_that_swings_so_slowly_that_it_says_nothing_shows_no_difference_and_says_why():
    one, other = Side("1", [made(1, 60, 50, 1.0, 0.5, 0.97)]), Side("2", [made(2, 60, 50, 1.6, 0.5, 0.97)])

    judged = judge(one, other, NAME)[50.0]

    assert judged.word == NO_DIFFERENCE
    assert "its seconds hang together, and 60 s say no more than" in judged.reason
    assert judged.spread is not None


def test_runs_of_very_different_length_are_compared():
    """Units of 1 s on one side and of 2 s on the other."""
    short, long = made(1, 100, 20, 1.0, 0.05, 0.5), made(2, 600, 20, 1.3, 0.05, 0.5)
    assert (short.width_s, long.width_s) == (1, 2)

    assert words(Side("1", [short]), Side("2", [long]))[:2] == [SLOWER, SLOWER]
    assert words(Side("2", [long]), Side("1", [short]))[:2] == [FASTER, FASTER]


def test_of_several_runs_a_side_what_runs_differ_by_is_no_difference_between_the_sides():
    """Three runs a side, each with a level of its own, 20 % apart: chance, which one run a side cannot know."""
    levels = (1.0, 1.2, 0.9)
    one = Side("1,2,3", [made(n, factor=level) for n, level in enumerate(levels)])
    other = Side("4,5,6", [made(n + 3, factor=level * 1.03) for n, level in enumerate(levels)])
    slower = Side("7,8,9", [made(n + 6, factor=level * 1.8) for n, level in enumerate(levels)])

    assert words(one, other) == [NO_DIFFERENCE] * 3
    assert words(Side("1", [made(0)]), Side("2", [made(1, factor=1.2)]))[0] == SLOWER
    assert words(one, slower)[0] == SLOWER


def test_what_a_bucket_cannot_tell_apart_is_no_difference():
    def steady(took_us):
        strip = Strip(RESPONSE, 30.0)
        for second in range(30):
            stats = Stats()
            for _ in range(50):
                stats.record(Sample(*NAME, 0.0, 0.0, took_us / 1e6, None, 1))
            strip.add(second, stats)
        strip.finish()
        return strip

    assert words(Side("1", [steady(100_000)]), Side("2", [steady(100_090)])) == [NO_DIFFERENCE] * 3
    assert words(Side("1", [steady(100_000)]), Side("2", [steady(100_900)])) == [SLOWER] * 3


def test_a_run_that_is_too_short_or_has_too_few_requests_is_not_judged_and_says_why():
    short = judge(Side("1", [made(1, seconds=19)]), Side("2", [made(2)]), NAME)
    few = judge(Side("1", [made(1, seconds=20, per_s=12)]), Side("2", [made(2)]), NAME)

    assert {judged.word for judged in short.values()} == {None}
    assert "20 s" in short[50.0].reason
    assert few[95.0].word is not None
    assert few[99.0].word is None
    assert "p99 needs 1000" in few[99.0].reason


def test_the_total_is_judged_like_a_name():
    one, other = Side("1", [made(1)]), Side("2", [made(2, factor=1.5)])

    assert judge(one, other, TOTAL) == judge(one, other, NAME)


def test_a_run_without_requests_is_nothing_to_compare():
    with pytest.raises(NothingToCompare, match="empty has no requests"):
        Side("empty", [Strip(RESPONSE, 0.0)])


def test_a_comparison_made_anew_says_the_same():
    one, other = made(1), made(2, factor=1.03)

    first = judge(Side("1", [one]), Side("2", [other]), NAME)

    assert judge(Side("1", [one]), Side("2", [other]), NAME) == first


def test_two_runs_a_side_are_few_and_the_interval_knows_it(monkeypatch):
    """Runs whose levels differ by a tenth: without Student's t one judgement in five would be an alarm."""
    monkeypatch.setattr(compare, "RESAMPLES", 100)
    random, alarms = Random(3), 0
    for pair in range(60):
        sides = [
            Side(
                f"{pair} {side}", [made(f"{pair} {side} {run}", 20, 20, random.lognormvariate(0, 0.1)) for run in "12"]
            )
            for side in "ab"
        ]
        alarms += sum(judged.word not in (NO_DIFFERENCE, None) for judged in judge(*sides, NAME).values())

    assert alarms <= 0.05 * 120  # p99 has too few requests
