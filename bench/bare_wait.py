"""python -m bench.bare_wait: how late a process is that only waits and computes, which is the machine's doing.

Prints the p99 in ms of so many waits a second, each followed by so much work.
"""

from __future__ import annotations

import sys
import time


def main() -> None:
    per_s, seconds, work_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    late_s = []
    began_s = time.perf_counter()
    for number in range(per_s * seconds):
        due_s = began_s + number / per_s
        while (left_s := due_s - time.perf_counter()) > 0:
            time.sleep(left_s)
        woke_s = time.perf_counter()
        late_s.append(woke_s - due_s)
        while time.perf_counter() < woke_s + work_s:
            pass
    print(1_000 * sorted(late_s)[int(0.99 * len(late_s))])


if __name__ == "__main__":
    main()
