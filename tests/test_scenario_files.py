"""A scenario's files: read where the master is, fetched however bad the way, and written only into the folder."""

import itertools
import os
import tempfile
from hashlib import sha256
from pathlib import Path

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenload import scenario_files
from greenload.core import bundle as bundle_module
from greenload.core.bundle import MOST_BYTES, PIECE_BYTES, Bundle, BundleError
from greenload.core.fleet import Expected, Fleet
from greenload.core.messages import Ack, Fetch, Hello, Piece, Plan, Refused
from greenload.core.placement import Share
from greenload.core.plain import Malformed
from greenload.core.shape import ramp
from greenload.core.terms import Terms
from greenload.scenario_files import NotGiven, fetch, read, write
from greenload.transport import MemoryHub


@pytest.fixture
def folder(tmp_path):
    """A folder with a scenario and things beside it, and something outside of it."""
    folder = tmp_path / "here"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "s.py").write_bytes(b"print()\n")
    (folder / "lib.py").write_bytes(b"x = 1\r\n")
    (folder / "data" / "b.csv").write_bytes(b"\xff\x00")
    (folder / "data" / "a.csv").write_bytes(b"")
    (folder / "data" / "deep" / "c").write_bytes(b"c")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


# Read


def test_without_includes_only_the_scenario_is_sent(folder):
    assert read(folder / "s.py", []).files() == {"s.py": b"print()\n"}


def test_the_scenario_comes_first_and_what_is_included_keeps_its_place_beside_it(folder):
    files = read(folder / "s.py", [folder / "lib.py", folder / "data"]).files()

    assert list(files.items()) == [
        ("s.py", b"print()\n"), ("lib.py", b"x = 1\r\n"), ("data/a.csv", b""), ("data/b.csv", b"\xff\x00"),
        ("data/deep/c", b"c"),
    ]  # fmt: skip


def test_paths_may_be_relative_and_roundabout(folder, monkeypatch):
    monkeypatch.chdir(folder / "data")

    files = read(Path("../s.py"), [Path("deep/../../data/a.csv"), Path(".."), Path("../s.py")]).files()

    assert list(files) == ["s.py", "data/a.csv", "lib.py", "data/b.csv", "data/deep/c"]


def test_what_python_compiled_is_left_out(folder):
    for place in (folder, folder / "data"):
        (place / "__pycache__").mkdir()
        (place / "__pycache__" / "s.cpython-311.pyc").write_bytes(b"\0")

    assert list(read(folder / "s.py", [folder]).files()) == [
        "s.py",
        "lib.py",
        "data/a.csv",
        "data/b.csv",
        "data/deep/c",
    ]


def test_keys_hidden_files_and_greenload_s_own_are_left_out_of_an_included_folder(folder):
    (folder / ".git").mkdir()
    for name in ("greenload.key", ".env", "greenload.db", "greenload.db-wal", ".git/config"):
        (folder / name).write_bytes(b"secret")

    assert not any(b"secret" in content for content in read(folder / "s.py", [folder]).files().values())
    assert ".env" in read(folder / "s.py", [folder / ".env"]).files()  # said by its name it is meant


def test_a_scenario_that_lies_below_a_folder_of_that_name_is_not_left_out(tmp_path):
    folder = tmp_path / "__pycache__" / "data"
    folder.mkdir(parents=True)
    for name in ("s.py", "x"):
        (folder / name).write_bytes(b"1")

    assert read(folder / "s.py", [folder]).files() == {"s.py": b"1", "x": b"1"}


@pytest.mark.parametrize("include", ["../secret", "..", "data/../../secret", "/dev/null", "/dev/zero"])
def test_what_lies_outside_the_scenario_s_folder_is_not_sent_nor_read(folder, include):
    with pytest.raises(BundleError) as refused:
        read(folder / "s.py", [folder / include])

    assert str(refused.value).startswith(f"--include {folder / include}")
    assert "can be sent" in str(refused.value)


def test_the_refusal_says_which_folder_it_would_have_to_lie_in(folder):
    with pytest.raises(BundleError) as refused:
        read(folder / "s.py", [folder / "../secret"])

    said = f"--include {folder}/../secret: only what lies in the scenario's folder, {folder.resolve()}, can be sent"
    assert str(refused.value) == said


@pytest.mark.parametrize("include", ["data/link", "data"])
def test_a_link_that_leads_outside_is_not_sent(folder, include):
    (folder / "data" / "link").symlink_to(folder.parent / "secret")

    with pytest.raises(BundleError, match="only what lies in the scenario's folder"):
        read(folder / "s.py", [folder / include])


def test_a_folder_that_is_a_link_to_the_outside_is_not_sent(folder):
    (folder / "link").symlink_to(folder.parent, target_is_directory=True)

    with pytest.raises(BundleError, match="only what lies in the scenario's folder"):
        read(folder / "s.py", [folder / "link"])


