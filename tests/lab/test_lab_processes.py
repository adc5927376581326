"""What a lesson starts ends with it: at a time limit, and when a signal ends the lab."""

import os
import signal
import subprocess
import sys
import time

import pytest

from greenload.lab import album_service
from greenload.lab.lesson import CHECKOUT, LabError
from greenload.lab.lessons import locust
from greenload.lab.processes import run

PATIENCE_S = 30


def below(pid):
    """Return the command lines of all that the process has started, and what those have, by pid."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    found, pids = {}, {str(pid)}
    for _ in rows:
        more = {row[0]: row[2] for row in rows if len(row) == 3 and row[1] in pids and row[0] not in found}
        if not more:
            break
        found |= more
        pids |= more.keys()
    return {int(each): command for each, command in found.items()}


def has_ended(pid):
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return not found or found.startswith("Z")


def test_a_program_that_takes_too_long_is_a_sentence_and_is_ended():
    with pytest.raises(LabError, match="a measurement did not end within 1 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], 0.5 + 0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_lab_and_all_that_it_has_started_without_a_traceback(number):
    lab = subprocess.Popen(
        [sys.executable, "-m", "greenload", "lab", "pool"],
        cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until_s = time.monotonic() + PATIENCE_S
    while not any("greenload run" in each for each in below(lab.pid).values()) and time.monotonic() < until_s:
        time.sleep(0.05)
    started = below(lab.pid)
    os.kill(lab.pid, number)
    _, complained = lab.communicate(timeout=PATIENCE_S)

    assert any("greenload run" in each for each in started.values())
    assert any("-m service" in each for each in started.values())
    assert lab.returncode == 128 + number
    assert complained == "pool: measuring ...\n"
    while not all(map(has_ended, started)) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert [command for pid, command in started.items() if not has_ended(pid)] == []


@pytest.mark.parametrize("said", ["no JSON", "[]"])
def test_a_locust_that_says_something_else_is_a_sentence(monkeypatch, tmp_path, said):
    stand_in = tmp_path / "locust"
    stand_in.write_text(f"#!/bin/sh\necho '{said}'\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(locust, "program", lambda: str(stand_in))

    with pytest.raises(LabError, match="Locust printed no statistics as JSON"):
        locust.by_locust("http://127.0.0.1:9", 1.0, tmp_path)


def test_a_service_that_does_not_answer_is_a_sentence():
    gone = album_service.AlbumService("http://127.0.0.1:9", 0, lambda: False)

    with pytest.raises(LabError, match="the album service did not answer GET /albums"):
        gone.albums()


def test_a_service_that_says_nothing_is_not_waited_for_for_ever(monkeypatch, tmp_path):
    mute = tmp_path / "python"
    mute.write_text("#!/bin/sh\nexec sleep 60\n")
    mute.chmod(0o755)
    monkeypatch.setattr(album_service.sys, "executable", str(mute))
    monkeypatch.setattr(album_service, "PATIENCE_S", 0.2)

    with pytest.raises(LabError, match="did not start"), album_service.album_service():
        pass
