"""A run that is stopped: its last requests are counted, each as what became of it.

Locust's workers send their last counts on a timer that the end of the run does not wait for (locust.md 4.2).
"""

import signal

import pytest

from tests.conftest import wait_until
from tests.system.conftest import LOGGED


def wait_for_requests_under_way(service, requests):
    def under_way():
        stats = service.stats()
        return stats["requests"] - sum(stats["by_status"].values())

    wait_until(lambda: under_way() == requests, timeout_s=20)


@pytest.fixture
def waiting_fleet(slow_fleet):
    """Two workers with ten users, all of whom wait for the service: it has their requests and answers 1.5 s later."""
    slow_fleet.master("-u", 10, "-r", 1000, "--expect-workers", 2, *LOGGED)
    slow_fleet.workers = [slow_fleet.worker("one"), slow_fleet.worker("two")]
    wait_for_requests_under_way(slow_fleet.service, 10)
    return slow_fleet


def test_a_stop_in_the_middle_of_a_ramp_counts_all(fleet):
    fleet.master("-u", 200, "-r", 10, "--expect-workers", 2)
    workers = [fleet.worker("one"), fleet.worker("two")]
    fleet.wait_for_requests(300)

    sums = fleet.stop()

    assert sums["sent"] == fleet.service.requests() == sums["succeeded"]
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert sum(fleet.of_workers("users").values()) < 200
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]


def test_requests_under_way_at_the_stop_are_waited_for_and_counted_as_what_they_became(waiting_fleet):
    sums = waiting_fleet.stop()

    assert sums["sent"] == waiting_fleet.service.requests() == sums["succeeded"] >= 10
    assert sums["unfinished"] == 0
    assert sums["counted_by_workers"] == sums["merged_by_master"] == sums["sent"]
    assert [worker.wait(timeout=30) for worker in waiting_fleet.workers] == [0, 0]


def test_a_second_ctrl_c_cuts_requests_off_and_counts_each_as_unfinished(waiting_fleet):
    waiting_fleet.master_process.send_signal(signal.SIGINT)
    waiting_fleet.wait_for_log("once more to stop now")
    sums = waiting_fleet.stop()

    assert sums["sent"] == waiting_fleet.service.requests() == sums["succeeded"] + sums["unfinished"]
    assert waiting_fleet.document["total"]["unfinished"] == sums["unfinished"] > 0
    assert sums["failed"] == 0
    assert sums["missing"] == []
    assert [worker.wait(timeout=30) for worker in waiting_fleet.workers] == [0, 0]


def test_what_outlasts_the_stop_timeout_is_counted_as_unfinished(slow_fleet):
    slow_fleet.master("-u", 6, "-r", 1000, "--stop-timeout", "200ms", "--expect-workers", 2)
    workers = [slow_fleet.worker("one"), slow_fleet.worker("two")]
    wait_for_requests_under_way(slow_fleet.service, 6)

    sums = slow_fleet.stop()

    assert sums["sent"] == slow_fleet.service.requests() == sums["succeeded"] + sums["unfinished"]
    assert sums["unfinished"] == 6
    assert sums["missing"] == []
    assert [worker.wait(timeout=30) for worker in workers] == [0, 0]
