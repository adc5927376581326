"""Each second is pushed once to whoever listens, also after a lost connection; who does not read is cut off."""

from __future__ import annotations

import socket
import time

import pytest

from greenload.core.stats import Stats
from greenload.web.live import KEPT_EVENTS, MOST_LISTENERS, MOST_WAITING_BYTES, Live, TooManyListeners
from tests.web.played import Played, one_second


def events_of(listener) -> list[tuple[str, str]]:
    """What waits for a listener, as (event, id)."""
    found = []
    while listener._missed or listener._waiting:
        for text in listener._next().decode().strip().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in text.splitlines())
            found.append((fields["event"], fields.get("id", "")))
    return found


@pytest.fixture
def played():
    master = Played()
    master.begin()
    return master


def told(live, played, seconds=1):
    for _ in range(seconds):
        played.play_second()
        live.look()


def test_each_second_is_pushed_once_however_often_one_looks(played):
    live = Live(played)
    listener = live.listen()

    for _ in range(3):
        told(live, played)
        live.look()

    run = played.run.info.id
    assert events_of(listener) == [("state", ""), ("second", f"{run}:0"), ("state", "")] + [
        ("second", f"{run}:{second}") for second in (1, 2)
    ]


def test_seconds_that_went_by_while_nobody_looked_are_pushed_in_their_order(played):
    live = Live(played)
    told(live, played)
    listener = live.listen()

    for _ in range(5):
        played.play_second()
    live.look()

    assert [name.rpartition(":")[2] for _, name in events_of(listener)[1:]] == list("12345")


def test_a_stream_goes_on_after_the_event_it_had_last(played):
    live = Live(played)
    told(live, played, 10)

    listener = live.listen(f"{played.run.info.id}:6")

    assert [name.rpartition(":")[2] for _, name in events_of(listener)] == ["", "7", "8", "9"]


@pytest.mark.parametrize(
    "last", ["", "x", "other:3", ":", "1:-1", "\x00:1", "a" * 10_000, "{run}:99999999999999", "{run}:9 9"]
)
def test_a_last_event_that_is_none_is_as_good_as_none(played, last):
    live = Live(played)
    told(live, played, 3)

    assert events_of(live.listen(last.replace("{run}", played.run.info.id))) == [("state", "")]


def test_of_a_long_run_the_last_five_minutes_are_kept(played):
    live = Live(played)
    told(live, played, KEPT_EVENTS + 5)

    missed = events_of(live.listen(f"{played.run.info.id}:0"))[1:]

    assert len(missed) == KEPT_EVENTS
    assert missed[0][1].endswith(":5")


def test_a_second_that_a_worker_has_not_reported_is_waited_for_and_then_pushed_as_it_is(played):
    live, run = Live(played), played.run
    told(live, played)
    listener = live.listen()
    events_of(listener)

    for second in range(1, 6):
        for worker in ("w1", "w2"):
            run.report(worker, second, Stats(), 3)
        run.elapsed_s = second + 1.0
        live.look()
        if second == 2:
            assert events_of(listener) == []

    assert [name.rpartition(":")[2] for _, name in events_of(listener)] == ["1", "2"]


def test_when_nobody_reports_at_all_the_time_goes_on_and_nothing_is_said_of_it(played):
    live = Live(played)
    told(live, played)
    with_nothing = live.listen()
    events_of(with_nothing)

    played.run.elapsed_s = 8.0
    live.look()

    text = with_nothing._next().decode()
    assert text.count("event: second") == 4
    assert '"rps":null' in text


def test_all_that_was_reported_is_pushed_before_the_end_is_told(played):
    live = Live(played)
    told(live, played, 2)
    listener = live.listen()
    played.play_second()
    played.end()

    live.look_at_state()

    assert [event for event, _ in events_of(listener)] == ["state", "second", "state"]


def test_the_run_that_follows_is_told_from_its_beginning_on(played):
    live = Live(played)
    told(live, played, 5)
    played.end()
    live.look()
    listener = live.listen(f"{played.run.info.id}:4")
    events_of(listener)

    played.begin()
    told(live, played, 2)

    assert [name for _, name in events_of(listener) if name] == [f"{played.run.info.id}:{second}" for second in (0, 1)]
    assert live.told(played.run.info.id) == 1
    assert live.told("another") == -1


def test_who_does_not_read_is_cut_off_and_holds_no_more_than_its_bound(played):
    live = Live(played)
    stalled, reading = live.listen(), live.listen()

    for _ in range(200):
        told(live, played)
        assert stalled._waiting_bytes <= MOST_WAITING_BYTES
        events_of(reading)
        if stalled.is_cut:
            break

    assert stalled.is_cut
    assert list(stalled) == []
    assert not reading.is_cut
    assert live.listeners == 1


def test_there_are_so_many_streams_and_no_more(played):
    live = Live(played)
    for _ in range(MOST_LISTENERS - 1):
        live.listen()
    last = live.listen()

    with pytest.raises(TooManyListeners):
        live.listen()
    live.leave(last)
    live.listen()


def test_a_browser_hears_each_second_and_goes_on_where_it_was_cut_off(hosted):
    page = hosted()
    page.do(page.played.begin)
    with page.stream() as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.next()[0] == "state"
        page.play(3)
        first = stream.seconds(3)

    page.play(2)
    last = f"{first[-1]['run']}:{first[-1]['second']}"
    with page.stream(Last_Event_ID=last) as stream:
        rest = stream.seconds(2)
    with page.stream(f"/api/v1/live?last_event_id={last}") as stream:
        again = stream.seconds(2)

    assert [second["second"] for second in first + rest] == [0, 1, 2, 3, 4]
    assert again == rest
    assert rest[-1]["users"] > 0
    assert first[0]["verdict"]["status"] in ("valid", "suspect")


def test_a_browser_that_goes_away_is_no_listener_any_more(hosted):
    page = hosted()
    page.do(page.played.begin)
    with page.stream() as stream:
        stream.next()
        assert page.server.live.listeners == 1

    until_s = time.monotonic() + 20
    while page.server.live.listeners and time.monotonic() < until_s:
        page.play()
        time.sleep(0.02)

    assert page.server.live.listeners == 0


def test_browsers_that_do_not_read_hold_up_neither_the_run_nor_the_others(hosted):
    page = hosted()
    page.do(page.played.begin)
    stalled = []
    try:
        for _ in range(20):
            connection = socket.create_connection(page.address)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            stalled.append(connection)
        with page.stream() as stream:
            stream.next()
            for count in range(1, 400):
                page.play()
                assert stream.seconds(1)[0]["second"] == count - 1
                if count > 100 and page.server.live.listeners == 1:
                    break

        assert page.server.live.listeners <= 1
    finally:
        for connection in stalled:
            connection.close()


def test_what_a_stall_looked_like_is_in_its_second(played):
    live, run = Live(played), played.run
    listener = live.listen()
    events_of(listener)
    for worker in run.members:
        run.report(worker, 0, one_second(played._draw, 0, 50), 5)
    run.elapsed_s = 1.0

    live.look()

    text = listener._next().decode()
    assert '"users":15' in text
    assert '"rps":150.0' in text
    assert '"p99_ms":' in text
