"""The service's own counts, without HTTP."""

import threading

import pytest

from service.counts import Counts


def test_a_request_counts_before_its_answer():
    counts = Counts()

    counts.arrived()
    before = counts.plain()
    counts.answered("GET /albums", 200)

    assert before == {"requests": 1, "by_route": {}, "by_status": {}}
    assert counts.plain() == {"requests": 1, "by_route": {"GET /albums": 1}, "by_status": {"200": 1}}


def test_a_copy_of_the_counts_does_not_grow():
    counts = Counts()
    copy = counts.plain()

    counts.arrived()
    counts.answered("GET /albums", 200)

    assert copy == {"requests": 0, "by_route": {}, "by_status": {}}


@pytest.mark.usefixtures("nervous_threads")
def test_sixteen_threads_lose_no_count(together):
    counts = Counts()

    def request(number):
        counts.arrived()
        counts.answered(f"route {number % 3}", 200 + number % 2)

    together(16, request, range(6000))

    assert counts.plain() == {
        "requests": 6000,
        "by_route": {"route 0": 2000, "route 1": 2000, "route 2": 2000},
        "by_status": {"200": 3000, "201": 3000},
    }


class InterruptedRoute(str):
    """A route whose counting is interrupted between reading the number and writing it: hashed once for each."""

    def interrupt(self, act):
        self.act, self.hashes_left = act, 2
        return self

    def __eq__(self, other):
        return str.__eq__(self, other)

    def __hash__(self):
        self.hashes_left -= 1
        if self.hashes_left == 0:
            self.act()
        return str.__hash__(self)


def test_an_answer_counted_in_the_middle_of_counting_another_is_not_lost():
    counts = Counts()
    second = threading.Thread(target=counts.answered, args=("GET /albums", 200), daemon=True)

    def interrupt():
        second.start()
        second.join(0.1)  # the lock makes it wait here

    counts.answered(InterruptedRoute("GET /albums").interrupt(interrupt), 200)
    second.join(5)

    assert counts.plain()["by_route"] == {"GET /albums": 2}
