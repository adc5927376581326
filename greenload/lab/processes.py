"""Programs that a lesson runs: they end when the lesson does, by a time limit, or by a signal to the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from greenload.lab.lesson import LabError

PATIENCE_S = 5.0


def run(
    command: Sequence[str], limit_s: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said.  Raises LabError when it takes longer than the limit."""
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said, complained = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"a measurement did not end within {limit_s:.0f} s: {' '.join(command[:4])}") from error
        finally:
            # Whatever ends the lab, a signal too: a run that went on would load the service of the next lesson.
            end(process)
    return subprocess.CompletedProcess(command, process.returncode, said, complained)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a process to end, so that it ends those that it has started; make it when it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
