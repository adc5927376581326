"""A real server, and browsers that mean no good: slow, huge, malformed, from elsewhere."""

from __future__ import annotations

import gzip
import re
import shutil
import socket
import ssl
import subprocess
import sys
import urllib.request

import pytest

from greenload.web import connection as connection_module
from greenload.web.server import WebError, WebServer
from tests.web.hosted import PATIENCE_S
from tests.web.played import Played

TOKEN = "s3cret-token"
JSON = b"Content-Type: application/json\r\n"
OWN = b"Host: 127.0.0.1\r\nConnection: close\r\n"


@pytest.fixture
def page(hosted):
    return hosted()


def test_the_page_and_its_files_are_served_with_a_strict_policy(page):
    index, script = page.get("/"), page.get("/static/page.js")

    assert b"<title>greenload</title>" in index.body
    assert script.headers["Content-Type"].startswith("text/javascript")
    for answer in (index, script, page.get("/api/v1/summary"), page.get("/nothing"), page.get("/metrics")):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert page.get("/api/v1/summary").headers["Cache-Control"] == "no-store"
    assert page.get("/static/page.js", If_None_Match=script.headers["ETag"]).status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/..\\secret.txt",
        "/static/%00",
        "/static/",
    ],
)
def test_nothing_but_the_pages_own_files_is_served(page, path):
    said = page.say(f"GET {path} HTTP/1.1\r\n".encode() + OWN + b"\r\n")

    assert re.match(rb"HTTP/1.1 (404|308|400)", said), said
    assert b"not for you" not in said
    assert b"root:" not in said


def test_plotly_is_served_compressed_and_kept_by_the_browser(page):
    answer = page.get("/plotly.js", Accept_Encoding="gzip")

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "max-age" in answer.headers["Cache-Control"]
    assert gzip.decompress(answer.body) == page.get("/plotly.js").body
    assert page.get("/plotly.js", Accept_Encoding="gzip", If_None_Match=answer.headers["ETag"]).status == 304


def test_without_plotly_it_is_said_and_all_else_works(page, monkeypatch):
    monkeypatch.setattr("greenload.report.page.plotly_js.find_spec", lambda name: None)

    assert page.get("/plotly.js").status == 404
    assert "greenload[report]" in page.get("/plotly.js").json["error"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),  # and holds no connection
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 403),
        (b"GET /\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/x.y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + b"Content-Length: 1000001\r\n\r\n", 413),
        (b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + JSON + b"Content-Length: 9\r\n\r\n" + b"[" * 9, 400),
        (b"GET /?token=a%0d%0aSet-Cookie:x HTTP/1.1\r\n" + OWN + b"\r\n", 200),
        (b"GET /api/v1/runs/a%0d%0aX-In:1/export?format=csv HTTP/1.1\r\n" + OWN + b"\r\n", 409),
        (b"GET /api/v1/live HTTP/1.1\r\n" + OWN.replace(b"127.0.0.1", b"127.0.0.1.evil") + b"\r\n", 403),
        (b"OPTIONS /api/v1/start HTTP/1.1\r\nOrigin: http://evil.example\r\n" + OWN + b"\r\n", 200),
        (b"HEAD /api/v1/live HTTP/1.1\r\n" + OWN + b"\r\n", 200),
        (b"HEAD /api/v1/summary HTTP/1.1\r\n" + OWN + b"\r\n", 200),
        (b"TRACE / HTTP/1.1\r\nContent-Type: application/json\r\n" + OWN + b"\r\n", 405),
        (b"DELETE /api/v1/runs HTTP/1.1\r\nContent-Type: application/json\r\n" + OWN + b"\r\n", 405),
    ],
)  # fmt: skip
def test_what_is_no_good_request_gets_an_answer_and_the_page_goes_on(page, sent, status, capfd):
    said = page.say(sent)

    head = said.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 %d" % status), said[:300]
    assert status != 403 or b"\r\nConnection: close" in head
    assert b"X-In" not in head
    assert b"Set-Cookie" not in head
    assert page.get("/api/v1/summary").status == 200
    assert capfd.readouterr().err == ""


def test_who_is_slow_is_let_go_and_holds_up_nobody(page, monkeypatch):
    monkeypatch.setattr(connection_module, "FIRST_S", 0.3)
    monkeypatch.setattr(connection_module, "HEAD_S", 0.3)
    silent = [socket.create_connection(page.address, PATIENCE_S) for _ in range(100)]
    dripping = [socket.create_connection(page.address, PATIENCE_S) for _ in range(100)]
    try:
        for each in dripping:
            each.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        assert page.get("/api/v1/summary").status == 200

        for each in silent:
            assert each.recv(1) == b""
        for each in dripping:  # told so, unless the machine was so busy that not even its first line was read in time
            assert each.recv(12) in (b"HTTP/1.1 408", b"")
    finally:
        for each in silent + dripping:
            each.close()


