"""What both servers have in common: what they serve, and the sentences for a start that failed. Knows no albums."""

import socket
from collections.abc import Callable, Iterable

# As WSGI calls it.
Application = Callable[..., Iterable[bytes]]

# How many requests OS threads work on at once, unless somebody says. With a delay this is the ceiling: 16 threads and
# 10 ms are 1600 requests/s.
MOST_AT_ONCE = 16
# How many connections the kernel keeps until they are accepted: a thousand users may well connect in the same moment.
BACKLOG = 4_096
# How long a request may go on after the service was told to end.
STOP_S = 1


class ServerError(Exception):
    """The server could not start or ended by itself; the message says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that has the address to itself and does not listen yet; port 0 takes a free one.

    Raises ServerError when it cannot be had.
    """
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServerError(f"cannot use the address {host}: {error}") from error
    try:
        # Without it a restart within a minute fails because of the last run's closed connections.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
    except OSError as error:
        bound.close()
        raise ServerError(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "choose another with --port, or a free one with --port 0"
        ) from error
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where one has to ask."""
    address, port = bound.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
