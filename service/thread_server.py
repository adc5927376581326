"""The server with OS threads: granian around the application, from a free port to a clean end.

Two processes: the main one keeps the port and hears the signals, granian's worker answers, on many OS threads. What
granian leaves open is closed here: whether the port is free, when the service is ready, and that neither process
outlives the other or the reader of its output. Knows nothing of albums.
"""

import functools
import http.client
import multiprocessing
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from service.serving import BACKLOG, STOP_S, Application, ServerError, bind, url_of

# granian counts kept-alive connections against this, not requests: the next one is not accepted until another closes.
# So it must exceed the users of any load test.
CONNECTIONS = 16_384
RETRY_MS = 10


def serve(load: Callable[[], Application], host: str, port: int, threads: int, probe: str, greeting: str) -> None:
    """Answer requests until a signal comes or the reader of stdout goes away.

    load: makes the application, in the worker process.  port: 0 for any free one.  threads: that answer requests.
    probe: the path that is asked to see whether the server is ready.
    greeting: printed as one line once it is; {url} stands for where.
    Raises ServerError when the address cannot be used or the worker ends by itself.
    """
    with reserve(host, port) as reserved:
        address, port = reserved.getsockname()[:2]
        url = url_of(reserved)
        if sys.platform != "linux":
            # Elsewhere granian could not bind beside it; the port is free for the blink in between.
            reserved.close()
        server = Granian(
            "service",
            address=address,
            port=port,
            interface=Interfaces.WSGI,
            workers=1,
            blocking_threads=threads,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            # A request that still waits for its delay must not hold up the end.
            workers_kill_timeout=STOP_S,
        )
        # granian takes SIGHUP for "restart the worker", which would forget every album; a closed terminal means stop.
        server.on_startup(lambda: set_hangup(server.signal_handler_interrupt))
        loader = functools.partial(load_in_worker, load, address, port, probe, greeting.format(url=url))
        try:
            server.serve(target_loader=loader, wrap_loader=False)
        except SystemExit as ended:
            # Ctrl-C reaches both processes. When the worker is the quicker one, granian takes that for a crash.
            if not server.interrupt_signal:
                raise ServerError("the server ended by itself; start it again") from ended


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the port for this process without listening on it.

    granian binds with SO_REUSEPORT, so two services would share one port in silence, each getting half of the requests.
    This socket is bound first and without it, which fails when anybody has the port; only then does it let granian in.
    """
    reserved = bind(host, port)
    # Now the other way round: one that asks for the port as we did is refused, one that shares (granian) is let in.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return reserved


def set_hangup(stop: Callable[..., None]) -> None:
    """Let SIGHUP call `stop`."""
    signal.signal(signal.SIGHUP, stop)


def load_in_worker(load: Callable[[], Application], address: str, port: int, probe: str, greeting: str) -> Application:
    """Make the application, and begin to watch over this worker. granian calls it before it listens."""
    # A daemon, or the watch would keep the worker from ending. And in the worker, as it starts after the fork: to fork
    # a process that has threads is asking for a deadlock.
    threading.Thread(target=watch, args=(address, port, probe, greeting), daemon=True).start()
    return load()


def watch(address: str, port: int, probe: str, greeting: str) -> None:
    """Greet once the server answers; then wait for the main process or the reader of stdout to go, and end with it."""
    main = multiprocessing.parent_process()
    ends = select.poll()
    if main is not None:
        ends.register(main.sentinel, select.POLLIN)
    if sys.stdout is not None:
        # No event is asked for; that the other end is closed is told unasked.
        ends.register(sys.stdout.fileno(), 0)

    gone = ends.poll(0)
    while not gone and not answers(address, port, probe):
        gone = ends.poll(RETRY_MS)
    if not gone:
        greet(greeting)
        gone = ends.poll()

    if main is not None and main.sentinel in [end for end, _ in gone]:
        # The main process was killed and nobody is left to stop this one.
        os._exit(1)
    os.kill(os.getpid() if main is None or main.pid is None else main.pid, signal.SIGTERM)


def greet(greeting: str) -> None:
    """Print the line, at once."""
    try:
        print(greeting, flush=True)
    except BrokenPipeError:
        # The reader went away in this very moment; the watch that follows sees it too and ends the service.
        return


def answers(address: str, port: int, path: str) -> bool:
    """Ask whether the server already answers."""
    connection = http.client.HTTPConnection(address, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
