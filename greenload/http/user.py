"""The virtual users that speak HTTP: the same session over one of two engines."""

from __future__ import annotations

from collections.abc import Callable

from greenload.core.errors import GreenloadError
from greenload.http.engine import Engine
from greenload.http.phased import PhasedEngine
from greenload.http.pooled import PooledEngine
from greenload.http.session import HttpSession
from greenload.http.wire import WireEngine
from greenload.user.environment import Environment
from greenload.user.user import User


class NoHost(GreenloadError):
    """A user that does not know where to send its requests."""


class HttpUser(User):
    """A User with `self.client`, an HttpSession on its host: cookies and connections of its own, like one browser.

    connection_timeout   seconds to connect
    network_timeout      seconds between two pieces of an answer
    answer_timeout       seconds for a whole answer, unless it is streamed
    most_response_bytes  how long a body may be before the request counts as failed
    """

    abstract = True
    connection_timeout: float = 60.0
    network_timeout: float = 60.0
    answer_timeout: float = 600.0
    most_response_bytes: int = 64 * 1024 * 1024
    _make_engine: Callable[[], Engine] = PooledEngine

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not self.host:
            raise NoHost(f"{type(self).__name__} has no host: say -H http://HOST:PORT, or set host in the class")
        engine, mark = self._make_engine(), None
        if environment.has_phases:
            engine = phased = PhasedEngine(engine, environment.now)
            mark = phased.mark
        self.client = HttpSession(
            self.host,
            self.measure,
            self.connection_timeout,
            self.network_timeout,
            self.most_response_bytes,
            engine,
            self.answer_timeout,
            mark,
        )

    def close(self) -> None:
        self.client.close()


class FastHttpUser(HttpUser):
    """An HttpUser that makes several times as many requests with the same processor time; all else is the same."""

    abstract = True
    _make_engine = WireEngine
