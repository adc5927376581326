"""A PostgreSQL of the lab's own, to race for the store postgres: in a folder that goes with it, on no port."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from greenload.lab.lesson import LabError

PROGRAMS = Path("/usr/lib/postgresql")  # where Debian keeps them: 15/bin, ...
PATIENCE_S = 60.0
LOOK_S = 0.05
ROLE = "albums"

# Make a database with nothing in it; return its connection string.
NewDatabase = Callable[[], str]


@contextmanager
def postgres() -> Iterator[NewDatabase | None]:
    """Run one while the block lasts; yield None where PostgreSQL or psycopg is not installed.

    Raises LabError when it is and does not start.
    """
    programs = _programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        yield None
        return
    # PostgreSQL refuses to be root.
    is_root = os.getuid() == 0
    user = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.getuid())
    who: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if is_root else {}
    with tempfile.TemporaryDirectory(prefix="lab-pg-") as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        who["cwd"] = folder
        data = f"{folder}/data"
        _call([programs / "initdb", "-D", data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"], who)
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **who,
        )
        try:
            _wait_for(programs, folder, process)
            yield _maker(programs, folder, who)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": does not wait for those who are connected
            process.wait(PATIENCE_S)


def _programs() -> Path | None:
    """Return the folder of the newest PostgreSQL here."""
    debian = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    return None if found is None else Path(found).parent


def _wait_for(programs: Path, folder: str, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > until_s:
            raise LabError("PostgreSQL is installed here and does not start")
        time.sleep(LOOK_S)


def _maker(programs: Path, folder: str, who: dict[str, Any]) -> NewDatabase:
    made: list[str] = []

    def make() -> str:
        made.append(f"albums{len(made)}")
        _call([programs / "createdb", "-h", folder, "-U", ROLE, made[-1]], who)
        return f"host={folder} user={ROLE} dbname={made[-1]}"

    return make


def _call(command: list[Any], who: dict[str, Any]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **who)
    if ran.returncode != 0:
        raise LabError(f"{Path(command[0]).name} broke: {' '.join(ran.stderr.split()[-40:])}")
