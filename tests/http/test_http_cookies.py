"""A session keeps its cookies as a browser does: sent back where they belong, and nowhere else."""

import http.cookiejar
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import greenload.http.cookies
from greenload.http.cookies import Cookies
from greenload.http.request import InvalidHeader, parse_url


def setting(*cookies, **keywords):
    return {"headers": [("Set-Cookie", cookie) for cookie in cookies], **keywords}


def cookies_of(received) -> dict[str, str]:
    header = received.headers.get("Cookie")
    pairs = header.split("; ") if header else []
    assert len({pair.partition("=")[0] for pair in pairs}) == len(pairs), header
    return dict(pair.split("=", 1) for pair in pairs)


def sent(received) -> dict[str, str]:
    assert len(received.headers.get_all("Cookie", [])) <= 1
    return cookies_of(received)


def test_a_cookie_that_was_set_is_sent_back(start_server, open_session):
    server = start_server({"/login": setting("sid=17; Path=/; HttpOnly", "seen=yes")})
    session = open_session(server)

    response = session.get("/login")
    session.get("/albums")

    assert dict(response.cookies) == dict(session.cookies) == {"sid": "17", "seen": "yes"}
    assert [sent(received) for received in server.requests] == [{}, {"sid": "17", "seen": "yes"}]


def test_two_sessions_do_not_share_cookies(start_server, open_session):
    server = start_server({"/login": setting("sid=17")})
    first, second = open_session(server), open_session(server)

    first.get("/login")
    second.get("/albums")

    assert sent(server.last) == {}
    assert len(second.cookies) == 0


def test_a_cookie_is_changed_and_deleted_by_the_server(start_server, open_session):
    server = start_server(
        {"/login": setting("sid=1"), "/again": setting("sid=2"), "/logout": setting("sid=; Max-Age=0")}
    )
    session = open_session(server)

    for path in ("/login", "/again", "/logout", "/"):
        session.get(path)

    assert [sent(received) for received in server.requests] == [{}, {"sid": "1"}, {"sid": "2"}, {}]
    assert "sid" not in session.cookies


def test_an_expired_cookie_is_not_kept(start_server, open_session):
    session = open_session(start_server({"/": setting("sid=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT")}))

    session.get("/")

    assert dict(session.cookies) == {}


def test_the_cookies_of_a_session_are_a_dict(server, session):
    session.cookies["sid"] = "17"
    session.cookies.update({"seen": "yes", "gone": "1"})
    del session.cookies["gone"]

    session.get("/")

    assert sent(server.last) == {"sid": "17", "seen": "yes"}
    assert session.cookies.get("sid") == "17"
    assert repr(session.cookies) == "Cookies({'seen': 'yes', 'sid': '17'})"
    with pytest.raises(KeyError):
        session.cookies["gone"]
    with pytest.raises(KeyError):
        del session.cookies["gone"]
    session.cookies.clear()
    assert dict(session.cookies) == {}


def test_the_cookies_of_a_call_go_with_it_and_are_not_kept(server, session):
    session.cookies["sid"] = "session"
    session.cookies["left"] = "alone"

    session.get("/", cookies={"sid": "call"})
    session.get("/")

    assert [sent(received) for received in server.requests] == [
        {"sid": "call", "left": "alone"},
        {"sid": "session", "left": "alone"},
    ]


@pytest.mark.parametrize("name", ["Cookie", "cookie"])
def test_a_cookie_header_of_a_call_is_all_the_cookies_it_sends(server, session, name):
    session.cookies["sid"] = "17"

    session.get("/", headers={name: "mine=1"})

    assert sent(server.last) == {"mine": "1"}


def test_a_cookie_goes_only_below_its_path(start_server, open_session):
    server = start_server({"/shop/login": setting("cart=3; Path=/shop")})
    session = open_session(server)

    for path in ("/shop/login", "/shop/pay", "/albums"):
        session.get(path)

    assert [sent(received) for received in server.requests] == [{}, {"cart": "3"}, {}]


def test_a_secure_cookie_does_not_go_over_plain_http(start_server, open_session):
    server = start_server({"/login": setting("sid=17; Secure")})
    session = open_session(server)

    session.get("/login")
    session.get("/albums")

    assert sent(server.last) == {}


