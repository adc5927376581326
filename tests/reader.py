"""A reader of the documentation, who types what stands in its console blocks. test_docs.py has the rules."""

from __future__ import annotations

import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.conftest import AlbumService, serve_albums
from tests.documented import ROOT, Block, blocks_of

DOCUMENTED_URL = "http://127.0.0.1:8080"
DOCUMENTED_MASTER = "127.0.0.1:5557"
PATIENCE_S = 60
PYTHON = [sys.executable, "-W", "error"]
# What is typed at a prompt with greenload in its PATH; $0 is Python.
SHELL = 'set -e\ngreenload() { "$0" -W error -m greenload "$@"; }\n'
# In place of somebody who presses Start and, when the run is over, Ctrl-C.
NOBODY_AT_THE_PAGE = " --web-port 0 --autostart --autoquit 100ms -t 500ms"
SHORTER = {
    r"(-r|--spawn-rate) \w+": r"\1 1000",  # what each of many does by chance, one of them does at once
    r"(--warmup) \w+": r"\1 1s",
    r"(--step-time) \w+": r"\1 2s",
    r"(--window) \S+": r"\1 0s..1s",
    r"(\d+(/[smh])?)@\w+": r"\1@300ms",
}

Ended = subprocess.CompletedProcess[str]


def typed_in(block: Block) -> list[str]:
    """The commands of a block, without the prompts and what they print."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [re.sub(r"^\.venv/bin/", "", line) for line in lines]


def run(arguments: list[str], folder: Path) -> Ended:
    """Run Python in `folder`."""
    return run_together([[*PYTHON, *arguments]], folder)[0]


def run_together(commands: list[list[str]], folder: Path) -> list[Ended]:
    """Start all `commands`, and return them when the last one has ended. When one fails the others are ended."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    with ExitStack() as cleanup:
        started = []
        for command in commands:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            cleanup.enter_context(process)
            cleanup.callback(process.kill)
            started.append(process)
        threads = cleanup.enter_context(ThreadPoolExecutor(len(started)))
        said = {threads.submit(process.communicate, timeout=PATIENCE_S): process for process in started}
        for done in as_completed(said):
            if said[done].returncode != 0:  # the others may wait for it for ever
                for other in started:
                    other.kill()
        return [
            subprocess.CompletedProcess(process.args, process.returncode, *texts.result())
            for texts, process in said.items()
        ]


@dataclass
class Reader:
    """Follows the blocks of a page in a folder of the reader's own.

    There an album service stands for http://127.0.0.1:8080: one like the page says, or one without options where a
    command needs one and the page has not said any yet.
    """

    folder: Path
    _service: AlbumService | None = None
    _services: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Reader:
        for name in ("examples", "service"):
            (self.folder / name).symlink_to(ROOT / name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._services.close()

    def follow(self, block: Block, commands: list[str]) -> None:
        """Type those commands of `block`.  Raises AssertionError when one does not end as the page says."""
        for file in blocks_of(block.page):
            if file.language == "python" and file.title is not None:
                (self.folder / file.title).write_text(self._here(file.text))
        if block.comment == "in a shell":
            self._type([["sh", "-c", SHELL + "\n".join(commands), sys.executable]], 0, block)
        elif block.comment == "at the same time":
            self._type([self._as_run(command) for command in at_a_free_port(commands)], 0, block)
        else:
            said = re.fullmatch(r"exit code: (\d+)", block.comment)
            for command in commands:
                if command.startswith("python -m service "):
                    self.serve(shlex.split(command)[3:])
                else:
                    self._type([self._as_run(command)], int(said[1]) if said else 0, block)

    def serve(self, arguments: list[str]) -> None:
        """End the service there is, and start another one; it answers."""
        self.end_service()
        elsewhere = re.sub(r"--port 8080 ?", "", shlex.join(arguments))
        self._service = self._services.enter_context(serve_albums(*shlex.split(elsewhere), folder=self.folder))
        with urllib.request.urlopen(f"{self._service.url}/albums", timeout=PATIENCE_S) as answer:
            assert answer.status == 200

    def end_service(self) -> None:
        """End the service there is by SIGTERM; it must have nothing against that."""
        self._services.close()
        assert self._service is None or self._service.process.returncode == 0

    def _type(self, commands: list[list[str]], expected: int, block: Block) -> None:
        ended = run_together(commands, self.folder)
        said = "\n".join(f"{each.returncode}: {shlex.join(each.args)}\n{each.stdout}{each.stderr}" for each in ended)
        assert {each.returncode for each in ended} == {expected}, f"{block.id}:\n{said}"

    def _as_run(self, command: str) -> list[str]:
        """The process that a documented command becomes.  Raises AssertionError for one that cannot be run."""
        program, *words = shlex.split(self._here(shortened(command)))
        assert program in ("greenload", "python"), f"{command}: neither greenload nor python, and not in NOT_RUN"
        arguments = [self._newest_run() if word == "ID" else word for word in words]
        return [*PYTHON, "-m", "greenload", *arguments] if program == "greenload" else [*PYTHON, *arguments]

    def _here(self, text: str) -> str:
        """The text with the service's own URL in place of the documented one."""
        if DOCUMENTED_URL not in text:
            return text
        if self._service is None:
            self.serve([])
        assert self._service is not None
        return text.replace(DOCUMENTED_URL, self._service.url)

    def _newest_run(self) -> str:
        with closing(sqlite3.connect(self.folder / "greenload.db")) as database:
            [(run_id,)] = database.execute("SELECT id FROM run ORDER BY started DESC LIMIT 1")
        return str(run_id)


def shortened(command: str) -> str:
    """The command with half a second, or three, in place of its minutes, and with nobody needed at its page."""
    run_time = "3s" if "--warmup" in command else "2s" if "--fail-if" in command else "500ms"
    for documented, shorter in {r"(-t|--run-time) \w+": rf"\1 {run_time}", **SHORTER}.items():
        command = re.sub(documented, shorter, command)
    if re.match(r"greenload master (?!.*--headless)|greenload run .*--web\b", command):
        command += NOBODY_AT_THE_PAGE
    return command


def at_a_free_port(commands: list[str]) -> list[str]:
    """The commands of a master and its workers, with a port of their own instead of the documented one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    said = [re.sub(r"^(greenload master)", rf"\1 --bind tcp://{DOCUMENTED_MASTER}", command) for command in commands]
    return [command.replace(DOCUMENTED_MASTER, own) for command in said]
