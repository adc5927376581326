"""A master or a run with its page, spoken to as a browser would: by HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from typing import Any

from tests.conftest import Greenload, wait_until

Process = subprocess.Popen[str]


class Page:
    """The page of a process that serves it, from its greeting on stderr on."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said: list[str] = []
        self.address = ""  # where workers come, if any do
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if found := re.match(r"master: (?:tcp://)?([\d.:]+)", line):
                self.address = found[1]
            if found := re.match(r"page: (\S+)", line):
                self.url = found[1].rstrip("/")
                return
        raise AssertionError(f"no page: {self.said}")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, **form: Any) -> Any:
        """Return the answer; of a refused one, its status and what it says."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", json.dumps(form).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return {"status": error.code, **json.load(error)}

    @property
    def summary(self) -> Any:
        return self.get("summary")

    @property
    def state(self) -> str:
        return str(self.summary["state"])

    @property
    def sums(self) -> Any:
        """The line that adds up, of the run that is shown."""
        return self.summary["document"]["reconciliation"]

    def wait_for_state(self, state: str, timeout_s: float = 30) -> None:
        wait_until(lambda: self.state == state, timeout_s)

    def wait_for_workers(self, *names: str) -> None:
        """Wait until all of these are here between two runs."""
        wait_until(lambda: self.ready_workers() >= set(names), 20)

    def ready_workers(self) -> set[str]:
        return {each["id"] for each in self.summary["workers"] if each["state"] == "ready"}

    def wait_for_requests(self, more: int) -> None:
        """Wait until the run that goes on has so many requests more than now."""

        def ended() -> int:
            document = self.summary["document"]
            return 0 if document is None else int(document["reconciliation"]["merged_by_master"])

        goal = ended() + more
        wait_until(lambda: ended() >= goal, 20)

    def make_run(self, **form: Any) -> Any:
        """Start a run, wait for its end, and return its summary."""
        run = self.post("start", **form)
        assert "run" in run, run
        self.wait_for_state("ready")
        summary = self.summary
        assert summary["run"] == run["run"]
        return summary

    def end(self) -> tuple[str, str]:
        """Return what the process has said until its end, on stdout and stderr."""
        return self.process.communicate(timeout=30)


def page_of(greenload: Greenload, *arguments: object) -> Page:
    """Start `greenload ARGUMENTS` with a page at a free port."""
    return Page(greenload.start(*arguments, "--web-port", 0))
