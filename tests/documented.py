"""The pages of the documentation, and what stands in them: prose, sections, fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    section   how many headings the page has above it
    comment   the HTML comment in the line before it
    """

    page: Path
    line: int
    section: int
    language: str
    title: str | None
    comment: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    section, begin = 0, None
    for number, line in enumerate(lines):
        if line.startswith("#") and begin is None:
            section += 1
        elif line.startswith("```") and begin is None:
            begin = number
        elif line.startswith("```"):
            language, title = re.fullmatch(r'```(\w*)(?: title="(.+)")?', lines[begin]).groups()
            before = lines[begin - 1]
            comment = before.removeprefix("<!--").removesuffix("-->").strip() if before.startswith("<!--") else ""
            text = "\n".join(lines[begin + 1 : number]) + "\n"
            yield Block(page, begin + 1, section, language, title, comment, text)
            begin = None
    assert begin is None, f"{page}:{begin}: a block without an end"


def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def sections_of(page: Path) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", prose_of(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def in_backticks(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))
