"""Test data of which no two users get the same row, over workers and over the death of a master."""

from tests.conftest import wait_until

ROWS, USERS = 100, 120
TAKERS = f"""
from greenload import Rows, User, constant, task
ACCOUNTS = Rows("accounts", range({ROWS}))
class Taker(User):
    wait_time = constant(60)
    def on_start(self):
        row = ACCOUNTS.take(self)
        with open("taken", "a") as taken:
            taken.write(f"{{row}} {{self.environment.worker_index}}\\n")
        with self.measure("ROW", "taken"):
            pass
    @task
    def sit(self):
        pass
"""


def test_every_row_is_taken_once_by_users_of_two_workers_over_the_death_of_a_master(fleet):
    fleet.greenload.write("takers.py", TAKERS)
    taken = fleet.greenload.write("taken", "")

    def lines():
        return taken.read_text().splitlines()

    fleet.master("-u", USERS, "-r", 30, "--expect-workers", 2, scenario="takers.py")
    workers = [fleet.worker(name, scenario="takers.py") for name in ("one", "two")]
    wait_until(lambda: len(lines()) >= 20, timeout_s=20)
    fleet.kill_master()
    taken_before = len(lines())
    fleet.resume()
    wait_until(lambda: len(lines()) >= ROWS, timeout_s=30)
    # Until the last of the users has come, and found nothing.
    fleet.wait_for_reports("one", more=3)
    sums = fleet.stop()

    rows = [int(line.split()[0]) for line in lines()]
    assert taken_before < ROWS
    assert sorted(rows) == list(range(ROWS))
    assert {line.split()[1] for line in lines()} == {"0", "1"}
    assert sums["sent"] == sums["succeeded"] == ROWS
    assert sums["missing"] == []
    ends = [worker.communicate(timeout=30) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    logged = "all 100 rows of accounts are taken"
    assert max(err.count(logged) for _, err in ends) == 1
