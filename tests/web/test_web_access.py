"""Who gets in: on loopback this machine and no other site's page, elsewhere who has the token."""

from __future__ import annotations

import pytest

from greenload.web.access import MOST_ADDRESSES, MOST_WRONG, WITHIN_S, Access, Asked, Denied, is_loopback_name
from tests.conftest import Clock

TOKEN = "s3cret-token"


def asked(method="GET", host="127.0.0.1:8089", address="10.0.0.1", cookie=None, token=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(method, address, host, f"http://{host}", named, cookie, token)


def change(**headers):
    return asked("POST", **{"Content_Type": "application/json", **headers})


def status_of(access: Access, request: Asked) -> int:
    try:
        access.check(request)
    except Denied as denied:
        return denied.status
    return 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8089", 200),
        ("127.0.0.1", 200),
        ("127.1.2.3:1", 200),
        ("localhost:8089", 200),
        ("LOCALHOST.", 200),
        ("[::1]:8089", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8089", 403),
        ("localhost.evil.example", 403),
        ("0.0.0.0:8089", 403),
        ("192.168.0.1:8089", 403),
        ("", 403),
        ("[::1", 200),
        ("a:b:c", 403),
    ],
)
def test_on_loopback_the_page_has_loopback_names_only(host, status):
    assert status_of(Access(None, is_loopback=True), asked(host=host)) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8089"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://127.0.0.1:8089"}, 403),
        ({"Origin": "http://127.0.0.1:80890"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "text/plain; application/json"}, 415),
    ],
)
def test_only_the_page_itself_changes_anything(headers, status):
    assert status_of(Access(None, is_loopback=True), change(**headers)) == status


def test_another_sites_page_reads_nothing_but_may_link_here():
    access = Access(None, is_loopback=True)
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}

    assert status_of(access, asked(Sec_Fetch_Site="cross-site")) == 403
    assert status_of(access, asked(**{**link, "Sec_Fetch_Dest": "iframe"})) == 403
    assert status_of(access, asked(**link)) == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(Origin="https://dash.example", Sec_Fetch_Site="cross-site", token=TOKEN), 200),
        (asked(Origin="HTTPS://Dash.example", Sec_Fetch_Site="cross-site", token=TOKEN), 200),
        (asked(Origin="https://dash.example", Sec_Fetch_Site="cross-site"), 401),
        (asked("OPTIONS", Origin="https://dash.example", Sec_Fetch_Site="cross-site"), 200),
        (asked("OPTIONS", Origin="https://evil.example", Sec_Fetch_Site="cross-site"), 403),
        (asked(Origin="https://evil.example", Sec_Fetch_Site="cross-site", token=TOKEN), 403),
        (asked(Origin="http://dash.example", Sec_Fetch_Site="cross-site", token=TOKEN), 403),
        (change(Origin="https://dash.example", Authorization=f"Bearer {TOKEN}"), 403),
    ],
)
def test_a_page_of_an_origin_that_was_named_may_read_and_change_nothing(request_, status):
    access = Access(TOKEN, is_loopback=False, readers=["https://dash.example"])

    assert status_of(access, request_) == status


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(), 401),
        (asked(token=TOKEN), 200),
        (asked(token="wrong"), 401),
        (asked(token=""), 401),
        (asked(token=TOKEN[:-1]), 401),
        (asked(token="\ud800"), 401),
        (asked(token="x" * 100_000), 401),
        (asked(Authorization=f"Bearer {TOKEN}"), 200),
        (asked(Authorization=f"bearer  {TOKEN} "), 200),
        (asked(Authorization=f"Basic {TOKEN}"), 401),
        (asked(Authorization="Bearer"), 401),
        (asked(cookie=TOKEN), 401),
        (asked(cookie=""), 401),
        (asked(host="anything.example", token=TOKEN), 200),
    ],
)
def test_elsewhere_a_token_is_needed(request_, status):
    assert status_of(Access(TOKEN, is_loopback=False), request_) == status


def test_the_cookie_gets_in_and_is_not_the_token():
    access = Access(TOKEN, is_loopback=False)

    assert status_of(access, asked(cookie=access.cookie)) == 200
    assert access.cookie != Access(TOKEN, is_loopback=False).cookie
    assert len(access.cookie) > 40


def test_after_five_wrong_tokens_in_a_minute_an_address_waits_and_who_is_in_stays_in():
    clock = Clock()
    access = Access(TOKEN, is_loopback=False, now=clock.now)
    for _ in range(MOST_WRONG):
        assert status_of(access, asked(token="wrong")) == 401

    assert status_of(access, asked(token="wrong")) == 429
    assert status_of(access, asked(token=TOKEN)) == 429
    assert status_of(access, asked(Authorization=f"Bearer {TOKEN}")) == 429
    assert status_of(access, asked(cookie=access.cookie)) == 200
    assert status_of(access, asked(token=TOKEN, address="10.0.0.2")) == 200
    clock.now_s = WITHIN_S
    assert status_of(access, asked(token=TOKEN)) == 200


def test_of_addresses_no_more_than_a_bound_are_remembered():
    access = Access(TOKEN, is_loopback=False)
    for number in range(MOST_ADDRESSES + 50):
        status_of(access, asked(token="wrong", address=f"a{number}"))

    assert len(access._wrong) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("name", "is_one"), [("localhost", True), ("::1", True), ("::", False), ("0.0.0.0", False), ("x", False)]
)
def test_which_names_mean_this_machine(name, is_one):
    assert is_loopback_name(name) == is_one
