"""Errors, named by whose fault they are."""

from __future__ import annotations


class GreenloadError(Exception):
    """Something a person can mend; the message is one sentence that says what, and what to do instead."""
