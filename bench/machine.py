"""The circumstances of a measurement, without which its numbers mean nothing: date, machine, versions."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.process import BenchError

CPUINFO = Path("/proc/cpuinfo")


def circumstances(packages: Sequence[str], server: str | None = None) -> dict[str, str]:
    """Return what to write above the numbers; `server` is its name and version, where there is one.

    Raises BenchError when a package is not there.
    """
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {_cpu_model()}, {platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: _version(package) for package in packages},
        **({} if server is None else {"server": server}),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as error:
        raise BenchError(f"{package} is not installed; install greenload and bench/requirements.txt") from error


def _cpu_model() -> str:
    found = re.search(r"model name\s*:\s*(.+)", CPUINFO.read_text()) if CPUINFO.exists() else None
    return found[1] if found else platform.processor() or "unknown processor"
