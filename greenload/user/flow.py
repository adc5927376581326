"""Exceptions a task raises to say how its user goes on. None of them is an error."""

from __future__ import annotations


class Flow(Exception):
    """A wish about what comes next."""


class StopUser(Flow):
    """This user leaves: on_stop runs, and nobody takes its place."""


class RescheduleTask(Flow):
    """This task ends here; the next one comes after the wait time."""


class RescheduleTaskImmediately(Flow):
    """This task ends here; the next one comes at once."""


class InterruptTaskSet(Flow):
    """This TaskSet ends here; its parent goes on, at once or (reschedule=False) after the wait time."""

    def __init__(self, reschedule: bool = True) -> None:
        super().__init__(reschedule)
        self.reschedule = reschedule
