"""The engine around an engine that has the phases of each request counted. Without it, nothing of that is paid for.

It clocks what it can see from outside, the request's beginning and the ends of head and body. What only the inner
engine sees, connections and first bytes, that one tells the request's marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from urllib3 import HTTPHeaderDict

from greenload.http.engine import Answer, Engine
from greenload.http.marks import Marks
from greenload.http.request import Request
from greenload.user.recorder import Call


class PhasedEngine:
    """`engine`, whose requests are clocked if they went through `mark`; now: seconds on the clock of the calls."""

    def __init__(self, engine: Engine, now: Callable[[], float]) -> None:
        self._engine = engine
        self._now = now

    def mark(self, request: Request, call: Call) -> Request:
        """Return `request` as one of which the phases are counted for `call`."""
        return request.marked(Marks(self._now, call.record_phase))

    def send(self, request: Request) -> Answer:
        marks = request.marks
        if marks is None:
            return self._engine.send(request)  # switch
        marks.begin()
        answer = self._engine.send(request)  # switch
        marks.answered()
        return _PhasedAnswer(answer, marks)

    def close(self) -> None:
        self._engine.close()


class _PhasedAnswer:
    """`answer`, whose marks are told when its body is whole."""

    __slots__ = ("_answer", "_marks")

    def __init__(self, answer: Answer, marks: Marks) -> None:
        self._answer = answer
        self._marks = marks

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def reason(self) -> str:
        return self._answer.reason

    @property
    def headers(self) -> HTTPHeaderDict:
        return self._answer.headers

    @property
    def set_cookies(self) -> list[str]:
        return self._answer.set_cookies

    def read(self) -> bytes:
        content = self._answer.read()  # switch
        self._marks.received()
        return content

    def pieces(self) -> Iterator[bytes]:
        yield from self._answer.pieces()  # switch
        self._marks.received()

    def close(self) -> None:
        self._answer.close()
