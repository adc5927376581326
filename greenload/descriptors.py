"""File descriptors: how many connections this process may hold open, and whether that will do for its users.

The usual soft limit, 1,024 open files, is from a time when programs kept tables of them; the hard limit is what the
administrator means. What goes beyond that would fail in the run, request by request, as if the service were at fault.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Mapping
from itertools import islice

from greenload.core.errors import GreenloadError
from greenload.core.messages import Plan
from greenload.core.placement import class_sequence
from greenload.http.user import HttpUser
from greenload.user.user import User

RESERVE = 64  # what a process has open beside its users' connections: streams, event loop, sockets to the master, files


class TooFewDescriptors(GreenloadError):
    """There will be more users than this process may have open files."""


def raise_limit() -> None:
    """Let this process open as many files as it may; also those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return  # macOS has a lower limit of its own, which it does not tell; `check` goes by what is in force


def check(classes: Mapping[str, type[User]], plan: Plan, processes: int) -> None:
    """Raise TooFewDescriptors when each of so many processes has more users of `plan` than it may open connections."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # To deal out 100,000 users among classes takes a while, and nearly always there is room for all.
    if allowed == resource.RLIM_INFINITY or _needed(plan.most_users, processes) <= allowed:
        return
    needed = _needed(connections(classes, plan), processes)
    if needed > allowed:
        raise TooFewDescriptors(
            f"{needed - RESERVE:,} users in one process keep a connection each, which takes {needed:,} open files, and"
            f" it may open {allowed:,}; raise the limit (ulimit -n {needed}), or share the users among more processes"
        )


def connections(classes: Mapping[str, type[User]], plan: Plan) -> int:
    """Return how many users there will be at most that speak HTTP, and so keep a connection each."""
    http = {name for name, user_class in classes.items() if issubclass(user_class, HttpUser)}
    if plan.arrivals is not None:
        return plan.most_users if http else 0  # of which class they will be, nobody knows
    return sum(name in http for name in islice(class_sequence(plan.shares), plan.most_users))


def _needed(users: int, processes: int) -> int:
    """Return how many open files each of so many processes needs for its part of `users`."""
    return math.ceil(users / processes) + RESERVE