def test_a_cookie_for_another_domain_is_not_kept(start_server, open_session):
    session = open_session(start_server({"/": setting("sid=17; Domain=example.com", "all=1; Domain=com")}))

    session.get("/")

    assert dict(session.cookies) == {}


@pytest.mark.parametrize(
    ("set_by", "asked", "attributes", "goes"),
    [
        ("http://shop.example.com/", "http://shop.example.com/", "", True),
        ("http://shop.example.com/", "http://www.example.com/", "", False),
        ("http://shop.example.com/", "http://www.example.com/", "; Domain=example.com", True),
        ("http://shop.example.com/", "http://www.example.com/", "; Domain=.example.com", True),
        ("http://shop.example.com/", "http://badexample.com/", "; Domain=example.com", False),
        ("http://shop.example.com/", "https://shop.example.com/", "", True),
        ("http://shop.example.com:8080/", "http://shop.example.com/", "", True),
        ("http://localhost:8080/", "http://localhost:8080/", "", True),
        ("http://[::1]:8080/", "http://[::1]:8080/", "", True),
        ("https://shop.example.com/", "https://shop.example.com/", "; Secure", True),
        ("https://shop.example.com/", "http://shop.example.com/", "; Secure", False),
    ],
)
def test_which_host_gets_a_cookie(set_by, asked, attributes, goes):
    cookies = Cookies()

    cookies.keep(parse_url(set_by), [f"sid=17{attributes}"])

    assert cookies.header_for(parse_url(asked), {}) == ("sid=17" if goes else None)


@pytest.mark.parametrize(
    ("domain", "asked", "goes"),
    [
        ("", "http://anywhere.example/", True),
        ("127.0.0.1", "http://127.0.0.1:8080/", True),
        ("localhost", "http://localhost:8080/", True),
        ("shop.example", "http://shop.example/", True),
        ("shop.example", "http://other.example/", False),
    ],
)
def test_a_cookie_set_by_hand_may_be_for_one_host_or_for_all(domain, asked, goes):
    cookies = Cookies()

    cookies.set("sid", "17", domain)

    assert cookies.header_for(parse_url(asked), {}) == ("sid=17" if goes else None)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "nul\0", "日本"])