def test_a_body_that_never_comes_holds_up_nobody(page, monkeypatch):
    monkeypatch.setattr(connection_module, "SILENT_S", 0.3)

    said = page.say(b"POST /api/v1/stop HTTP/1.1\r\n" + OWN + JSON + b"Content-Length: 9\r\n\r\n{")

    assert not said.startswith(b"HTTP/1.1 2")
    assert page.get("/api/v1/summary").status == 200


def test_a_thousand_streams_are_a_hundred_and_the_rest_are_told(page):
    opened = [socket.create_connection(page.address, PATIENCE_S) for _ in range(150)]
    try:
        statuses = []
        for each in opened:
            each.sendall(b"GET /api/v1/live HTTP/1.1\r\n" + OWN + b"\r\n")
            statuses.append(each.recv(12)[-3:])

        assert statuses.count(b"200") == 100
        assert statuses.count(b"503") == 50
        assert page.get("/api/v1/summary").status == 200
    finally:
        for each in opened:
            each.close()


def test_elsewhere_the_first_visit_with_the_token_sets_a_cookie_and_leads_to_a_url_without_it(hosted):
    page = hosted(host="0.0.0.0", token=TOKEN)

    assert page.get("/").status == 401
    assert page.get("/static/page.js").status == 401
    visit = page.get(f"/?token={TOKEN}&a=b")
    cookie = visit.headers["Set-Cookie"]

    assert (visit.status, visit.headers["Location"]) == (303, "/?a=b")
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert page.get("/", Cookie=cookie.partition(";")[0]).status == 200
    assert page.get("/", Cookie="greenload=wrong").status == 401
    assert page.get("/", Cookie=f"greenload={TOKEN}").status == 401
    assert page.get("/metrics", Authorization=f"Bearer {TOKEN}").status == 200
    assert page.get(f"/api/v1/summary?token={TOKEN}").status == 200
    assert page.get(f"//evil.example/?token={TOKEN}").headers.get("Location", "/").startswith("/evil")


def test_a_link_from_another_site_gets_in_without_a_redirect(hosted):
    page = hosted(host="0.0.0.0", token=TOKEN)

    visit = page.get(
        f"/?token={TOKEN}", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document"
    )

    assert visit.status == 200
    assert b'http-equiv="refresh" content="0; url=/"' in visit.body
    assert "Set-Cookie" in visit.headers


def test_too_many_wrong_tokens_are_refused(hosted):
    page = hosted(host="0.0.0.0", token=TOKEN)

    statuses = [page.get("/?token=wrong").status for _ in range(7)]

    assert statuses == [401] * 5 + [429] * 2


def test_a_token_is_made_where_others_can_reach_the_page_and_stands_in_the_link():
    server = WebServer(Played(), "0.0.0.0", 0)

    assert server.token is not None
    assert len(server.token) >= 32
    assert server.link.endswith(f"/?token={server.token}")
    assert WebServer(Played(), "127.0.0.1", 0).token is None
    assert server.token != WebServer(Played(), "0.0.0.0", 0).token


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": "short"}, "soon guessed"),
        ({"token": "with a space"}, "without a space"),
        ({"token": "grüße-grüße"}, "ASCII"),
        ({"cert": "c.pem"}, "its key"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(options, said):
    with pytest.raises(WebError, match=said):
        WebServer(Played(), "127.0.0.1", 0, **options)


def test_a_port_that_is_taken_is_said(hosted):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(WebError, match="cannot serve the page at 127"):
        WebServer(Played(), *taken.getsockname()).start()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_with_a_certificate_the_page_is_served_by_tls(hosted, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    page = hosted(token=TOKEN, cert=cert, key=key)

    plain = page.say(b"GET / HTTP/1.1\r\n\r\n")
    trusting = ssl.create_default_context(cafile=str(cert))
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=trusting))
    with opener.open(page.server.link, timeout=PATIENCE_S) as visit:
        cookie = visit.headers["Set-Cookie"]

    assert page.server.url.startswith("https://127.0.0.1:")
    assert "Secure" in cookie.split("; ")
    assert b"200 OK" not in plain
    with pytest.raises(WebError, match="for TLS"):
        WebServer(Played(), "127.0.0.1", 0, cert=key, key=cert).start()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req, fp, code, msg, headers):
        return fp


def test_a_scenario_imports_extend_without_flask_which_workers_need_not_load():
    program = (
        "import sys; sys.modules['flask'] = None; from greenload.web import extend; print(extend('a') is not None)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "True"
