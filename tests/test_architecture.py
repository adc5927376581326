"""The house keeps its laws: floors, who may know what, where others get to run, and how long a file may be."""

import ast
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "greenload"

# A file imports only from floors below its own; files of one folder may know each other.
FLOORS = {
    "core/errors": 0,
    "core/codec": 0.2,
    "core/hdr_counts": 0,
    "core/histogram": 0.1,
    "core/kinds": 0.3,
    "core/pause": 0,
    "core/phases": 0.5,
    "core/placement": 0,
    "core/shape": 0.5,
    "core/arrivals": 1,
    "core/roster": 1,
    "core/stall": 0,
    "core/worker_record": 2.5,
    "core/origins": 0.5,
    "core/task_counts": 0,
    "core/stats": 1,
    "core/messages": 2,
    "core/run_info": 2,
    "core/load": 2,
    "core/turns": 2,
    "core/bundle": 3,
    "core/grants": 3,
    "core/log_book": 3,
    "core/outbox": 3,
    "core/slots": 2,
    "core/plain_stats": 2,
    "core/plain": 3,
    "core/results": 3,
    "core/thresholds": 2,
    "core/strip": 2,
    "core/persistence": 0,
    "core/resample": 3,
    "core/compare": 3.5,
    "core/locust_rounding": 0.5,
    "core/sheet": 4,
    "core/gate": 3.5,
    "core/offer": 3.5,
    "core/news": 4,
    "core/roster_log": 4,
    "core/attendance": 4.1,
    "core/excerpt": 4,
    "core/curves": 4,
    "core/terms": 4,
    "core/schedule": 4,
    "core/fleet": 4.2,
    "core/label": 0.5,
    "core/log_line": 0.5,
    "core/lobby": 4.4,
    "core/options": 0.5,
    "core/verdict": 4,
    "core/clocks": 4,
    "core/search": 4.2,
    "version": 0,
    "calendar_clock": 0,
    "made_with": 0,
    "key": 1,
    "green": 4.5,
    "alarm": 4.5,
    "curve": 4.5,
    "transport": 5,
    "user": 5,
    "row_desk": 5,
    "worker_log": 5,
    "run_lock": 5,
    "tables": 5,
    "migrations": 5.2,
    "database": 5.4,
    "stored_run": 5.6,
    "store": 6,
    "engine": 6,
    "http": 6,
    "master": 7,
    "scenario": 7,
    "scenario_files": 7,
    "descriptors": 6.5,
    "open_model": 6.3,
    "part": 6.5,
    "worker": 7,
    "asked": 7.2,
    "form": 7.3,
    "master_log": 4.3,
    "reception": 7,
    "report": 7,
    "web": 7.5,
    "lab/album_service": 7.3,
    "lab/catalogue": 7.5,
    "lab/console": 7.4,
    "lab/exercise": 7.35,
    "lab/findings": 7,
    "lab/hold": 7.4,
    "lab/lesson": 7.1,
    "lab/lessons": 7.4,
    "lab/load": 7.3,
    "lab/machine": 7,
    "lab/page": 7.4,
    "lab/plain": 7.4,
    "lab/postgres": 7.2,
    "lab/processes": 7.15,
    "lab/probe": 7.2,
    "lab/quiet": 7,
    "lab/timeline": 7,
    "lab/verdicts": 7.3,
    "lab": 7,
    "cli": 8,
    "__main__": 9,
}

# Only the named files may import the named package.
ONLY = {
    "hdrh": {"core/histogram"},
    "urllib3": {"http"},
    "httptools": {"http/wire_parser"},
    "rich": {"report/comparison_table", "report/console", "report/live", "report/run_list", "report/terminal"},
    "click": {"cli"},
    "flask": {"web"},
    "zmq": {"transport", "curve"},
    "msgpack": {"transport"},
    "sqlite3": {"database"},
    "locust": set(),
    "service": set(),
}

