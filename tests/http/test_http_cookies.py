"""A session keeps its cookies as a browser does: sent back where they belong, and nowhere else."""

import pytest

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
