"""Runs that are asked for at the page: one after the other with the same workers, changed, stopped, counted."""

import signal
import urllib.request

import pytest

from tests.conftest import serve_albums, wait_until
from tests.system.conftest import BUSY, reader
from tests.system.pages import page_of

OPEN = reader("FastHttpUser").replace("    wait_time = constant(0.02)\n", "")


@pytest.fixture
def pages(greenload):
    """Start pages, each with the process that serves it, which ends with the test."""
    greenload.write("busy.py", BUSY)
    started = []

    def start(*arguments):
        started.append(page_of(greenload, *arguments))
        return started[-1]

    yield start
    for page in started:
        if page.process.poll() is None:
            page.process.kill()
        page.process.communicate()


@pytest.fixture
def master(pages, greenload, album_service):
    """A master with its page, and two workers that have come."""
    page = pages("master", "busy.py", "-H", album_service.url, "--bind", "tcp://127.0.0.1:0")
    workers = {name: greenload.start("worker", "--master", page.address, "--id", name) for name in ("one", "two")}
    page.wait_for_workers("one", "two")
    page.workers = workers
    yield page
    for worker in workers.values():
        worker.kill()
        worker.communicate()


def test_the_same_workers_make_one_run_after_the_other_and_the_server_counts_what_each_sent(master, album_service):
    first = master.make_run(users=6, spawn_rate=100, run_time="2s")["document"]
    counted = album_service.requests()
    master.wait_for_workers("one", "two")
    second = master.make_run(users=2, spawn_rate=100, run_time="1s")["document"]

    assert first["reconciliation"]["sent"] == first["reconciliation"]["succeeded"] == counted
    assert second["reconciliation"]["sent"] == album_service.requests() - counted > 0
    assert first["run"]["id"] != second["run"]["id"]
    for document in (first, second):
        assert {worker["id"]: worker["state"] for worker in document["workers"]} == {"one": "done", "two": "done"}
    assert [run["id"] for run in master.get("runs")["runs"]] == [second["run"]["id"], first["run"]["id"]]


def test_users_can_be_changed_while_the_run_goes_on_and_the_run_can_be_stopped(master, album_service):
    master.post("start", users=1, spawn_rate=100)
    master.wait_for_state("running")

    assert master.post("edit", users=8, spawn_rate=100) == {}
    wait_until(lambda: master.summary["last"]["users"] == 8, 20)
    assert master.post("edit", users=0, spawn_rate=100) == {}
    wait_until(lambda: master.summary["last"]["users"] == 0, 20)
    assert master.post("edit", users=3, spawn_rate=100) == {}
    master.wait_for_requests(20)
    assert master.post("stop") == {"at_once": False}
    master.wait_for_state("ready")

    assert master.sums["sent"] == master.sums["succeeded"] == album_service.requests()
    assert master.sums["counted_by_workers"] == master.sums["merged_by_master"]


def test_a_rate_can_be_changed_and_every_arrival_is_accounted_for(pages, greenload, album_service):
    greenload.write("open.py", OPEN)
    page = pages("run", "--web", "open.py", "-H", album_service.url)
    page.post("start", model="rate", rate="20/s")
    page.wait_for_requests(10)

    too_high = page.post("edit", rate="9000000/s")
    assert (too_high["status"], list(too_high["fields"])) == (422, ["rate"])
    assert page.post("edit", rate="100/s") == {}
    page.wait_for_requests(150)
    assert page.post("stop") == {"at_once": False}
    page.wait_for_state("ready")

    arrivals = page.summary["document"]["arrivals"]
    assert arrivals["planned"] == arrivals["started"] + arrivals["dropped"]
    assert arrivals["missing"] == 0
    assert arrivals["started"] == page.sums["sent"] == album_service.requests()
    # Both parts at their own rate: at one of them alone it would be 20/s or 100/s.
    assert 22 < arrivals["offered_per_s"] < 98


def test_stop_drains_and_stop_again_stops_now(pages, greenload):
    with serve_albums("--delay", "20s") as slow:
        page = pages("run", "--web", "busy.py", "-H", slow.url, "--stop-timeout", "60s")
        page.post("start", users=2, spawn_rate=100)
        wait_until(lambda: slow.requests() == 2, 20)

        assert page.post("stop") == {"at_once": False}
        assert page.state == "stopping"
        assert page.post("stop") == {"at_once": True}
        page.wait_for_state("ready", 15)

    assert page.sums["unfinished"] == page.sums["sent"] == 2


def test_a_reset_begins_the_measurement_anew_and_forgets_nothing(master, album_service):
    master.post("start", users=2, spawn_rate=100)
    master.wait_for_requests(20)

    from_s = master.post("reset")["from_s"]
    wait_until(lambda: master.summary["document"]["run"]["warmup_s"] == from_s, 10)
    master.wait_for_requests(20)
    master.post("stop")
    master.wait_for_state("ready")

    document = master.summary["document"]
    assert from_s >= 1
    assert 0 < document["total"]["requests"] < document["reconciliation"]["sent"]
    assert document["reconciliation"]["sent"] == album_service.requests()
    kept = master.get(f"runs/{document['run']['id']}")["document"]
    assert kept["total"] == document["total"]


def test_what_cannot_be_done_is_told_and_changes_nothing(pages, album_service):
    page = pages("master", "busy.py", "--bind", "tcp://127.0.0.1:0")
    assert page.state == "ready"
    assert page.summary["document"] is None

    refused = page.post("start", host=album_service.url, users=1)
    assert refused["status"] == 409
    assert "no worker is here; start one: greenload worker --master" in refused["error"]
    for ask in ("stop", "reset"):
        assert page.post(ask)["status"] == 409
    assert page.post("edit", users=3)["status"] == 409


