"""All lessons, in the order in which one leads to the next, and the groups of them that have a name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from greenload.lab.lesson import LabError, Lesson
from greenload.lab.lessons import (
    block,
    bottleneck,
    experiments,
    heart,
    locks,
    locust,
    memory,
    monkey,
    omission,
    percentiles,
    pool,
    questions,
    race,
    racing,
    scenarios,
    spawn,
    spicier,
    structures,
    switch,
    threads,
    trace,
)

FIRST, SECOND = questions.LESSONS
ANSWERS = (FIRST, SECOND, locks.LESSON, bottleneck.LESSON, threads.LESSON)
LESSONS = {
    lesson.name: lesson
    for lesson in (
        race.LESSON,
        switch.LESSON,
        spawn.LESSON,
        memory.LESSON,
        block.LESSON,
        monkey.LESSON,
        heart.LESSON,
        trace.LESSON,
        omission.LESSON,
        percentiles.LESSON,
        pool.LESSON,
        scenarios.LESSON,
        *experiments.LESSONS,
        racing.LESSON,
        spicier.LESSON,
        structures.LESSON,
        *ANSWERS,
        locust.LESSON,
    )
}
GROUPS = {
    "answers": (ANSWERS, "all five questions of the exercise, each with its evidence: a report with --html"),
}


def chosen(name: str) -> Sequence[Lesson]:
    """Return the lesson of that name, or those of the group.  Raises LabError when there is neither."""
    if name in GROUPS:
        return GROUPS[name][0]
    if name in LESSONS:
        return [LESSONS[name]]
    near = [each for each in (*LESSONS, *GROUPS) if each.startswith(f"{name} ")]
    near += difflib.get_close_matches(name, [*LESSONS, *GROUPS], n=1)
    suggested = f"did you mean {' or '.join(dict.fromkeys(near))}? " if near else ""
    raise LabError(f"no lesson is called {name!r}; {suggested}`greenload lab` lists them")
