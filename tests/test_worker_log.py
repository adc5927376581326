"""What a worker logs reaches the master, bounded at both ends, and is shown safely."""

import logging
from collections import Counter
from datetime import datetime, timezone

import pytest

from greenload.core.log_book import AHEAD_S, EVERY_S, MOST_LINES, LogBook, WorkerLine
from greenload.core.log_line import MOST_LINE_CHARACTERS, MOST_LINES_AT_ONCE, LogLine
from greenload.core.messages import Log
from greenload.worker_log import MOST_WAITING, WorkerLog

AT = "2030-01-01T00:00:00.000+00:00"


@pytest.fixture
def log():
    """A logger of the test's own, with a WorkerLog in it."""
    logger = logging.Logger("scenario")
    logger.worker_log = WorkerLog()
    logger.addHandler(logger.worker_log)
    return logger


def lines(count, worker="one", dropped=0, text="hello"):
    return Log(worker, 1, tuple(LogLine(AT, "info", f"{text} {number}") for number in range(count)), dropped)


# At the worker


def test_a_line_has_its_time_its_level_and_its_text(log):
    before = datetime.now(timezone.utc)

    log.debug("not this")
    log.info("%d albums", 7)
    log.log(35, "odd level")
    log.critical("out of albums")

    taken, dropped = log.worker_log.take()
    assert [(line.level, line.text) for line in taken] == [
        ("info", "7 albums"), ("warning", "odd level"), ("critical", "out of albums"),
    ]  # fmt: skip
    assert abs((datetime.fromisoformat(taken[0].at) - before).total_seconds()) < 60
    assert dropped == 0


def test_an_exception_is_logged_with_its_traceback_and_a_long_line_is_cut(log):
    try:
        raise KeyError("album")
    except KeyError:
        log.exception("no such thing")
    log.info("x" * 10_000)
    log.info("half a character: \ud800")

    (told, cut, half), _ = log.worker_log.take()

    assert told.text.startswith("no such thing\nTraceback")
    assert (len(cut.text), cut.text[-4:]) == (MOST_LINE_CHARACTERS, "x...")
    assert half.text == "half a character: ?"


def test_of_too_many_lines_the_first_are_sent_some_at_a_time_and_the_others_counted(log):
    for number in range(MOST_WAITING + 30):
        log.info("line %d", number)

    first = log.worker_log.take()
    log.info("one more")
    rest = [log.worker_log.take() for _ in range(5)]

    assert (len(first[0]), first[0][0].text, first[1]) == (MOST_LINES_AT_ONCE, "line 0", 30)
    assert [(len(taken), dropped) for taken, dropped in rest] == [(50, 0), (50, 0), (50, 0), (1, 0), (0, 0)]
    assert [rest[2][0][-1].text, rest[3][0][0].text] == [f"line {MOST_WAITING - 1}", "one more"]


def test_what_cannot_be_put_into_words_ends_nothing(log, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    log.info("%d albums", "many")
    log.info("hello")

    assert [line.text for line in log.worker_log.take()[0]] == ["hello"]


# At the master


def test_the_last_lines_of_all_workers_are_kept():
    book = LogBook()
    for second in range(60):
        book.hear(lines(10, "one", text=f"{second}"), float(second))
        book.hear(lines(10, "two", text=f"{second}"), float(second))

    assert len(book.lines) == MOST_LINES
    assert book.lines[-1] == WorkerLine(AT, "two", "info", "59 9")
    assert {line.source for line in book.lines} == {"one", "two"}


def test_a_worker_that_says_more_than_it_may_is_cut_short_and_the_others_are_not():
    book = LogBook()

    for number in range(10_000):
        book.hear(lines(2, "flood", text=f"{number}"), number / 1_000)
        if number % 1_000 == 0:
            book.hear(lines(1, "quiet", text=f"{number}"), number / 1_000)

    heard = Counter(line.source for line in book.lines)
    assert heard["quiet"] == 10
    assert heard["flood"] / 2 == pytest.approx((10 + AHEAD_S) / EVERY_S, abs=1)


def test_a_line_does_nothing_to_a_terminal_and_lines_left_out_are_mentioned():
    book = LogBook()

    book.hear(Log("one", 1, (LogLine(AT, "error", "\x1b[31mred\nsecond"),), 12), 0.0)
    book.hear(Log("two", 1, (), 0), 0.0)

    assert list(book.lines) == [
        WorkerLine(AT, "one", "error", "\ufffd[31mred\nsecond"),
        WorkerLine(AT, "one", "warning", "12 more line(s) of this worker were left out"),
    ]
