"""A run as lines of JSON: one object for each second and request name, for whatever reads such lines.

The durations of a line are those of its second alone: percentiles cannot be added or averaged. Who wants them over
another time takes the histograms, which are in the HdrHistogram log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from greenload.core.run_info import RunInfo
from greenload.core.slots import Slot
from greenload.report.summary import milliseconds


def ndjson(run: RunInfo, slots: Iterable[Slot], warmup_s: int) -> Iterator[str]:
    """Yield the lines, in the order of time and of names."""
    for slot in slots:
        for (method, name), tally in sorted(slot.stats.tallies.items()):
            ended = tally.ended()
            line = {
                "run": run.id,
                "from_s": slot.first_s,
                "seconds": slot.width_s,
                "is_warmup": slot.first_s < warmup_s,
                "users": slot.users,
                "method": method,
                "name": name,
                "requests": tally.requests,
                "failures": tally.failed.service.count,
                "unfinished": tally.unfinished.count,
                "bytes": tally.received_bytes,
                "service_ms": milliseconds(ended.service),
                "response_ms": milliseconds(ended.response),
            }
            yield json.dumps(line, ensure_ascii=False) + "\n"
