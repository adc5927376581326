"""The page of a played master, for a test or for several that change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.web.hosted import Hosted, page_in


@pytest.fixture
def hosted(tmp_path) -> Iterator[Callable[..., Hosted]]:
    """What makes a played master with its page."""
    with ExitStack() as cleanup:

        def host(**options: Any) -> Hosted:
            options.setdefault("page", page_in(tmp_path))
            return cleanup.enter_context(Hosted(**options))

        yield host
