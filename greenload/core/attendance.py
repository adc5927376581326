"""Who of a run's workers is here, by what was heard of each, and when.

A worker that is silent for a while is stalled: its process may be busy. One that is silent for longer may be lost; that
is for the Fleet to say, which knows whether anything can still reach it. Knows nothing of users or messages.
"""

from __future__ import annotations

from collections.abc import Mapping

from greenload.core.news import DONE, LOST, READY, RUNNING, STALLED, Member

STALLED_AFTER_S = 2.0
LOST_AFTER_S = 5.0  # when the process cannot be reached, either: one that is only busy stays stalled
ASK_EVERY_S = 1.0

Members = Mapping[str, Member]  # by name


def ready(members: Members, now_s: float) -> list[Member]:
    """Return who is here before the run begins, by name: who says hello each second."""
    waiting = [member for member in members.values() if member.state == READY]
    heard = [member for member in waiting if now_s - member.heard_s <= STALLED_AFTER_S]
    return sorted(heard, key=lambda member: member.worker)


def here(members: Members) -> list[Member]:
    """Return who takes part: also who is stalled."""
    return [member for member in members.values() if member.state in (RUNNING, STALLED)]


def left(members: Members) -> list[Member]:
    """Return who has not said bye."""
    return [member for member in members.values() if member.state != DONE]


def silent(members: Members, heard_all_s: float) -> list[Member]:
    """Return who has been silent for so long that it may be lost; who is for a shorter time, is stalled from now on.

    heard_all_s: until when all that came was heard.
    """
    found = []
    for member in members.values():
        silent_s = heard_all_s - member.heard_s
        if silent_s <= STALLED_AFTER_S or member.state in (LOST, DONE):
            continue
        if member.state == RUNNING:
            member.state = STALLED
        if silent_s > LOST_AFTER_S:
            found.append(member)
    return found


def is_to_be_asked(member: Member, now_s: float) -> bool:
    """Return whether it is time to say something to a silent worker, just to learn whether anybody is there."""
    if now_s - member.asked_s < ASK_EVERY_S:
        return False
    member.asked_s = now_s
    return True


def nobody_at(members: Members, route: bytes) -> None:
    """Take in that an order found nobody at `route`."""
    for member in members.values():
        if member.route == route:
            member.is_there = False


def states_to_tell(members: Members) -> dict[str, tuple[int, str]]:
    """Return (epoch, state) by name, of those whose state is another than when this was called last."""
    changed = [member for member in members.values() if member.state_told != member.state]
    for member in changed:
        member.state_told = member.state
    return {member.worker: (member.epoch, member.state) for member in changed}
