"""The glue around llhttp: whatever bytes come, in whatever pieces, there is one answer or one failure."""

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenload.http.failures import RequestFailed
from greenload.http.wire_head import known_heads
from greenload.http.wire_parser import MOST_KNOWN_BYTES, MOST_KNOWN_HEADS, AnswerParser

OK = b"HTTP/1.1 200 OK\r\n"
WORDS = [
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b" OK", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"7", b"-1", b"0",
    b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"Connection: close", b"Upgrade: h2c",
    b"Connection: upgrade", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching\r\n", b"204", b"304", b"X-A: 1",
    b"\x00", b"\xff", b" ", b":", b";", b"\n", b"\r", b"abcdefg",
]  # fmt: skip


def read(pieces, method="GET", ends=True):
    """Feed `pieces`, then the end; return what the parser made of it."""
    parser = AnswerParser()
    parser.is_to_head = method == "HEAD"
    body = b""
    try:
        for piece in pieces:
            parser.feed(piece)
            body += b"".join(parser.take())
            assert parser.take() == []  # nothing is given twice
            if parser.is_whole:
                break
        if ends and not parser.is_whole:
            parser.end()
    except RequestFailed as failure:
        return str(failure)
    return parser.head.status, parser.head.headers, body, parser.is_whole


def cut(data, places):
    edges = [0, *sorted({min(place, len(data)) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


ANSWERS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=14).map(b"".join)
PLACES = st.lists(st.integers(0, 120), max_size=6)


@settings(max_examples=1000)
@given(st.sampled_from([b"", OK]), ANSWERS, PLACES, st.sampled_from(["GET", "HEAD"]))
@example(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + OK + b"Content-Length: 0\r\n\r\n", [10, 30, 60], "GET")
@example(b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 HTTP/1.1 100 Continue\r\n\r\n", [25], "GET")
@example(b"", b"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", [26], "GET")
def test_it_does_not_matter_how_the_bytes_are_cut(begin, rest, places, method):
    data = begin + rest

    assert read(cut(data, places), method) == read([data] if data else [], method)


HEADS = st.lists(st.sampled_from(WORDS[2:]), max_size=6).map(b"".join)


@settings(max_examples=1000)
@given(HEADS, st.binary(max_size=9), st.binary(max_size=9), PLACES, st.sampled_from(["GET", "HEAD"]))
@example(b"Content-Length: 7", b"abcdefg", b"hijklmn", [], "HEAD")
@example(b"Content-Length: 7", b"abcdefg", b"hijklmnHTTP/1.1 200 OK", [], "GET")
def test_an_answer_with_a_known_head_is_read_like_one_with_a_new_head(head, body, other_body, places, method):
    first, second = (OK + head + b"\r\n\r\n" + each for each in (body, other_body))
    known_heads().clear()
    expected = read(cut(second, places), method)

    known_heads().clear()
    read([first])

    assert read(cut(second, places), method) == expected


LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 0", b"Content-Length: 2", b"Content-Length: 02", b"Content-Length: %d",
            b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade",
            b"Upgrade: h2c", b"Content-Encoding: gzip", b"Set-Cookie: a=1", b"Date: Mon, 23 Nov 2026 00:00:00 GMT",
        ]
    ),
    max_size=4,
)  # fmt: skip
BODIES = st.sampled_from([b"", b"ok", b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", OK + b"\r\n"]) | st.binary(max_size=9)


@st.composite
def whole_answers(draw):
    """Draw an answer in one piece; a length it names may count everything behind its first empty line."""
    announcement = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\n\r\n"]))
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0"]))
    status = draw(st.sampled_from([b"200 OK", b"204 No", b"304 Not", b"101 Switching", b"503 No"]))
    head = b"\r\n".join([version + b" " + status, *draw(LINES)]) + b"\r\n\r\n"
    body = draw(BODIES)
    # Two digits, whatever they say: with them the length of the head does not depend on its own number.
    length = draw(st.sampled_from([len(body), len(head.replace(b"%d", b"00") + body if announcement else body)]))
    return announcement + head.replace(b"%d", b"%02d" % length) + body


def outcome(data, method):
    """Return all that is known of the answer `data`, which comes in one piece on a connection of its own."""
    parser = AnswerParser()
    parser.is_to_head = method == "HEAD"
    try:
        parser.feed(data)
    except RequestFailed as failure:
        return str(failure)
    body = b"".join(parser.take())
    head = parser.head
    known = (head.status, head.reason, head.headers, head.found, head.set_cookies, head.length) if head else None
    return known, body, parser.is_whole, parser.is_reusable


ANNOUNCED = b"HTTP/1.1 100 Continue\r\n\r\n"


@settings(max_examples=1000)
@given(st.lists(whole_answers(), min_size=1, max_size=5), whole_answers(), st.sampled_from(["GET", "HEAD"]))
@example([ANNOUNCED + b"HTTP/1.1 304 N\r\nContent-Length: 38\r\n\r\n"], ANNOUNCED + b"x" * 38, "GET")
@example([b"HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\n\r\n"], b"HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\nok", "GET")
def test_nothing_that_one_server_says_changes_how_the_answer_of_another_is_read(said, answer, method):
    """All users of a process share one table of heads, whatever hosts they talk to."""
    parts = [other.partition(b"\r\n\r\n") for other in said]
    begins_alike = [head + blank + b"x" * len(rest) for head, blank, rest in parts]
    for data in [answer, *begins_alike]:
        known_heads().clear()
        expected = outcome(data, method)

        known_heads().clear()
        for other in said:
            outcome(other, "GET")

        assert outcome(data, method) == expected


def test_a_body_that_comes_with_its_head_is_there_at_once_whether_the_head_is_known_or_not():
    known_heads().clear()
    parser = AnswerParser()

    for _ in range(2):
        parser.feed(OK + b"Content-Length: 7\r\n\r\nabcdefg")
        assert parser.content == b"abcdefg"
        parser.let_go()


def test_a_head_that_is_long_is_not_remembered():
    known_heads().clear()
    parser = AnswerParser()

    parser.feed(OK + b"X-Long: " + b"x" * MOST_KNOWN_BYTES + b"\r\nContent-Length: 0\r\n\r\n")

    assert parser.is_whole
    assert known_heads() == {}


@settings(max_examples=200)
@given(st.binary(max_size=20), st.just(b"") | st.binary(max_size=20).filter(lambda surplus: surplus.strip(b"\r\n")))
def test_surplus_after_a_known_head_is_seen(body, surplus):
    answer = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
    parser = AnswerParser()
    parser.feed(answer)
    parser.let_go()

    parser.feed(answer + surplus)

    assert b"".join(parser.take()) == body
    assert parser.is_reusable is (surplus == b"")


def test_a_head_that_begins_with_a_known_one_is_read_to_its_end():
    parser = AnswerParser()
    parser.feed(OK + b"Content-Length: 0\r\n\r\n")
    parser.let_go()

    parser.feed(OK + b"Content-Length: 0")
    parser.feed(b"7\r\n\r\nabcdefg")

    assert (parser.is_whole, parser.take()) == (True, [b"abcdefg"])


def test_heads_that_never_come_again_take_no_more_room_than_a_hundred():
    parser = AnswerParser()
    for number in range(3 * MOST_KNOWN_HEADS):
        parser.feed(OK + b"X-Request: %d\r\nContent-Length: 0\r\n\r\n" % number)
        parser.let_go()

    assert 0 < len(known_heads()) <= MOST_KNOWN_HEADS


@settings(max_examples=300)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=10))
def test_any_bytes_are_an_answer_or_a_failure_with_a_name(pieces):
    result = read(pieces)

    assert isinstance(result, (str, tuple))


