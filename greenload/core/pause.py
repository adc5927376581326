"""Where long computing may be put off: between two pieces of work it calls a Pause, which may let others run.

What is computed from is then to be taken before the first pause, or to be such that nobody changes it. Knows nothing of
who the others are.
"""

from __future__ import annotations

from collections.abc import Callable

Pause = Callable[[], object]


def no_pause() -> None:
    """Go on at once: nobody else is there."""
