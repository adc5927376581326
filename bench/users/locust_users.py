"""The users of the bench as Locust runs them; greenload_users.py says the same to greenload."""

from locust import HttpUser, constant, task


class Busy(HttpUser):
    """Asks again as soon as it has its answer."""

    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/albums")


class Idle(HttpUser):
    """Asks once and keeps its connection open for longer than anybody measures."""

    wait_time = constant(60)

    @task
    def get(self):
        self.client.get("/albums")
