"""What the programs beside the service read from their command lines. Only the standard library."""

import argparse

MOST = 1_000_000


def some(text: str) -> int:
    """Return a number of at least 1: what is done with nothing, or by nobody, says nothing."""
    number = int(text)
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and a million")
    return number