# Calls that let other green threads run; the line must say so.
SWITCHING = {
    "sleep", "wait", "joinall", "killall", "live", "iterate", "on_start", "on_stop", "leave", "join",
    "connect", "getresponse", "request", "send", "read", "receive", "recv_multipart",
    "_follow", "_exchange", "_live", "_live_once", "_leave", "addresses",
    "exchange", "read_on", "_pause", "_wait", "_wait_for_bytes", "_fill", "_flush", "_may_go_on",
    "_read_last_words",
}  # fmt: skip
# Calls of the same names that let nobody run: arithmetic, sending what can be sent at once, noting an address.
STAYING = {"placement.join", "line.send", "self._line.send", "self._hub.send", "self._socket.connect"}
STAYING |= {"self._sock.send", "self._tls.read", "self._outgoing.read", "os.read"}
GREEN_FILES = [
    "curve.py", "engine.py", "green.py", "master.py", "part.py", "row_desk.py", "scenario_files.py", "transport.py",
    "worker.py", "alarm.py", "open_model.py",
    "web/breath.py", "web/connection.py", "web/history.py", "web/live.py", "web/prepared.py", "web/server.py",
    "user/user.py", "http/session.py", "http/pooled.py", "http/pooled_head.py", "http/pooled_reply.py",
    "http/names.py", "http/phased.py", "http/wire.py", "http/wire_connect.py", "http/wire_socket.py",
]  # fmt: skip

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
# A longer one is a question to ask; those here have been asked.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path) -> list[str]:
    """Every module this file imports, typing-only and local imports included."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it leads"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def place_of(module: str) -> str:
    """The entry of FLOORS that a module of the package belongs to."""
    parts = module.split("/")
    return next(key for key in ("/".join(parts[:2]), parts[0]) if key in FLOORS)


def inner_imports_of(path: Path) -> set[str]:
    known = {name_of(each).removesuffix("/__init__") for each in modules()}
    found = set()
    for imported in imports_of(path):
        parts = imported.split(".")
        if parts[0] == "greenload":
            # `from greenload.core.stats import Sample` names a module and a thing in it; find the module.
            paths = ["/".join(parts[1:end]) for end in range(len(parts), 1, -1)]
            found.add(next((each for each in paths if each in known), ""))
    return found


ALL_MODULES = [path for path in modules() if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", ALL_MODULES, ids=name_of)
def test_a_file_imports_only_from_floors_below_its_own(path: Path):
    if path == PACKAGE / "core" / "__init__.py":
        assert inner_imports_of(path) == set()
        return
    place = place_of(name_of(path))
    for imported in inner_imports_of(path):
        assert imported, f"{name_of(path)} imports the package root, which is for people outside"
        same_folder = place_of(imported) == place
        assert same_folder or FLOORS[place_of(imported)] < FLOORS[place], f"{name_of(path)} looks up to {imported}"


def test_no_imports_go_in_a_circle():
    graph = {name_of(path).removesuffix("/__init__"): inner_imports_of(path) for path in ALL_MODULES}

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        steps = graph.get(start, set()) - seen
        return goal in steps or any(reaches(each, goal, seen | steps) for each in steps)

    assert [name for name in graph if reaches(name, name, set())] == []


@pytest.mark.parametrize(("package", "allowed"), ONLY.items())
def test_only_the_named_files_know_a_library(package: str, allowed: set[str]):
    knowing = {name_of(path) for path in modules() if package in {each.split(".")[0] for each in imports_of(path)}}

    assert {
        name for name in knowing if not any(name == each or name.startswith(f"{each}/") for each in allowed)
    } == set()


def test_core_knows_only_the_standard_library_hdrhistogram_and_itself():
    for path in (PACKAGE / "core").glob("*.py"):
        outside = {each.split(".")[0] for each in imports_of(path)} - set(sys.stdlib_module_names)

        assert outside <= {"hdrh", "greenload"}, path
        forbidden = {"time", "datetime", "socket", "threading", "os", "pathlib", "random"}
        # What is drawn from a seed is arithmetic: the same for everybody.
        allowed = {"random"} if path.name in ("arrivals.py", "compare.py", "resample.py") else set()
        assert not (forbidden - allowed) & {each.split(".")[0] for each in imports_of(path)}, path


def test_the_service_does_not_know_greenload():
    for path in (ROOT / "service").rglob("*.py"):
        assert "greenload" not in {each.split(".")[0] for each in imports_of(path)}, path


def test_patching_happens_first_in_main_and_nowhere_else():
    calls = [path for path in modules() if "patch_all" in path.read_text()]

    assert calls == [PACKAGE / "__main__.py"]
    statements = [node for node in tree_of(PACKAGE / "__main__.py").body if not _is_docstring(node)]
    assert [ast.unparse(node) for node in statements[:3]] == [
        "from gevent import events, monkey",
        "events.notify_and_call_entry_points = events.notify",
        "monkey.patch_all()",
    ]


def test_nothing_is_imported_before_the_patching():
    """Python runs greenload/__init__.py before __main__.py; a warning of gevent's would say that it came too late."""
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import greenload.__main__, ssl; print(ssl.SSLContext.__module__)"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip

    assert shown.stdout.strip() == "gevent.ssl"


