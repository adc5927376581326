"""--phases: what the users of every worker measured is added up, shown and written; without it there is none of it."""

import pytest

BOTH = """
from greenload import FastHttpUser, HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.02)
    @task
    def read(self):
        self.client.get("/albums/1", name=type(self).__name__)
class FastReader(FastHttpUser):
    wait_time = constant(0.02)
    @task
    def read(self):
        self.client.get("/albums/1", name=type(self).__name__)
class Newcomer(HttpUser):
    wait_time = constant(0.02)
    @task
    def read(self):
        self.client.get("/albums/1", name=type(self).__name__, headers={"Connection": "close"})
class FastNewcomer(FastHttpUser):
    wait_time = constant(0.02)
    @task
    def read(self):
        self.client.get("/albums/1", name=type(self).__name__, headers={"Connection": "close"})
"""
USERS = 8  # two of each class: one on each worker


def counts(row):
    return {phase: held["count"] for phase, held in row["phases"].items()}


def test_the_phases_of_two_workers_are_added_up(fleet):
    fleet.greenload.write("both.py", BOTH)
    fleet.master("-u", USERS, "-r", 100, "-t", "2s", "--expect-workers", 2, "--phases", scenario="both.py")
    fleet.worker("one", scenario="both.py")
    fleet.worker("two", scenario="both.py")

    sums = fleet.finish()

    rows = {row["name"]: row for row in fleet.document["names"]}
    assert (sums["failed"], sums["unfinished"]) == (0, 0)
    assert all(requests > 0 for requests in fleet.of_workers("requests").values())
    for name in ("Reader", "FastReader"):
        reused = rows[name]["requests"] - 2
        assert counts(rows[name]) == {
            "connect_ms": 2,
            "first_byte_new_ms": 2,
            "first_byte_reused_ms": reused,
            "receive_new_ms": 2,
            "receive_reused_ms": reused,
        }
    for name in ("Newcomer", "FastNewcomer"):
        assert set(counts(rows[name]).values()) == {rows[name]["requests"]}
        assert list(rows[name]["phases"]) == ["connect_ms", "first_byte_new_ms", "receive_new_ms"]
    total = counts(fleet.document["total"])
    assert total["first_byte_new_ms"] + total["first_byte_reused_ms"] == sums["succeeded"]
    assert "first byte, reused connection" in fleet.out


@pytest.mark.parametrize("processes", [(), ("--processes", 2)], ids=["memory", "processes"])
def test_a_run_by_one_command_has_them_too(greenload, album_service, processes):
    greenload.write("both.py", BOTH)

    done = greenload.run(
        *("run", "both.py", "-H", album_service.url, "-u", USERS, "-r", 100, "-t", "1s", "--json", "out.json"),
        *("--phases", *processes),
    )

    document = greenload.read_json("out.json")
    total = counts(document["total"])
    assert done.returncode == 0, done.stderr
    assert total["connect_ms"] == total["first_byte_new_ms"] == total["receive_new_ms"] > 0
    assert total["receive_new_ms"] + total["receive_reused_ms"] == document["total"]["requests"]


def test_without_the_option_there_is_nothing_of_them(greenload, album_service):
    greenload.write("both.py", BOTH)

    done = greenload.run(
        *("run", "both.py", "-H", album_service.url, "-u", USERS, "-r", 100, "-t", "1s", "--json", "out.json"),
    )

    document = greenload.read_json("out.json")
    assert not any("phases" in row for row in [*document["names"], document["total"]])
    assert "phases" not in done.stdout
    assert "first byte" not in done.stdout


def test_a_run_that_is_resumed_goes_on_measuring_them(fleet):
    """The new master has the plan from the file, and what was counted with it."""
    fleet.master("-u", 4, "-r", 100, "--expect-workers", 1, "--phases")
    fleet.worker("one")
    fleet.wait_for_reports("one", 2)
    fleet.kill_master()
    fleet.resume()
    fleet.wait_for_reports("one", 2)

    sums = fleet.stop()

    total = counts(fleet.document["total"])
    assert (sums["failed"], total["connect_ms"]) == (0, 4)
    assert total["first_byte_new_ms"] + total["first_byte_reused_ms"] == sums["succeeded"]
