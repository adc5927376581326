"""What the programs of bench/ have in common as commands: their options, how they end, what they write."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.process import BenchError


def new_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser for the options of `python -m module`; `description` is the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that `conduct_and_write` wants."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured to this file")


def conduct(measure: Callable[[], None]) -> None:
    """Call `measure`; when it cannot be done, end the program with the reason."""
    # As Ctrl-C: what was started, the server and the tool under way, is ended, not left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        measure()
    except (BenchError, OSError) as error:
        sys.exit(f"bench: {error}")


def conduct_and_write(measure: Callable[[], dict[str, Any]], path: Path | None) -> dict[str, Any]:
    """Conduct `measure`, write what it returns to `path` if there is one, and return it."""
    document: dict[str, Any] = {}

    def all_of_it() -> None:
        if path is not None:
            path.touch()  # whether it can be written is known before the minutes are spent
        document.update(measure())
        if path is not None:
            path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    conduct(all_of_it)
    return document
