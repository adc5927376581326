"""The circumstances of a measurement, without which its numbers mean nothing: date, machine, versions."""

from __future__ import annotations

import os
import platform
import re
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What is measured, and what it rests on; granian is the album service's server, and may be missing.
PACKAGES = ("greenload", "gevent", "greenlet", "granian")
CPUINFO = Path("/proc/cpuinfo")


def circumstances() -> list[tuple[str, str]]:
    """Return what to write above the numbers, as (name, value)."""
    interval_ms = 1000 * sys.getswitchinterval()
    return [
        ("date", f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"),
        ("machine", f"{os.cpu_count()} cores, {_cpu_model()}, {platform.system()} {platform.machine()}"),
        (
            "python",
            f"{platform.python_implementation()} {platform.python_version()}, switch interval {interval_ms:g} ms",
        ),
        *((package, known) for package in PACKAGES if (known := _version(package)) is not None),
    ]


def _version(package: str) -> str | None:
    """Return the version, None where the package is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    found = re.search(r"model name\s*:\s*(.+)", CPUINFO.read_text()) if CPUINFO.exists() else None
    return found[1] if found else platform.processor() or "unknown processor"
