"""The album service's three kinds of user: most only look, some add an album.

greenload run examples/albums.py -H http://127.0.0.1:8080 -u 50 -r 10 -t 30s
greenload run examples/albums.py -H http://127.0.0.1:8080 --class PostOnlyUser -u 50 -r 10 -t 30s
"""

from uuid import uuid4

from greenload import HttpUser, between, task


def new_album():
    """Return an album nobody has added before, not even a run with the same seed."""
    return {
        "id": str(uuid4()),
        "title": "A Love Supreme",
        "artist": "John Coltrane",
        "price": 19.99,
    }


class AlbumUser(HttpUser):
    """Looks at the list, at single albums, and now and then adds one: 3 to 2 to 1."""

    wait_time = between(1, 3)

    @task(3)
    def get_albums(self):
        self.client.get("/albums")

    @task(2)
    def get_album(self):
        album_id = self.random.choice(["1", "2", "3"])
        self.client.get(f"/albums/{album_id}", name="/albums/:id")

    @task(1)
    def post_album(self):
        self.client.post("/albums", json=new_album())


class GetOnlyUser(HttpUser):
    """Only reads."""

    wait_time = between(0.5, 2)

    @task
    def get_albums(self):
        self.client.get("/albums")


class PostOnlyUser(HttpUser):
    """Only writes."""

    wait_time = between(0.5, 2)

    @task
    def post_album(self):
        self.client.post("/albums", json=new_album())
