"""What a run is made with: the versions and the machine that its numbers may depend on, as this process finds them."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

LIBRARIES = ("gevent", "urllib3", "httptools", "hdrhistogram", "pyzmq")


def made_with() -> dict[str, str]:
    """Return what -> which one, in words: libraries with their versions, Python, system, machine, number of cores."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{library: version(library) for library in LIBRARIES},
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
    }
