"""What a lesson is: a question, the code that is run, how it is measured, and how to read what comes out.

Knows no lesson, and not how one is shown.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenload.core.errors import GreenloadError
from greenload.lab.findings import Findings

CHECKOUT = Path(__file__).resolve().parents[2]


class LabError(GreenloadError):
    """A lesson could not be held on this machine; the message says what it needs."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    rounds: how often each thing.  scale: the size of it, as part of the full one.  run_s: how long a load lasts.
    load_rounds: how often each load of which a median is said.
    """

    rounds: int
    scale: float
    run_s: float
    load_rounds: int = 1

    @property
    def each_load(self) -> str:
        """For the title of a table."""
        return "one run each" if self.load_rounds == 1 else f"median of {self.load_rounds} runs each"

    def of(self, full: int) -> int:
        """Return how many to take where the full effort takes `full`; never less than 2."""
        return max(2, round(full * self.scale))


FULL = Effort(rounds=7, scale=1.0, run_s=60.0, load_rounds=3)
QUICK = Effort(rounds=5, scale=0.2, run_s=6.0)


@dataclass(frozen=True)
class Part:
    """A class, function or method of a file beside the package: ("service/containers.py", "ListContainer.add")."""

    path: str
    name: str


Code = Callable[..., Any] | Part


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    name: what one types.  question: what it asks.  code: what is run, shown from the source itself.
    measure: runs it.  reading: how to read what it found.  following: the name of the next lesson, None for the last.
    """

    name: str
    question: str
    code: Sequence[Code]
    measure: Callable[[Effort], Findings]
    reading: str
    following: str | None


@dataclass(frozen=True)
class Held:
    """A lesson that was held: what it found, on which machine, and why nothing is to be concluded from times, if so."""

    lesson: Lesson
    findings: Findings
    machine: Sequence[tuple[str, str]]
    disturbances: Sequence[str]


def source_of(code: Code) -> tuple[str, str]:
    """Return where the code is, and the code.  Raises LabError where the package came without its sources."""
    if isinstance(code, Part):
        return f"{code.path}: {code.name}", _part(code)
    try:
        text = inspect.getsource(code)
    except OSError as error:
        raise LabError(f"the source of {code.__qualname__} is not here; run the lab in a clone") from error
    return f"{code.__module__.replace('.', '/')}.py: {code.__qualname__}", inspect.cleandoc("\n" + text)


def _part(code: Part) -> str:
    path = CHECKOUT / code.path
    if not path.exists():
        raise LabError(f"the lab needs {code.path} beside greenload/: run it in a clone of the repository")
    text = path.read_text()
    body: Sequence[ast.AST] = ast.parse(text).body
    for name in code.name.split("."):
        node = next(each for each in body if isinstance(each, (ast.ClassDef, ast.FunctionDef)) and each.name == name)
        body = node.body
    return inspect.cleandoc("\n" + (ast.get_source_segment(text, node, padded=True) or ""))
