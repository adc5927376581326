"""Test data of which no two users get the same row, wherever they live.

Which rows are taken is counted in one place, by the master; here are the rows, and the asking.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Generic, TypeVar

from greenload.user.flow import StopUser
from greenload.user.user import User

Row = TypeVar("Row")

log = logging.getLogger("greenload")


class OutOfRows(StopUser):
    """There is no row left, so the user that wants one leaves."""


class Rows(Generic[Row]):
    """The rows of one set of test data.

    name  of the set; two sets of one scenario need two names
    rows  the same ones, in the same order, on every worker
    """

    def __init__(self, name: str, rows: Sequence[Row]) -> None:
        self.name = name
        self._rows = rows
        self._is_used_up = False

    def take(self, user: User) -> Row:
        """Return a row that no other user of the run has got or will get.

        Asks the master, so it takes as long as that takes to answer. Raises OutOfRows when all rows are taken.
        """
        index = user.environment.take_row(self.name)  # switch
        if index < len(self._rows):
            return self._rows[index]
        if not self._is_used_up:
            self._is_used_up = True
            log.warning("all %d rows of %s are taken: users that want another one leave", len(self._rows), self.name)
        raise OutOfRows
