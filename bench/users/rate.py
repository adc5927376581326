"""What an arrival of the bench does: it says how late it begins, and asks once."""

from greenload import FastHttpUser, task


class Arrival(FastHttpUser):
    """Its first measured request is nothing at all: the response time of that is how late it began."""

    @task
    def get(self):
        with self.measure("BEGIN", "late by"):
            pass
        self.client.get("/albums")