def test_help_does_not_wait_for_what_only_a_run_needs():
    program = """
import sys
from greenload.__main__ import main
try:
    main(["--help"])
except SystemExit:
    print(sorted({"urllib3", "zmq", "msgpack", "rich", "hdrh", "importlib.metadata"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)

    assert shown.stdout.strip().endswith("[]"), shown.stderr


def test_importing_greenload_changes_nothing_in_the_process():
    program = """
import logging, signal, socket, threading
before = (socket.socket, threading.active_count(), signal.getsignal(signal.SIGINT), list(logging.root.handlers))
import greenload
greenload.HttpUser, greenload.task, greenload.HttpSession
after = (socket.socket, threading.active_count(), signal.getsignal(signal.SIGINT), list(logging.root.handlers))
print(before == after)
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert shown.stdout.strip() == "True"


def test_the_public_names_are_the_ones_that_can_be_fetched():
    import greenload

    assert sorted(greenload.__all__) == sorted([*greenload._HOME, "__version__"])
    for name in greenload.__all__:
        assert getattr(greenload, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'hatch'"):
        _ = greenload.hatch


@pytest.mark.parametrize("name", GREEN_FILES)
def test_each_line_that_lets_others_run_says_so(name: str):
    path = PACKAGE / name
    lines = path.read_text().splitlines()
    silent = []
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        other = ast.unparse(node.func) in STAYING or (
            isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant)  # ", ".join
        )
        other = other or "zmq.NOBLOCK" in {ast.unparse(argument) for argument in node.args}
        if called in SWITCHING and not other and "# switch" not in lines[node.lineno - 1]:
            silent.append(f"{name}:{node.lineno}: {lines[node.lineno - 1].strip()}")

    assert silent == []


def test_green_threads_are_started_by_one_function():
    """A green thread that dies in silence is a part of the run that is missing without a word.

    Lessons may start them bare: that is what they show.
    """
    starting = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        if not path.is_relative_to(PACKAGE / "lab" / "lessons")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("spawn", "spawn_later", "Greenlet")
    ]

    assert len(starting) == 1
    assert starting[0].startswith("green:")


def test_nobody_catches_what_must_pass():
    """GreenletExit is a BaseException for a reason: it stops what would otherwise go on."""
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type is not None else "everything"
                assert not {"BaseException", "GreenletExit"} & set(re.findall(r"\w+", caught)), f"{path}:{node.lineno}"
                assert caught != "everything", f"{path}:{node.lineno}"


def test_every_file_says_what_it_is_for():
    for path in itertools.chain(modules(), (ROOT / "service").rglob("*.py"), (ROOT / "examples").rglob("*.py")):
        assert ast.get_docstring(tree_of(path)), path


def test_no_file_and_no_function_has_outgrown_its_purpose():
    long_files, long_functions = {}, {}
    for path in [*modules(), *(ROOT / "service").rglob("*.py")]:
        name = name_of(path) if path.is_relative_to(PACKAGE) else path.relative_to(ROOT).as_posix()
        if (count := path.read_text().count("\n")) > LONGEST_FILE:
            long_files[name] = count
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                count = (node.end_lineno or 0) - node.lineno + 1
                if count > LONGEST_FUNCTION:
                    long_functions[f"{name}.{node.name}"] = count

    assert long_files.keys() == LONG_FILES.keys(), long_files
    assert long_functions.keys() == LONG_FUNCTIONS.keys(), long_functions


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
