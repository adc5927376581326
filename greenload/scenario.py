"""Scenarios: loads the person's file and finds the users in it. The only place that imports code people wrote."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from greenload.core.arrivals import Arrivals
from greenload.core.errors import GreenloadError
from greenload.core.load import Load
from greenload.core.options import OptionError, OptionValue, check_options
from greenload.core.placement import Share, class_sequence
from greenload.core.run_info import PlannedTask
from greenload.core.shape import ShapeError
from greenload.core.thresholds import Threshold, ThresholdError, parse_threshold
from greenload.http.request import parse_url
from greenload.http.user import HttpUser
from greenload.user.load_shape import LoadShape, load_of
from greenload.user.planned import planned_tasks
from greenload.user.tasks import TaskList, TaskSet
from greenload.user.user import User

DEFAULT_FILES = ("loadfile.py", "locustfile.py")
MODULE_NAME = "greenload_scenario"
THRESHOLD_VARIABLES = ("thresholds", "abort_if")
OPTIONS_VARIABLE = "options"


NO_LOAD = Load()


class ScenarioError(GreenloadError):
    """The person's file could not be used; the message says which line and what to write instead."""


@dataclass(frozen=True)
class Scenario:
    """A file and the user classes in it, by name; sha256 is the file's fingerprint in hexadecimal.

    load     what it asks for itself;  fail_if, abort_if: and the thresholds
    options  what of it can be set for each run, by name with the defaults
    names    all that the file defines
    """

    path: Path
    sha256: str
    classes: dict[str, type[User]]
    load: Load = NO_LOAD
    fail_if: tuple[Threshold, ...] = ()
    abort_if: tuple[Threshold, ...] = ()
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    names: Mapping[str, object] = field(default_factory=dict, repr=False)

    def only(self, names: Sequence[str]) -> Scenario:
        """Return it with just the classes `names`; with all of them if these are none.  Raises ScenarioError."""
        chosen = replace(self, classes=_chosen(self.classes, names))
        chosen.shares()
        return chosen

    def shares(self) -> tuple[Share, ...]:
        """Return how the users are divided among the classes.  Raises ScenarioError when there would be none."""
        shares = tuple(Share(name, each.weight, each.fixed_count) for name, each in self.classes.items())
        try:
            class_sequence(shares)
        except (ValueError, TypeError) as error:
            raise ScenarioError(f"{self.path}: {error}") from error
        return shares

    def tasks(self) -> tuple[PlannedTask, ...]:
        """Return what its users are to do."""
        return tuple(task for each in self.classes.values() for task in planned_tasks(each))


def load(path: Path | None, only: Sequence[str]) -> Scenario:
    """Return the scenario in `path`, or in the first of DEFAULT_FILES, with just the classes `only` if there are any.

    What can be known before a user runs is checked here, but for hosts.  Raises ScenarioError, with what to do.
    """
    path = path or _default_path()
    source = _read(path)
    module = _run(path, source)
    found = _users_in(module)
    if not found:
        raise ScenarioError(
            f"{path}: no User in it; write a class that derives from HttpUser and has a method with @task"
        )
    fail_if, abort_if = (_thresholds_in(module, variable) for variable in THRESHOLD_VARIABLES)
    load_wanted, options = _load_in(module), _options_in(module)
    sha256 = hashlib.sha256(source).hexdigest()
    scenario = Scenario(path, sha256, found, load_wanted, fail_if, abort_if, options, vars(module))
    chosen = scenario.only(only)
    for user_class in chosen.classes.values():
        _check_tasks(path, user_class.__name__, user_class._task_list)
    return chosen


def check_hosts(scenario: Scenario, host: str | None) -> None:
    """Raise ScenarioError or InvalidUrl unless each HttpUser has a host to go to: `host`, or else its own."""
    for name, user_class in scenario.classes.items():
        if issubclass(user_class, HttpUser):
            base_url = host or user_class.host
            if not base_url:
                raise ScenarioError(f"{name} has no host: say -H http://HOST:PORT, or set host in the class")
            parse_url(base_url)


