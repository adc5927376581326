"""A load generator on one page, for twenty users: python examples/tiny.py URL"""

from gevent import joinall, monkey, spawn

monkey.patch_all()  # first of all: from here on, whatever waits lets the others go on
import sys
import time
from urllib.request import urlopen

USERS, RATE, FOR_S = 20, 100, 3
url, times_ms, failures = sys.argv[1], [], []


def live(turns):
    """One virtual user: wait until its next turn is due, ask, note how long that took; again."""
    for intended_s in turns:
        time.sleep(max(0.0, intended_s - time.monotonic()))  # switch: others run while this one waits
        try:
            urlopen(url, timeout=10).read()  # switch: at each send and receive
            times_ms.append(1000 * (time.monotonic() - intended_s))
        except Exception as error:
            failures.append(error)


begin_s = time.monotonic()
turns = (begin_s + number / RATE for number in range(RATE * FOR_S))  # whoever is free takes the next
joinall([spawn(live, turns) for _ in range(USERS)])
print(f"planned {RATE * FOR_S}, answered {len(times_ms)}, failed {len(failures)}", *failures[:1])
for percent in (50, 95, 99, 100) if times_ms else ():
    print(f"p{percent:<4}{sorted(times_ms)[(len(times_ms) * percent - 1) // 100]:8.1f} ms")
