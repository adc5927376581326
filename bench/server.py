"""The server: nginx where there is one, else granian, with one short answer to everything, and a count of its own.

The answer costs it nothing, so that the generator is what is measured. Knows nothing of the generator.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

from bench.process import BenchError, running, wait_until

ANSWER = (
    '[{"id":"1","title":"Blue Train","artist":"John Coltrane","price":56.99},'
    '{"id":"2","title":"Jeru","artist":"Gerry Mulligan","price":17.99},'
    '{"id":"3","title":"Sarah Vaughan and Clifford Brown","artist":"Sarah Vaughan","price":39.99}]'
)
COUNT_PATH = "/count"
UNIQUE_HEADER = "X-Request-Id"
START_S = 10.0

# Nothing that would end a connection, or write a line for each request, while somebody measures.
NGINX_CONFIG = """
daemon off;
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 32768; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ {own_header} return 200 '{answer}'; }}
        location = {count_path} {{ stub_status; }}
    }}
}}
"""


class Server:
    """A running server on this machine."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._asked = 0

    def requests(self) -> int:
        """Return how many requests have come so far, those of this method left out."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=START_S)
        try:
            connection.request("GET", COUNT_PATH)
            status = connection.getresponse().read()
        finally:
            connection.close()
        self._asked += 1
        numbers = re.search(rb"requests\s+\d+ \d+ (\d+)", status)
        if numbers is None:
            raise BenchError(f"the server does not count: {status!r}")
        return int(numbers[1]) - self._asked

    def is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def serving(core: int | None, folder: Path, *, has_unique_heads: bool = False) -> Iterator[Server]:
    """Run the server on `core` while the block lasts; what it writes goes into `folder`.

    has_unique_heads  each answer names its request, so that no two heads are the same
    """
    port = _free_port()
    nginx = _nginx_that_counts()
    if nginx is not None:
        config = folder / "nginx.conf"
        own_header = f"add_header {UNIQUE_HEADER} $request_id;" if has_unique_heads else ""
        config.write_text(
            NGINX_CONFIG.format(folder=folder, port=port, answer=ANSWER, count_path=COUNT_PATH, own_header=own_header)
        )
        command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
        name = _said([nginx, "-v"]).strip().rpartition(" ")[2].replace("/", " ")
    else:
        command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--no-ws", "--backlog", "4096", "--backpressure", "16384"]
        command += [f"bench.constant_answer:{'named' if has_unique_heads else 'constant'}"]
        name = f"granian {version('granian')}"
    server = Server(name, port)
    with running(command, core, folder / "server.log") as process:
        wait_until(server.is_ready, process, START_S)
        yield server


def _nginx_that_counts() -> str | None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    if nginx is None or "http_stub_status_module" not in _said([nginx, "-V"]):
        return None
    return nginx


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _said(command: list[str]) -> str:
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