def test_a_link_within_the_folder_is_sent_under_the_name_that_the_scenario_uses(folder):
    """It was sent as what it leads to, and the scenario found nothing under the link's name."""
    (folder / "data" / "today.csv").symlink_to("b.csv")
    (folder / "now").symlink_to("data", target_is_directory=True)

    files = read(folder / "s.py", [folder / "data" / "today.csv", folder / "now"]).files()

    assert files["data/today.csv"] == files["now/today.csv"] == files["now/b.csv"] == b"\xff\x00"


def test_a_folder_that_is_reached_by_another_way_is_the_same_folder(folder):
    (folder.parent / "alias").symlink_to(folder, target_is_directory=True)
    alias = folder.parent / "alias"

    assert list(read(alias / "s.py", [folder / "lib.py"]).files()) == ["s.py", "lib.py"]
    assert list(read(folder / "s.py", [alias / "lib.py"]).files()) == ["s.py", "lib.py"]


@pytest.mark.parametrize("what", ["missing", "loop"])
def test_what_cannot_be_found_is_named(folder, what):
    (folder / "loop").symlink_to("loop")

    with pytest.raises(BundleError, match=rf"{what}: cannot be read to be sent: \w"):
        read(folder / "s.py", [folder / what])
    with pytest.raises(BundleError, match=rf"{what}: cannot be read to be sent: \w"):
        read(folder / what, [])


def test_a_pipe_is_refused_instead_of_waited_for(folder):
    os.mkfifo(folder / "pipe")

    with pytest.raises(BundleError, match="only files and folders can be sent"):
        read(folder / "s.py", [folder / "pipe"])
    assert "pipe" not in read(folder / "s.py", [folder]).files()


