"""Wires between a worker and its master that do what a test says: a cable that fails, a wire that stutters."""

from __future__ import annotations

import random
import socket
import threading
from typing import Any

import zmq

PIECE_BYTES = 65_536
POLL_MS = 50


class Cable:
    """Carries bytes to and from the TCP port `far`, as long as it is whole; workers come to `address`."""

    def __init__(self, far: str) -> None:
        host, port = far.split(":")
        self._far = host, int(port)
        self._port = 0
        self._flows = threading.Event()
        self._flows.set()
        self._open: list[socket.socket] = []
        self.join()
        self.address = f"127.0.0.1:{self._port}"

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        self.release()

    def hold(self) -> None:
        """Keep all bytes that come, and take no new connection; to both sides it looks as if nobody spoke."""
        self._flows.clear()

    def release(self) -> None:
        """Let go of what was kept."""
        self._flows.set()

    def cut(self) -> None:
        """Break all connections; no new one is to be had."""
        # Woken by it, the thread that waits in accept() lets go of the port.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            _break(end)
        self._open.clear()

    def join(self) -> None:
        """Take connections (again), at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                self._flows.wait()
                far = socket.create_connection(self._far)
            except OSError:
                return
            self._open += [near, far]
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(PIECE_BYTES):
                self._flows.wait()
                sink.sendall(piece)
        except OSError:
            pass
        _break(source)
        _break(sink)


def _break(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
    end.close()


class Stutterer:
    """Carries frames to the master at `far`: each twice, and some only after those that came later."""

    def __init__(self, far: str) -> None:
        self._far = far
        self._random = random.Random(1)
        self._context = zmq.Context()
        self._near = self._context.socket(zmq.ROUTER)
        self._near.setsockopt(zmq.LINGER, 0)
        port = self._near.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"127.0.0.1:{port}"
        self.doubled = 0
        self.swapped = 0
        self._ends: dict[bytes, Any] = {}  # for each worker one to the master, which knows it by that
        self._held: dict[bytes, list[bytes]] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def __enter__(self) -> Stutterer:
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()
        for end in (self._near, *self._ends.values()):
            end.close(0)
        self._context.term()

    def _carry(self) -> None:
        poller = zmq.Poller()
        poller.register(self._near, zmq.POLLIN)
        while not self._is_over.is_set():
            ready = dict(poller.poll(POLL_MS))
            if self._near in ready:
                worker, frame = self._near.recv_multipart()
                if worker not in self._ends:
                    poller.register(self._connect(worker), zmq.POLLIN)
                self._pass_on(worker, frame)
            for worker, end in self._ends.items():
                if end in ready:
                    self._near.send_multipart([worker, end.recv()])

    def _connect(self, worker: bytes) -> Any:
        end = self._ends[worker] = self._context.socket(zmq.DEALER)
        end.connect(f"tcp://{self._far}")
        self._held[worker] = []
        return end

    def _pass_on(self, worker: bytes, frame: bytes) -> None:
        """Hold `frame` back, or send it, and after it what was held, the latest first."""
        held = self._held[worker]
        if len(held) < 2 and self._random.random() < 0.4:
            held.append(frame)
            return
        self.swapped += len(held)
        for each in (frame, *reversed(held)):
            self._ends[worker].send(each)
            self._ends[worker].send(each)
            self.doubled += 1
        held.clear()
