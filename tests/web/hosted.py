"""A played master with its page, in a native thread that has a hub of its own: what a process is to a browser."""

from __future__ import annotations

import gc
import http.client
import json
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent

from greenload.web.server import WebServer
from tests.web.played import Played

PATIENCE_S = 30


class Hosted:
    """make: makes the Control, which is to be touched only within `do`."""

    def __init__(self, make: Callable[[], Played] = Played, **options: Any) -> None:
        self.played: Played
        self._make = make
        self._options = options
        self._asked: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self.server: WebServer
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Hosted:
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.put(None)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def do(self, act: Callable[[], Any]) -> Any:
        """Run `act` where the server runs, and return what it returns."""
        done: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

        def told() -> None:
            try:
                done.put((act(), None))
            except Exception as error:
                done.put((None, error))

        self._asked.put(told)
        result, error = done.get(timeout=PATIENCE_S)
        if error is not None:
            raise error
        return result

    def play(self, seconds: int = 1) -> None:
        """Let so many seconds of the run go by, and be pushed."""

        def go_on() -> None:
            for _ in range(seconds):
                self.played.play_second()
            self.server.live.look()

        self.do(go_on)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.server.url.rpartition("/")[2].rpartition(":")
        return host, int(port)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def say(self, data: bytes) -> bytes:
        """Send `data` as it is and return all that comes until the connection ends."""
        with socket.create_connection(self.address, PATIENCE_S) as connection:
            connection.sendall(data)
            said = b""
            with suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    said += part
            return said

    def stream(self, path: str = "/api/v1/live", **headers: str) -> Stream:
        return Stream(self.address, path, headers)

    def _run(self) -> None:
        try:
            self.played = self._make()  # here, as a database is its thread's alone
            self.server = WebServer(self.played, **{"host": "127.0.0.1", "port": 0, **self._options})
            self.server.start()
        except Exception as error:  # told to whoever wanted it
            self._error = error
            self._begun.set()
            return
        self._begun.set()
        try:
            while True:
                try:
                    asked = self._asked.get_nowait()
                except queue.Empty:
                    gevent.sleep(0.005)
                    continue
                if asked is None:
                    return
                gevent.spawn(asked)
        finally:
            self.server.stop()
            self.played.close()
            gc.collect()  # connections that only the collector would close could not be once their loop is gone
            gevent.get_hub().destroy(destroy_loop=True)


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Stream:
    """An open live stream."""

    def __init__(self, address: tuple[str, int], path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
        self._connection.request("GET", path, headers={name.replace("_", "-"): each for name, each in headers.items()})
        self.response = self._connection.getresponse()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def next(self) -> tuple[str, str, dict[str, Any]]:
        """Return (event, id, data) of the next event."""
        fields: dict[str, str] = {}
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if not line and "data" in fields:
                return fields["event"], fields.get("id", ""), json.loads(fields["data"])
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value

    def seconds(self, count: int) -> list[dict[str, Any]]:
        """Return the next so many seconds."""
        found = []
        while len(found) < count:
            event, _, data = self.next()
            if event == "second":
                found.append(data)
        return found


def page_in(folder: Path) -> Path:
    """Return a folder with a page in it."""
    page = folder / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>greenload</title>")
    (page / "page.js").write_text("export const page = 1;\n")
    (folder / "secret.txt").write_text("not for you")
    return page