def test_a_cookie_that_does_not_fit_into_a_header_raises_at_the_call_and_counts_nothing(server, session, book, value):
    with pytest.raises(InvalidHeader):
        session.get("/", cookies={"sid": value})
    with pytest.raises(InvalidHeader):
        session.cookies["sid"] = value

    assert server.connections == 0
    assert book.take() == (0, 0, [], 0)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";",
        "=",
        "=1",
        "sid",
        "a=b; Expires=yesterday",
        "a=b; Max-Age=soon",
        "ü=\xff",
        'a="b',
    ],
)
def test_a_cookie_that_is_none_does_no_harm(start_server, open_session, book, cookie):
    server = start_server({"/": setting(cookie)})
    session = open_session(server)

    responses = [session.get("/") for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    assert book.take() == (2, 2, [], 0)


def test_a_cookie_set_on_the_way_is_sent_where_the_redirect_leads(start_server, open_session):
    server = start_server(
        {"/login": setting("sid=17", status="302 Found") | {"headers": [("Set-Cookie", "sid=17"), ("Location", "/in")]}}
    )
    session = open_session(server)

    response = session.get("/login")

    assert sent(server.last) == {"sid": "17"}
    assert dict(response.history[0].cookies) == {"sid": "17"}
    assert dict(response.cookies) == {}


def test_a_cookie_that_changes_goes_as_it_is_now(start_server, open_session):
    """Requests that are alike are built once; their cookies are not."""
    server = start_server({"/login": setting("sid=1"), "/again": setting("sid=2")})
    session = open_session(server)

    session.get("/login")
    session.get("/")
    session.get("/", cookies={"own": "3"})
    session.get("/")
    session.get("/again")
    session.get("/")
    del session.cookies["sid"]
    session.get("/")
    session.cookies["sid"] = "4"
    session.get("/")

    assert [sent(received).get("sid") for received in server.requests] == [None, *"1111", "2", None, "4"]
    assert [sent(received).get("own") for received in server.requests] == [None, None, "3", *[None] * 5]


# What is not asked of http.cookiejar again must be what it would answer


@pytest.fixture
def clock(monkeypatch):
    """A clock for cookies, which stands still until it is set."""
    clock = SimpleNamespace(now_s=0.0)
    fake = SimpleNamespace(**{**vars(time), "time": lambda: clock.now_s})
    for module in (http.cookiejar, greenload.http.cookies):
        monkeypatch.setattr(module, "time", fake)
    return clock


def test_a_cookie_is_sent_until_the_second_in_which_it_expires(clock):
    url = parse_url("http://127.0.0.1/")
    cookies = Cookies()
    clock.now_s = 1000.0
    cookies.keep(url, ["short=1; Max-Age=10", "long=1; Max-Age=20"])

    headers = []
    for clock.now_s in (1000.0, 1009.9, 1010.0, 1019.9, 1020.0):
        headers.append(cookies.header_for(url, {}))

    assert headers == ["short=1; long=1"] * 2 + ["long=1"] * 2 + [None]
    assert dict(cookies) == {}


def test_paths_without_number_are_not_all_remembered():
    cookies = Cookies()
    cookies.keep(parse_url("http://127.0.0.1/a/"), ["sid=1; Path=/a"])

    headers = {cookies.header_for(parse_url(f"http://127.0.0.1/a/{number}"), {}) for number in range(1000)}

    assert headers == {"sid=1"}
    assert len(cookies._answers.headers) <= 16


ORIGINS = [
    *["http://a.example"] * 4,
    "http://a.example:81",
    "https://a.example",
    "http://b.a.example",
    "http://127.0.0.1",
]
URLS = st.builds(
    "{}{}{}".format,
    st.sampled_from(ORIGINS),
    st.sampled_from(["/", "/", "/shop", "/shop/", "/shop/pay", "/shopping", "//", "/%7Eann/x"]),
    st.sampled_from(["", "", "?page=2", "?next=/shop"]),
)
SET_COOKIES = st.builds(
    "{}={}{}{}{}{}".format,
    st.sampled_from("abc"),
    st.sampled_from(["1", "2", ""]),
    st.sampled_from(["", "", "; Path=/", "; Path=/shop", "; Path=/shop/"]),
    st.sampled_from(["", "", "; Domain=a.example", "; Domain=.example"]),
    st.sampled_from(["", "", "; Max-Age=0", "; Max-Age=5", "; Max-Age=60", "; Expires=Thu, 01 Jan 1970 00:20:00 GMT"]),
    st.sampled_from(["", "", "; Secure", "; Port=81", "; Version=1", "; HttpOnly"]),
)
STEPS = st.one_of(
    *[st.tuples(st.just("ask"), st.lists(URLS, min_size=1, max_size=8))] * 4,
    st.tuples(st.just("keep"), URLS, st.lists(SET_COOKIES, min_size=1, max_size=3)),
    st.tuples(
        st.just("set"), st.sampled_from("abc"), st.sampled_from(["", "a.example"]), st.sampled_from(["/", "/shop"])
    ),
    st.tuples(st.just("delete"), st.sampled_from("abc")),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 4.5, 60.0])),
)


def always_asked(cookies: Cookies, url: str) -> str | None:
    """What http.cookiejar says when it is asked."""
    cookies._answers = None
    return cookies.header_for(parse_url(url), {})


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=40))
def test_the_cookies_of_a_request_are_always_those_http_cookiejar_would_send(clock, steps):
    clock.now_s = 1190.0  # 10 s before the Expires above
    cookies, asked_each_time = Cookies(), Cookies()

    for step, *what in steps:
        if step == "ask":
            for url in what[0]:
                assert cookies.header_for(parse_url(url), {}) == always_asked(asked_each_time, url)
        elif step == "wait":
            clock.now_s += what[0]
        for each in (cookies, asked_each_time):
            if step == "keep":
                each.keep(parse_url(what[0]), what[1])
            elif step == "set":
                each.set(what[0], "by hand", what[1], what[2])
            elif step == "delete":
                each.pop(what[0], None)
