"""The load generator on one page, as the tutorial runs it: all it says it did, the server saw."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from subprocess import Popen

from tests.conftest import ROOT

TINY = ROOT / "examples" / "tiny.py"


def test_it_is_a_page_of_at_most_thirty_lines():
    assert len(TINY.read_text().splitlines()) <= 30


def test_what_it_counts_is_what_the_server_counts_and_a_failed_request_is_no_time(album_service, greenload):
    asked = [greenload.start_python(TINY, album_service.url + path) for path in ("/albums", "/nothing")]
    with ThreadPoolExecutor() as both:
        (answered, _), (failed, _) = both.map(Popen.communicate, asked)

    counted = re.match(r"planned (\d+), answered (\d+), failed 0\n", answered)
    assert counted, answered
    planned = int(counted[1])
    assert int(counted[2]) == planned
    assert re.fullmatch(rf"planned {planned}, answered 0, failed {planned} HTTP Error 404: Not Found\n", failed)
    assert album_service.stats()["by_route"] == {"GET /albums": planned, "unknown route": planned}
    p50, p95, p99, most = (float(ms) for ms in re.findall(r"p\d+ +([\d.]+) ms", answered))
    assert 0 < p50 <= p95 <= p99 <= most
