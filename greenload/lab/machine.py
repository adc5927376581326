"""The circumstances of a measurement, without which its numbers mean nothing: date, machine, versions."""

from __future__ import annotations

import os
import platform
import re
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

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
        ("gevent", version("gevent")),
        ("greenlet", version("greenlet")),
    ]


def _cpu_model() -> str:
    found = re.search(r"model name\s*:\s*(.+)", CPUINFO.read_text()) if CPUINFO.exists() else None
    return found[1] if found else platform.processor() or "unknown processor"
