"""What hangs together is found, and how much of it blocks do not see."""

import math
from random import Random
from statistics import fmean

import pytest

from greenload.core.persistence import Persistence, persistence


def level(seed, count, memory, seen=1.0):
    """A level of which `memory` stays each second; a part of `seen` of what is seen is the level, the rest noise."""
    random = Random(seed)
    now = random.gauss(0, 1)
    values = []
    for _ in range(count):
        values.append(math.sqrt(seen) * now + math.sqrt(1 - seen) * random.gauss(0, 1))
        now = memory * now + math.sqrt(1 - memory**2) * random.gauss(0, 1)
    return values


@pytest.mark.parametrize(("memory", "seen"), [(0.5, 1.0), (0.8, 1.0), (0.8, 0.5)])
def test_of_a_long_run_it_is_found_how_it_hangs_together(memory, seen):
    found = persistence([level(1, 20_000, memory, seen)])

    assert found.first == pytest.approx(seen * memory, abs=0.03)
    assert found.decay == pytest.approx(memory, abs=0.06)
    assert found.values_for_one == pytest.approx(1 + 2 * seen * memory / (1 - memory), rel=0.25)


def test_of_short_runs_it_is_found_on_average_too():
    """Sixty seconds at 0.8 show 0.72 when nothing makes up for the mean that is taken away."""
    found = [persistence([level(seed, 60, 0.8), level(-seed, 60, 0.8)]).first for seed in range(1, 200)]

    assert fmean(found) == pytest.approx(0.8, abs=0.02)


def test_what_does_not_hang_together_and_what_does_not_vary_is_nothing():
    assert persistence([level(3, 60, 0.0)]) == Persistence()
    assert persistence([[2.0] * 60]) == Persistence()
    assert Persistence().values_for_one == Persistence().beyond(8) == 1


def test_runs_of_different_levels_do_not_hang_together_for_that():
    assert persistence([[value + 100 for value in level(4, 60, 0.0)], level(5, 60, 0.0)]) == Persistence()


def test_blocks_see_a_part_of_it_long_ones_nearly_all():
    held = Persistence(0.8, 0.8)

    assert held.values_for_one == pytest.approx(9)
    assert held.beyond(1) == pytest.approx(9)
    assert held.beyond(10) == pytest.approx(9 / (1 + 2 * sum((1 - k / 10) * 0.8**k for k in range(1, 10))))
    assert 1 < held.beyond(1000) < 1.01
