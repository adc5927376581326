"""Where the service begins: `python -m service`.

With `--server green` everything below has to wait green, so it is patched before anything else is imported: its locks,
queues, sleeps and sockets are then gevent's. With OS threads nothing is patched.
"""

import itertools
import sys


def is_green(arguments: list[str]) -> bool:
    """Whether the command line asks for green threads; what is wrong with it is said later."""
    return "--server=green" in arguments or ("--server", "green") in itertools.pairwise(arguments)


if __name__ == "__main__":
    if is_green(sys.argv[1:]):
        from gevent import monkey

        monkey.patch_all()

    from service.command import main

    main(prog_name="python -m service")
