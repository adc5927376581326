"""What a page of another site may do with this one's API: nothing, or where it was named, read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.web.browsing import chromium
from tests.web.hosted import Hosted

TOKEN = "s3cret-token"
SUMMARY = "/api/v1/summary"
READ = """async ([url, headers]) => {
  try {
    return (await (await fetch(url, {headers})).json()).state;
  } catch (error) {
    return error.name;
  }
}"""
STOP = """async (url) => {
  try {
    const headers = {"Content-Type": "application/json"};
    return (await fetch(url, {method: "POST", headers, body: "{}"})).status;
  } catch (error) {
    return error.name;
  }
}"""
LISTEN = """(url) => new Promise((resolve) => {
  const stream = new EventSource(url);
  const end = (said) => { stream.close(); resolve(said); };
  stream.onopen = () => end("open");
  stream.onerror = () => end("refused");
})"""
REFUSED = "TypeError"  # is all that a page is told


class Dashboard(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>somebody else's</title>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Another site: a browser takes `localhost` and `127.0.0.1` for two."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Dashboard) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def elsewhere(origin) -> Iterator[Any]:
    """A page of that site in a real browser."""
    with chromium() as browser:
        page = browser.new_page()
        page.goto(origin)
        yield page


def test_a_page_of_another_site_reads_nothing_and_changes_nothing(elsewhere):
    with Hosted() as hosted:
        url = hosted.server.url

        assert elsewhere.evaluate(READ, [url + SUMMARY, {}]) == REFUSED
        assert elsewhere.evaluate(LISTEN, f"{url}/api/v1/live") == "refused"
        assert elsewhere.evaluate(STOP, f"{url}/api/v1/stop") == REFUSED
        assert hosted.do(lambda: hosted.played.asked) == []


def test_one_that_was_named_reads_and_changes_nothing(elsewhere, origin):
    with Hosted(readers=[origin]) as hosted:
        url = hosted.server.url

        assert elsewhere.evaluate(READ, [url + SUMMARY, {}]) == hosted.get(SUMMARY).json["state"]
        assert elsewhere.evaluate(LISTEN, f"{url}/api/v1/live") == "open"
        assert elsewhere.evaluate(STOP, f"{url}/api/v1/stop") == REFUSED
        assert hosted.do(lambda: hosted.played.asked) == []


def test_where_a_token_is_needed_it_sends_that_too(elsewhere, origin):
    with Hosted(readers=[origin], token=TOKEN) as hosted:
        url = hosted.server.url

        assert elsewhere.evaluate(READ, [url + SUMMARY, {"Authorization": f"Bearer {TOKEN}"}]) == "ready"
        assert elsewhere.evaluate(READ, [url + SUMMARY, {}]) is None  # it may read the answer, which is an error
        assert elsewhere.evaluate(LISTEN, f"{url}/api/v1/live?token={TOKEN}") == "open"
        assert elsewhere.evaluate(LISTEN, f"{url}/api/v1/live") == "refused"


def test_only_who_was_named_is_told_so(origin):
    with Hosted(readers=[origin]) as hosted:
        named = hosted.get(SUMMARY, Origin=origin)
        other = hosted.get(SUMMARY, Origin="http://evil.example")

    assert named.headers["Access-Control-Allow-Origin"] == origin
    assert named.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in named.headers
    assert "Access-Control-Allow-Origin" not in other.headers
