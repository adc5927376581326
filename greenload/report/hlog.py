"""A run as an HdrHistogram log, which HdrHistogram's own tools read, plot and add up.

One line for each second, request name and clock, told apart by their tags. The counts are greenload's own, so nothing
is lost or rounded on the way. The values in the histograms are microseconds.

Source: HdrHistogram's log format 1.3, as its HistogramLogWriter writes it. hdrhistogram's own writer is not used: it
has no tags, and its start time raises.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import quote

from greenload.core.gate import shown_name
from greenload.core.histogram import Histogram
from greenload.core.run_info import RunInfo
from greenload.core.slots import Slot

# All that may stand in a tag but comma, space and line break, which end it; and the sign of what is written otherwise.
_SAFE_IN_TAGS = "/:?=&#[]@!$'()*+;{}<>|^\"\\"


def hlog(run: RunInfo, slots: Iterable[Slot]) -> Iterator[str]:
    """Yield the lines of the log; the time of an interval is counted from the start of the run."""
    began = datetime.fromisoformat(run.started)
    yield f"#[greenload {run.version}, run {run.id}; values are microseconds, Interval_Max is milliseconds]\n"
    yield "#[Histogram log format version 1.3]\n"
    yield f"#[StartTime: {began.timestamp():.3f} (seconds since epoch), {began:%a %b %d %H:%M:%S UTC %Y}]\n"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
    for slot in slots:
        for (method, name), tally in sorted(slot.stats.tallies.items()):
            ended = tally.ended()
            tag = quote(shown_name(method, name), safe=_SAFE_IN_TAGS)
            response = _interval(slot.first_s, slot.width_s, ended.response)
            service = response if ended.are_alike else _interval(slot.first_s, slot.width_s, ended.service)
            if ended.response.count:
                yield f"Tag=response:{tag},{response}"
                yield f"Tag=service:{tag},{service}"


def _interval(from_s: int, seconds: int, histogram: Histogram) -> str:
    counts = b64encode(histogram.to_hdr()).decode()
    return f"{from_s:.3f},{seconds:.3f},{histogram.max_us / 1000:.3f},{counts}\n"