@pytest.fixture
def open_folder():
    """A folder that others may look into, while this process is one of those others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "s.py").write_bytes(b"")
        (folder / "data" / "shut").mkdir(parents=True)
        (folder / "data" / "shut" / "x").write_bytes(b"")
        (folder / "data" / "y").write_bytes(b"")
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(before)
            (folder / "data" / "shut").chmod(0o700)


@pytest.mark.parametrize("shut", ["data/y", "data/shut"])
@pytest.mark.parametrize("include", ["data", "whole"])
def test_what_may_not_be_read_is_an_error_and_never_left_out(open_folder, shut, include):
    """A folder below the included one that could not be looked into was missing without a word."""
    us = os.geteuid()
    os.seteuid(os.getuid())
    (open_folder / shut).chmod(0)
    os.seteuid(us)

    with pytest.raises(BundleError, match=f"{shut}: cannot be read to be sent: Permission denied"):
        read(open_folder / "s.py", [open_folder / include if include == "data" else open_folder])


def test_files_that_are_too_much_are_refused_before_they_are_read(folder):
    """The file has no bytes on the disk, and would take a terabyte of memory."""
    with (folder / "data" / "huge").open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(BundleError, match=f"the files are {2**40 + 11} bytes, too many to send; at most {MOST_BYTES}"):
        read(folder / "s.py", [folder / "data"])


# Fetch


class Master:
    """The far end of a line: answers each Fetch with whatever `answer` returns for it."""

    def __init__(self, answer):
        self.hub = MemoryHub()
        self.asked = []
        self._answer = answer
        self._thread = gevent.spawn(self._run)

    def _run(self):
        while True:
            route, wanted = self.hub.receive()
            self.asked.append(wanted)
            for message in self._answer(wanted, len(self.asked)):
                self.hub.send(route, message)

    def fetch(self):
        try:
            with gevent.Timeout(20):
                return fetch(self.hub.line, "one", 7, "1.0")
        finally:
            self._thread.kill()


@pytest.fixture
def soon(monkeypatch):
    """Ask again sooner, so that losing much does not take long."""
    monkeypatch.setattr(scenario_files, "ASK_AGAIN_S", 0.02)


LARGE = Bundle.of({"s.py": b"print()\n", "data": bytes(range(256)) * 1500})


@pytest.mark.parametrize(
    "bundle", [LARGE, Bundle.of({"s.py": b""}), Bundle(bytes(2 * PIECE_BYTES))], ids=["large", "small", "of two"]
)
def test_a_scenario_is_fetched_piece_by_piece(bundle):
    master = Master(lambda wanted, _: [bundle.piece(wanted.offset)])

    assert master.fetch() == bundle
    assert master.asked == [Fetch("one", 7, "1.0", offset) for offset in range(0, len(bundle.data), PIECE_BYTES)]


def test_the_real_master_s_answers_are_a_scenario():
    plan = Plan(ramp(1, 1), None, (Share("A"),), None, 1.0, 1)
    fleet = Fleet(plan, Expected(1), Terms("1.0", LARGE.sha256, LARGE))
    master = Master(lambda wanted, _: [order.message for order in fleet.hear(b"r", wanted, 0.0)])

    assert master.fetch() == LARGE


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["answer", "lose", "twice", "old", "noise"]), max_size=12))
def test_whatever_is_lost_doubled_or_late_it_is_asked_for_until_it_has_come(fates):
    before = scenario_files.ASK_AGAIN_S
    scenario_files.ASK_AGAIN_S = 0.01

    def answer(wanted, count):
        fate = fates[count - 1] if count <= len(fates) else "answer"
        piece = LARGE.piece(wanted.offset)
        return {
            "answer": [piece], "lose": [], "twice": [piece, piece], "old": [LARGE.piece(0), piece],
            "noise": [Ack(3, 2)],
        }[fate]  # fmt: skip

    try:
        assert Master(answer).fetch() == LARGE
    finally:
        scenario_files.ASK_AGAIN_S = before


def test_a_lost_answer_is_asked_for_again_at_the_same_place(soon):
    master = Master(lambda wanted, count: [] if count in (1, 2, 4) else [LARGE.piece(wanted.offset)])

    master.fetch()

    assert [wanted.offset // PIECE_BYTES for wanted in master.asked] == [0, 0, 0, 1, 1, 2]


def test_it_waits_for_a_master_that_comes_later(soon):
    master = Master(lambda wanted, count: [LARGE.piece(wanted.offset)] if count > 8 else [])

    assert master.fetch() == LARGE


def test_what_is_no_message_is_passed_over():
    master = Master(lambda wanted, _: [LARGE.piece(wanted.offset)])
    receive, calls = master.hub.line.receive, itertools.count()

    def receive_or_stumble():
        if next(calls) % 2 == 0:
            raise Malformed("noise")
        return receive()

    master.hub.line.receive = receive_or_stumble

    assert master.fetch() == LARGE


def test_a_refusal_ends_the_fetching_and_says_why():
    master = Master(lambda wanted, _: [Refused("this master is greenload 2.0")])

    with pytest.raises(NotGiven, match=r"^this master is greenload 2\.0$"):
        master.fetch()


DATA = bytes(1000)
TRUE = sha256(DATA).hexdigest()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda at: Piece("0" * 64, 1000, at, DATA[at:]), "its SHA-256 differs"),
        (lambda at: Piece(TRUE, 1000, at, bytes([at > 0]) * 500), "its SHA-256 differs"),
        (lambda at: Piece(TRUE, 999, at, DATA), "more came of the master's scenario than the 999 bytes"),
        (lambda at: Piece(TRUE, 1000 - at, at, bytes(600)), "more came of the master's scenario than the 400 bytes"),
        (lambda at: Piece(TRUE, 1001, at, DATA[at:]), "ended before its end"),
        (lambda at: Piece(TRUE, 1000, at, b""), "ended before its end"),
        (lambda at: Piece(TRUE, MOST_BYTES + 1, at, DATA), f"at most {MOST_BYTES} are taken"),
        (lambda at: Piece(TRUE, 0, at, DATA), "more came of the master's scenario than the 0 bytes"),
    ],
    ids=["fingerprint", "content", "too small", "shrinks", "too large", "empty piece", "far too large", "nothing"],
)
def test_what_is_not_what_was_announced_is_refused(answer, reason):
    with pytest.raises(BundleError, match=reason):
        Master(lambda wanted, _: [answer(wanted.offset)]).fetch()


# Write


def all_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_what_was_read(folder, tmp_path):
    bundle = read(folder / "s.py", [folder])
    (tmp_path / "there").mkdir()

    written = write(bundle, tmp_path / "there")

    assert written == tmp_path / "there" / "s.py"
    assert all_below(tmp_path / "there") == all_below(folder)


BAD = ["/x", "../x", "a/../../x", "a//b", "./x", "C:\\x", "a\\..\\x", ""]


@pytest.mark.parametrize("name", BAD)
def test_a_bundle_with_a_name_that_leaves_the_folder_writes_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(bundle_module, "_checked", lambda name: name)
    bad = Bundle.of({"s.py": b"1", name: b"2"})
    monkeypatch.undo()
    (tmp_path / "there").mkdir()

    with pytest.raises(BundleError):
        write(bad, tmp_path / "there")

    assert all_below(tmp_path) == {}


def test_nothing_that_is_there_is_overwritten(tmp_path):
    (tmp_path / "s.py").write_bytes(b"mine")

    with pytest.raises(BundleError, match=r"s\.py: the master's scenario cannot be written: File exists"):
        write(Bundle.of({"s.py": b"theirs"}), tmp_path)

    assert all_below(tmp_path) == {"s.py": b"mine"}


def test_where_nothing_can_be_written_it_says_so():
    with pytest.raises(BundleError, match="cannot be written"):
        write(Bundle.of({"s.py": b"1"}), Path("/dev/null"))


def test_a_worker_with_the_fetched_scenario_has_the_master_s(folder, tmp_path):
    """The fingerprint is the file's own, so that it does not matter which way it came."""
    bundle = read(folder / "s.py", [folder / "data"])
    terms = Terms("1.0", sha256((folder / "s.py").read_bytes()).hexdigest(), bundle)
    (tmp_path / "there").mkdir()

    written = write(Master(lambda wanted, _: [terms.answer(wanted)]).fetch(), tmp_path / "there")

    assert terms.objection(Hello("one", 7, "1.0", sha256(written.read_bytes()).hexdigest())) is None
