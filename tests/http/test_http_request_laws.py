"""Laws of the pure half: whatever is put in, what goes onto the wire is one well-formed request."""

import base64
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from greenload.http.request import (
    InvalidHeader,
    InvalidUrl,
    Origin,
    Request,
    basic_auth,
    checked_headers,
    encode_body,
    parse_url,
    resolve,
)

BASE = parse_url("http://127.0.0.1:8080/api")
# What RFC 9112 lets stand in a request target, and nothing that ends a line or a word.
TARGET = re.compile(r"/[!-~]*")

texts = st.text(max_size=20)
any_text = st.text(st.characters(), max_size=20)
pairs = st.lists(st.tuples(texts, texts), max_size=5)
hosts = st.sampled_from(["127.0.0.1", "shop.example", "[::1]", "a_b", "könig.example"])
urls = st.builds(
    lambda scheme, host, port, path, query: f"{scheme}://{host}{port}{quote(path)}{query}",
    st.sampled_from(["http", "https"]),
    hosts,
    st.sampled_from(["", ":80", ":443", ":8080"]),
    texts.map("/".__add__),
    st.sampled_from(["", "?a=1", "?a=b c&d"]),
)


def request(**changes):
    given = {
        "method": "POST",
        "url": BASE,
        "headers": {"Authorization": "Basic x", "Cookie": "a=1", "Host": "h", "Content-Type": "text/plain", "X": "1"},
        "body": b"body",
        "connect_timeout_s": 1.0,
        "read_timeout_s": 1.0,
        "verify": True,
        "most_bytes": 1000,
    }
    return Request(**{**given, **changes})


@given(any_text, st.none() | any_text | st.dictionaries(texts, texts | st.integers() | st.none()) | pairs)
@example("/a#b", "c#d")
@example("/?a=%0d%0a", None)
@example("\\\\evil/", None)
def test_a_target_never_ends_its_line_or_its_word(text, params):
    try:
        url = resolve(BASE, text, params)
    except InvalidUrl:
        return

    assert TARGET.fullmatch(url.target)
    assert "#" not in url.target


@given(any_text.filter(lambda text: not text.lower().startswith(("http://", "https://"))))
def test_a_path_never_leads_away_from_the_base(text):
    try:
        url = resolve(BASE, text)
    except InvalidUrl:
        return

    assert url.origin == BASE.origin
    assert url.target.startswith("/api")


@given(texts.map(lambda text: re.sub(r"[\x00-\x1f\x7f#?%]", "", text)))
def test_a_quoted_path_reads_as_the_path_that_was_meant(path):
    assert unquote(resolve(BASE, f"/{path}").target) == f"/api/{path}"


@given(any_text)
def test_quoting_twice_is_quoting_once(text):
    try:
        once = resolve(None, f"http://h/{text}")
    except InvalidUrl:
        return

    assert parse_url(str(once)) == once


@given(pairs)
def test_params_read_as_they_were_given(params):
    query = urlsplit(resolve(BASE, "/find", params).target).query

    assert parse_qsl(query, keep_blank_values=True) == params


@given(urls)
def test_an_absolute_url_is_the_same_with_and_without_a_base(url):
    assert resolve(BASE, url) == resolve(None, url) == parse_url(url)


@given(urls)
def test_a_url_reads_as_what_it_is_written_as(url):
    parsed = parse_url(url)

    assert parse_url(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("origin", "netloc"),
    [
        (Origin("http", "h", 80), "h"),
        (Origin("https", "h", 443), "h"),
        (Origin("http", "h", 443), "h:443"),
        (Origin("http", "::1", 8080), "[::1]:8080"),
        (Origin("http", "h", 0), "h:0"),
    ],
)
def test_a_port_is_named_when_it_is_not_the_usual_one(origin, netloc):
    assert origin.netloc == netloc
    assert parse_url(f"{origin.scheme}://{netloc}/").origin == origin


@given(any_text)
def test_any_text_is_a_url_or_is_said_to_be_none(text):
    for each in (text, f"http://{text}", f"http://h:{text}/"):
        try:
            url = parse_url(each)
        except InvalidUrl:
            continue
        assert re.fullmatch(r"[!-~]+", str(url))
        str(url).encode("ascii")


@given(st.dictionaries(any_text, any_text, max_size=3))
@example({"X": "a\r\nb"})
@example({"X": "a\n b"})
def test_headers_are_one_line_each_or_are_refused(headers):
    try:
        checked = checked_headers(headers)
    except InvalidHeader:
        return

    for name, value in checked.items():
        assert re.fullmatch(r"[!-9;-~]+", name)
        assert not set(value.encode("latin-1")) & set(b"\r\n\0")


@given(texts.filter(lambda user: ":" not in user), texts)
def test_credentials_can_be_told_apart_again(user, password):
    assert base64.b64decode(basic_auth(user, password)[6:]).decode().split(":", 1) == [user, password]


@given(pairs)
def test_a_form_reads_as_it_was_given(fields):
    body, content_type = encode_body(fields, None, None)

    assert parse_qsl((body or b"").decode(), keep_blank_values=True) == fields
    assert content_type == ("application/x-www-form-urlencoded" if fields else None)


@given(st.sampled_from([301, 302, 303, 307, 308]), st.text(st.characters(max_codepoint=255), max_size=20))
def test_a_redirect_leads_to_a_url_or_is_said_to_lead_nowhere(status, location):
    try:
        following = request().redirected(status, location)
    except InvalidUrl:
        return

    assert TARGET.fullmatch(following.url.target)


@given(st.sampled_from([301, 302, 303, 307, 308]), urls)
def test_credentials_stay_within_their_origin(status, location):
    following = request().redirected(status, location.encode().decode("latin-1"))

    kept = {"Authorization", "Cookie", "Host"} & following.headers.keys()
    assert kept == ({"Authorization", "Host"} if following.url.origin == BASE.origin else set())
    assert following.headers["X"] == "1"


@given(st.sampled_from([301, 302, 303, 307, 308]), st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
def test_a_body_and_its_type_stay_or_go_together(status, method):
    following = request(method=method).redirected(status, "/new")

    assert ("Content-Type" in following.headers) == (following.body is not None)
    assert following.method in (method, "GET")
