"""What somebody says of a run, to find it again: tags and a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenload.core.codec import is_name
from greenload.core.errors import GreenloadError

MOST_NOTE = 8_192  # characters


class LabelError(GreenloadError):
    """A tag or a note that cannot be kept."""


@dataclass(frozen=True)
class Label:
    """What somebody said of a run: tags, a note, and the command line that made it."""

    tags: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None
    command: str | None = None


NO_LABEL = Label()


def parse_tag(text: str) -> tuple[str, str]:
    """Return the tag that `text` means, KEY=VALUE.  Raises LabelError."""
    key, is_one, said = text.partition("=")
    if not is_one or not is_name(key) or not is_name(said):
        raise LabelError(f"{text!r} is not KEY=VALUE; write for example branch=main")
    return key, said


def parse_note(text: str) -> str:
    """Return `text`, which can be kept as a note.  Raises LabelError."""
    if len(text) > MOST_NOTE:
        raise LabelError(f"a note of {len(text)} characters; at most {MOST_NOTE}")
    return text
