"""The fast users of the bench as greenload runs them; locust_fast_users.py says the same to Locust."""

from greenload import FastHttpUser, constant, task


class Busy(FastHttpUser):
    """Asks again as soon as it has its answer."""

    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/albums")


class Idle(FastHttpUser):
    """Asks once and keeps its connection open for longer than anybody measures."""

    wait_time = constant(60)

    @task
    def get(self):
        self.client.get("/albums")
