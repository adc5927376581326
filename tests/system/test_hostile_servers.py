"""A run against a server that misbehaves: each time a counted failure of a named kind, and the run goes on."""

import socket
import struct
import time

import pytest

from tests.system.conftest import RawServer

HOSTILE = """
from greenload import FastHttpUser, HttpUser, constant, task
class Reader(HttpUser):
    wait_time = constant(0.02)
    network_timeout = {patience_s}
    connection_timeout = {connection_timeout_s}
    most_response_bytes = 4_000_000
    @task
    def look(self):
        self.client.get("/", name="pooled")
class Hurried(FastHttpUser):
    wait_time = constant(0.02)
    network_timeout = {patience_s}
    connection_timeout = {connection_timeout_s}
    most_response_bytes = 4_000_000
    @task
    def look(self):
        self.client.get("/", name="wire")
"""


def write_scenario(greenload, *, patience_s=0.3, connection_timeout_s=1):
    text = HOSTILE.replace("{patience_s}", str(patience_s)).replace("{connection_timeout_s}", str(connection_timeout_s))
    greenload.write("hostile.py", text)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def garbage(connection):
    connection.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    connection.close()


def never(connection):
    pass


def silent_close(connection):
    connection.close()


def too_long(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
    connection.close()


def a_hundred_megabytes(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(100):
        connection.sendall(bytes(1_048_576))


def endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"100000\r\n" + bytes(1_048_576) + b"\r\n")


def half_a_head(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    connection.close()


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (reset, "connection reset"),
        (garbage, "not HTTP: bad status line"),
        (never, "read timed out"),
        (silent_close, "closed without an answer"),
        (half_a_head, "headers cut short"),
        (too_long, "body cut short"),
        (a_hundred_megabytes, "body too large"),
        (endless, "body too large"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_misbehaviour_is_a_failure_with_a_name_and_the_run_goes_on(greenload, serve, behave, kind):
    server = serve(behave)
    # Only who waits for what never comes shall give up soon: megabytes take a busy machine a while.
    write_scenario(greenload, patience_s=0.3 if behave is never else 30)

    done = greenload.run("run", "hostile.py", "-H", server.url, "-u", 2, "-r", 100, "-t", "2s", "--json", "out.json")

    document = greenload.read_json("out.json")
    sums = document["reconciliation"]
    assert done.returncode == 0, done.stderr
    assert {(each["name"], each["error"]) for each in document["failures"]} == {("pooled", kind), ("wire", kind)}
    assert sums["sent"] == sums["failed"] == server.requests
    assert sums["sent"] >= 4
    assert document["exceptions"] == []


def test_nobody_listening_is_a_failure_with_a_name(greenload):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    write_scenario(greenload)

    greenload.run(
        "run", "hostile.py", "-H", f"http://127.0.0.1:{port}", "-u", 2, "-r", 100, "-t", "1s", "--json", "out.json"
    )

    document = greenload.read_json("out.json")
    assert {each["name"]: each["error"] for each in document["failures"]} == dict.fromkeys(
        ("pooled", "wire"), "connection refused"
    )
    assert document["reconciliation"]["failed"] > 10


class DrippingServer(RawServer):
    """Takes what a TLS client says first, and answers byte by byte."""

    @staticmethod
    def _read_request(connection):
        return bool(connection.recv(65_536))


def drips_a_handshake(connection):
    connection.sendall(b"\x16\x03\x03\x40\x00")  # a piece of a handshake, of 16 KB
    while True:
        time.sleep(0.05)
        connection.sendall(b"\x02")


def test_a_handshake_that_drips_takes_no_longer_than_a_connection_may(greenload):
    server = DrippingServer(drips_a_handshake)
    write_scenario(greenload, connection_timeout_s=0.3)
    url = server.url.replace("http", "https")

    greenload.run("run", "hostile.py", "-H", url, "-u", 2, "-r", 100, "-t", "2s", "--json", "out.json")
    server.close()

    document = greenload.read_json("out.json")
    assert {each["name"]: each["error"] for each in document["failures"]} == dict.fromkeys(
        ("pooled", "wire"), "connect timed out"
    )
    assert document["reconciliation"]["failed"] >= 6
