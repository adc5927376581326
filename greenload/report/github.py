"""Annotations: what a workflow of GitHub Actions shows beside the run of a job, one line for each.

Drawn from the summary document.
Source of the form: GitHub's "Workflow commands", ::error title=TITLE::MESSAGE.
"""

from __future__ import annotations

from collections.abc import Iterator

from greenload.core.thresholds import PASSED
from greenload.report.summary import Document
from greenload.report.thresholds import explained


def workflow_commands(document: Document) -> Iterator[str]:
    """Yield an error for each threshold that was not passed, and a warning when the verdict is SUSPECT."""
    for threshold in document["thresholds"]:
        if threshold["status"] != PASSED:
            title = f"threshold {threshold['status']}: {threshold['text']}"
            yield f"::error title={_property(title)}::{_message(explained(threshold))}"
    verdict = document["verdict"]
    if verdict["status"] != "valid":
        yield f"::warning title=SUSPECT::{_message(chr(10).join(verdict['reasons']))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