@given(st.lists(st.tuples(st.sampled_from(["GET", "HEAD"]), st.binary(max_size=20), st.booleans()), max_size=6), PLACES)
def test_answers_on_one_connection_are_told_apart(answers, places):
    parser = AnswerParser()
    for method, body, is_chunked in answers:
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(body)
        data = OK + framing + b"\r\nX-Body: " + body.hex().encode() + b"\r\n\r\n"
        if method == "GET" and is_chunked:
            data += b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        elif method == "GET":
            data += body
        parser.is_to_head = method == "HEAD"
        for piece in cut(data, places):
            parser.feed(piece)

        assert (parser.head.status, parser.head.headers[1][1], parser.is_whole) == (200, body.hex().encode(), True)
        assert b"".join(parser.take()) == (body if method == "GET" else b"")
        assert parser.is_reusable
        parser.let_go()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("at", [1, 30, 36, 37, 39])
@pytest.mark.parametrize("surplus", [b"xx", b"x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_with_surplus_is_not_reusable(method, at, surplus):
    answer = OK + b"Content-Length: 0\r\n\r\n"
    parser = AnswerParser()
    parser.is_to_head = method == "HEAD"

    for piece in cut(answer + surplus, [at]):
        parser.feed(piece)
        if parser.is_whole:
            break

    assert parser.is_whole
    assert not parser.is_reusable


@pytest.mark.parametrize("last", [b"0\r\n", b"1\r\nx\r\n"])
def test_a_trailer_is_no_header(last):
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"" if last[:1] == b"0" else last) + b"0\r\n"
    parser = AnswerParser()

    parser.feed(data + b"Content-Encoding: gzip\r\nSet-Cookie: a=1\r\n\r\n")

    assert parser.is_whole
    assert parser.head.headers == [(b"Transfer-Encoding", b"chunked")]
    assert set(parser.head.found) == {b"transfer-encoding"}


def test_a_coding_that_llhttp_does_not_know_again_is_refused():
    """With a tab behind it llhttp takes chunks for a body without a length, and their sizes for a part of it."""
    answer = OK + b"Transfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n"

    assert read([answer]) == "not HTTP: bad headers"
