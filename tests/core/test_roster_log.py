"""A plan as it has been edited says what is wanted, at every moment."""

import pytest

from greenload.core.arrivals import UNIFORM, Arrivals
from greenload.core.messages import Plan
from greenload.core.placement import Share
from greenload.core.roster import EDIT, JOIN, RATE, Change, Edit, RateEdit, Roster
from greenload.core.roster_log import plan_as_edited
from greenload.core.shape import Shape, constant_rate, ramp
from greenload.core.turns import SETTLE_S

SHARES = (Share("Reader", 1),)
CLOSED = Plan(ramp(10, 5), None, SHARES, None, 10.0, 1)
OPEN = Plan(Shape(()), None, SHARES, None, 10.0, 1, arrivals=Arrivals(constant_rate(20), UNIFORM, 10, 5.0))
JOINED = Change(0.0, JOIN, "one")


@pytest.mark.parametrize("at_s", [0.5, 2.0, 7.9, 8.5, 11.9, 12.1, 20.0, 20.4, 30.0])
def test_the_level_of_users_is_what_the_roster_makes_of_the_edits(at_s):
    edits = [Edit(8.0, EDIT, 30, 5.0), Edit(20.0, EDIT, 3, 50.0)]
    roster = Roster(SHARES, CLOSED.shape)
    for entry in (JOINED, *edits):
        roster.hear(entry)

    level = plan_as_edited(CLOSED, [JOINED, *edits]).shape.level_at(at_s)

    # The first user of a ramp is there from its beginning: the users are the level, rounded up.
    assert level == pytest.approx(roster.users_of("one", at_s)["Reader"], abs=1.01)


def test_a_rate_is_the_edited_one_once_it_is_in_force():
    rate = plan_as_edited(OPEN, [JOINED, RateEdit(5.0, RATE, 80.0)]).arrivals.rate

    assert rate.level_at(5.0 + SETTLE_S - 0.01) == 20
    assert rate.level_at(5.0 + SETTLE_S + 0.01) == 80
