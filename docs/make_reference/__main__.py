"""Make the pages of the reference that are read off the code. `make docs` does it first."""

from __future__ import annotations

from pathlib import Path

import commands
import operations
import python_names

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
PAGES = {"commands.md": commands.page, "operations.md": operations.page, "python.md": python_names.page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