def check_arrivals(scenario: Scenario, arrivals: Arrivals | None) -> None:
    """Raise ScenarioError when there are arrivals and a class has a number of users of its own, or none can come."""
    for name, user_class in scenario.classes.items() if arrivals is not None else ():
        if user_class.fixed_count:
            raise ScenarioError(
                f"{name} has a fixed_count, which says how many users there are; with a rate there are as many as it"
                " takes, and only weights count"
            )


def _default_path() -> Path:
    for name in DEFAULT_FILES:
        if Path(name).is_file():
            return Path(name)
    names = " and no ".join(DEFAULT_FILES)
    raise ScenarioError(
        f"no scenario: there is no {names} here; name the file, for example: greenload run examples/albums.py"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path}: cannot read this scenario: {error.strerror}") from error


def _run(path: Path, source: bytes) -> ModuleType:
    """Run the file as a module, with its folder first on the import path, as if it had been started itself."""
    spec = importlib.util.spec_from_loader(MODULE_NAME, loader=None, origin=str(path))
    if spec is None:
        raise ScenarioError(f"{path}: cannot be made a module")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[MODULE_NAME] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}" if error.lineno else str(path)
        raise ScenarioError(f"{where}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # a person's file may raise anything
        raise ScenarioError(f"{_where(path, error)}: {type(error).__name__}: {error}{_hint(error)}") from error
    return module


def _where(path: Path, error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "locust":
        return "; greenload has these names itself: write `from greenload import ...`"
    return ""


def _users_in(module: ModuleType) -> dict[str, type[User]]:
    found: dict[str, type[User]] = {}
    for value in vars(module).values():
        if not isinstance(value, type) or not issubclass(value, User) or value.abstract:
            continue
        if found.setdefault(value.__name__, value) is not value:
            raise ScenarioError(f"{module.__file__}: two user classes are called {value.__name__}; rename one")
    return found


def _load_in(module: ModuleType) -> Load:
    """Return the load that the file asks for itself, in a class that derives from LoadShape."""
    classes = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    shapes = [each for each in classes if issubclass(each, LoadShape) and each is not LoadShape]
    if len(shapes) > 1:
        names = " and ".join(shape.__name__ for shape in shapes)
        raise ScenarioError(f"{module.__file__}: {names} both derive from LoadShape; a run has one load")
    try:
        return load_of(shapes[0]) if shapes else NO_LOAD
    except ShapeError as error:
        raise ScenarioError(f"{module.__file__}: {shapes[0].__name__}: {error}") from error


def _options_in(module: ModuleType) -> Mapping[str, OptionValue]:
    try:
        return check_options(getattr(module, OPTIONS_VARIABLE, {}))
    except OptionError as error:
        raise ScenarioError(f"{module.__file__}: {OPTIONS_VARIABLE}: {error}") from error


def _thresholds_in(module: ModuleType, variable: str) -> tuple[Threshold, ...]:
    written = getattr(module, variable, ())
    if not isinstance(written, (list, tuple)) or not all(isinstance(text, str) for text in written):
        raise ScenarioError(
            f'{module.__file__}: {variable} is a list of texts, for example {variable} = ["p99 > 300ms"]; '
            "if it stands for something else, give that another name"
        )
    try:
        return tuple(parse_threshold(text) for text in written)
    except ThresholdError as error:
        raise ScenarioError(f"{module.__file__}: {variable}: {error}") from error


def _chosen(found: dict[str, type[User]], only: Iterable[str]) -> dict[str, type[User]]:
    chosen = dict.fromkeys(only)
    for name in chosen:
        if name not in found:
            close = difflib.get_close_matches(name, found, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(found)}"
            raise ScenarioError(f"no user class {name} in the scenario; {hint}")
    return {name: found[name] for name in chosen} or found


def _check_tasks(path: Path, name: str, tasks: TaskList) -> None:
    if not tasks.weighted:
        raise ScenarioError(f"{path}: {name} has no tasks; put @task before a method of it")
    for each, _ in tasks.weighted:
        if isinstance(each, type) and issubclass(each, TaskSet):
            _check_tasks(path, each.__name__, each._task_list)
