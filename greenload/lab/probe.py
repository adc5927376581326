"""Probes: functions that are run in a Python of their own, so that nothing else is in the way of what they measure.

A process keeps what was done in it: patched modules, started threads, memory once asked for. So each measurement
begins in a new interpreter, either as Python comes or patched as greenload starts. What goes in and comes out is JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from greenload.lab.lesson import CHECKOUT, LabError
from greenload.lab.processes import run

PATIENCE_S = 300.0
PROGRAM = """
import importlib, json, sys
module, name, arguments = sys.argv[1:]
found = getattr(importlib.import_module(module), name)(**json.loads(arguments))
sys.stdout.write("\\n" + json.dumps(found))
"""


def bare(probe: Callable[..., Any], **arguments: Any) -> Any:
    """Call `probe` in a new interpreter in which nothing is patched; return what it returned."""
    return _run(PROGRAM, probe, arguments)


def patched(probe: Callable[..., Any], **arguments: Any) -> Any:
    """Call `probe` in a new interpreter that was patched as greenload's are."""
    return _run(f"import greenload.__main__\n{PROGRAM}", probe, arguments)


def run_python(command: Sequence[str], python: str = sys.executable) -> str:
    """Run Python with these arguments where greenload and service can be imported, and return what it printed."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    ran = run([python, *command], PATIENCE_S, env={**os.environ, "PYTHONPATH": path})
    if ran.returncode != 0:
        raise LabError(f"a measurement broke: {' '.join(ran.stderr.split()[-60:])}")
    return ran.stdout


def _run(program: str, probe: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    said = run_python(["-c", program, probe.__module__, probe.__qualname__, json.dumps(arguments)])
    return json.loads(said.splitlines()[-1])
