"""The server with green threads: gevent's pywsgi around the application, one process, one green thread a connection.

The same application as under OS threads, with the same promises: the port is ours alone, one line says when it is
ready, and a signal or the reader of that line going away ends it. Needs a patched process, or the first request that
waits would hold up all others. Knows nothing of albums.
"""

import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from service.serving import BACKLOG, STOP_S, Application, ServerError, bind, url_of

# How often it is asked whether anybody still reads stdout.
LOOK_S = 0.2


def serve(load: Callable[[], Application], host: str, port: int, greeting: str) -> None:
    """Answer requests until a signal comes or the reader of stdout goes away.

    load: makes the application.  port: 0 for any free one.  greeting: printed as one line; {url} stands for where.
    Raises ServerError when the address cannot be used, or the process was not patched.
    """
    if not monkey.is_module_patched("threading"):
        raise ServerError("green threads need a patched process; start it as python -m service --server green")
    listener = bind(host, port)
    # pywsgi sends head and body one after the other. Without this, which accepted connections inherit, the body waits
    # until the head is acknowledged: 40 ms for each answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.listen(BACKLOG)
    # Of any size; without a pool the server knows none of its green threads, and its end waits for nobody's answer.
    server = WSGIServer(listener, load(), log=None, spawn=Pool())
    server.start()
    with _told_to_end() as end:
        try:
            print(greeting.format(url=url_of(listener)), flush=True)
        except BrokenPipeError:
            end.set()
        watch = gevent.spawn(_watch_reader, end)
        end.wait()
        watch.kill()
        server.stop(timeout=STOP_S)


@contextmanager
def _told_to_end() -> Iterator[Event]:
    """Yield an event that is set by the first signal to end."""
    end = Event()
    told = [gevent.signal_handler(number, end.set) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    yield end
    for each in told:
        each.cancel()


def _watch_reader(end: Event) -> None:
    """Set `end` when stdout is a pipe that nobody reads any more."""
    if sys.stdout is None or not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        return
    # The unpatched one, which is asked and does not wait: gevent's knows only of events that were asked for. Here none
    # is; that the other end is closed is told unasked.
    ends: select.poll = monkey.get_original("select", "poll")()
    ends.register(sys.stdout.fileno(), 0)
    while not ends.poll(0):
        gevent.sleep(LOOK_S)
    end.set()