def test_wrong_fields_are_told_by_field_and_a_run_that_goes_on_is_not_joined_by_another(pages, album_service):
    page = pages("run", "--web", "busy.py")

    wrong = page.post("start", users="many", run_time="soon", fail_if=["p99 >"])
    assert wrong["status"] == 422
    assert wrong["fields"].keys() == {"users", "run_time", "fail_if"}
    no_host = page.post("start", users=1)
    assert no_host["status"] == 422
    assert no_host["fields"].keys() == {"host"}

    page.post("start", host=album_service.url, users=1)
    assert page.post("start", host=album_service.url, users=1)["status"] == 409
    assert page.get("form")["values"]["host"] == album_service.url


def test_a_worker_that_is_killed_is_named_and_the_next_run_is_made_by_the_others(master):
    master.post("start", users=4, spawn_rate=100)
    master.wait_for_requests(10)

    master.workers["one"].kill()
    wait_until(lambda: "one" in " ".join(master.summary["document"]["verdict"]["reasons"]), 30)
    assert master.summary["document"]["verdict"]["status"] == "suspect"
    master.post("stop")
    master.wait_for_state("ready")
    master.wait_for_workers("two")
    following = master.make_run(users=2, spawn_rate=100, run_time="1s")["document"]

    assert [worker["id"] for worker in following["workers"]] == ["two"]
    assert following["reconciliation"]["sent"] == following["reconciliation"]["succeeded"] > 0


def test_a_master_can_begin_and_end_by_itself_and_its_exit_code_is_that_of_the_last_run(pages, album_service):
    arguments = ("-H", album_service.url, "-t", "1s", "--autostart", "--autoquit", "0s", "--fail-if", "rps > 0")
    page = pages("run", "--web", "busy.py", *arguments)

    out, err = page.end()

    assert page.process.returncode == 1
    assert "did not pass" in err
    assert out.count("planned ") == 1


def test_workers_stay_for_the_next_run_when_one_is_stopped_before_it_began(master):
    master.workers["one"].kill()
    waiting = master.post("start", users=1, run_time="1s")
    assert "run" in waiting, waiting
    wait_until(lambda: master.state == "waiting" or master.summary["document"] is not None, 10)
    master.post("stop")
    master.wait_for_state("ready")

    wait_until(lambda: master.ready_workers() == {"two"}, 20)
    following = master.make_run(users=1, spawn_rate=100, run_time="1s")["document"]

    assert "two" in [worker["id"] for worker in following["workers"]]
    assert master.workers["two"].poll() is None


def test_a_worker_that_stood_still_while_its_run_ended_comes_to_the_next(master):
    master.post("start", users=4, spawn_rate=100)
    master.wait_for_requests(10)
    master.workers["one"].send_signal(signal.SIGSTOP)
    master.post("stop")
    master.post("stop")
    master.wait_for_state("ready", 60)

    master.workers["one"].send_signal(signal.SIGCONT)
    master.wait_for_workers("one", "two")
    following = master.make_run(users=2, spawn_rate=100, run_time="1s")["document"]

    assert {worker["id"]: worker["state"] for worker in following["workers"]} == {"one": "done", "two": "done"}


def test_a_run_that_is_over_holds_no_lock(master, greenload):
    master.make_run(users=1, spawn_rate=100, run_time="1s")

    assert list(greenload.folder.glob("*.lock")) == []
    # At once: who has just said bye is on its way back.
    assert "run" in master.post("start", users=1, run_time="1s")


def test_a_master_that_ends_sends_its_workers_home(master):
    master.make_run(users=2, spawn_rate=100, run_time="1s")
    master.wait_for_workers("one", "two")

    master.process.send_signal(signal.SIGINT)
    master.end()

    assert [worker.wait(timeout=30) for worker in master.workers.values()] == [0, 0]


def test_ctrl_c_ends_a_page_without_a_run_and_with_one(pages, album_service):
    idle = pages("run", "--web", "busy.py")
    idle.process.send_signal(signal.SIGINT)
    idle.end()
    assert idle.process.returncode == 0

    going = pages("run", "--web", "busy.py", "-H", album_service.url, "--autostart")
    going.wait_for_requests(5)
    going.process.send_signal(signal.SIGINT)
    out, _ = going.end()
    assert going.process.returncode == 0
    assert "planned " in out


def test_a_port_that_is_taken_is_told_in_a_sentence(pages, greenload):
    taken = pages("run", "--web", "busy.py").url.rpartition(":")[2]

    done = greenload.run("run", "--web", "busy.py", "--web-port", taken)

    assert done.returncode == 2
    assert f"Error: cannot serve the page at 127.0.0.1:{taken}: Address already in use" in done.stderr


def test_pages_of_the_origins_that_were_named_may_read(pages):
    page = pages("run", "--web", "busy.py", *("--web-allow-origin", "https://dash.example"))
    asked = {"Origin": "https://dash.example", "Sec-Fetch-Site": "cross-site"}

    with urllib.request.urlopen(urllib.request.Request(f"{page.url}/api/v1/summary", headers=asked)) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://dash.example"


@pytest.mark.parametrize("said", ["*", "dash.example", "https://dash.example/path", "null"])
def test_what_is_no_origin_is_told_in_a_sentence(greenload, said):
    done = greenload.run("run", "--web", "busy.py", "--web-allow-origin", said)

    assert done.returncode == 2
    assert f"'{said}' is no origin: expected one as https://dashboard.example:8000, without a path" in done.stderr
