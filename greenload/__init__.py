"""greenload: a load generator in pure Python, one green thread a virtual user.

Importing it changes nothing in the process: no patching, no threads, no signal handlers, no logging set-up. The names
below are fetched when they are first asked for: Python imports this file before __main__.py, and whatever it imported
itself (urllib3 brings ssl and socket) would be there before the patching, and escape it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenload.core.errors import GreenloadError
    from greenload.http.response import Response, ResponseError
    from greenload.http.session import HttpSession
    from greenload.http.user import FastHttpUser, HttpUser
    from greenload.user.environment import Environment
    from greenload.user.flow import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser
    from greenload.user.load_shape import LoadShape
    from greenload.user.rows import OutOfRows, Rows
    from greenload.user.tasks import SequentialTaskSet, TaskSet, task
    from greenload.user.user import User
    from greenload.user.wait_time import between, constant, constant_pacing, constant_throughput
    from greenload.version import VERSION as __version__

_HOME = {
    "Environment": "greenload.user.environment",
    "FastHttpUser": "greenload.http.user",
    "GreenloadError": "greenload.core.errors",
    "HttpSession": "greenload.http.session",
    "HttpUser": "greenload.http.user",
    "InterruptTaskSet": "greenload.user.flow",
    "LoadShape": "greenload.user.load_shape",
    "OutOfRows": "greenload.user.rows",
    "RescheduleTask": "greenload.user.flow",
    "RescheduleTaskImmediately": "greenload.user.flow",
    "Response": "greenload.http.response",
    "ResponseError": "greenload.http.response",
    "Rows": "greenload.user.rows",
    "SequentialTaskSet": "greenload.user.tasks",
    "StopUser": "greenload.user.flow",
    "TaskSet": "greenload.user.tasks",
    "User": "greenload.user.user",
    "between": "greenload.user.wait_time",
    "constant": "greenload.user.wait_time",
    "constant_pacing": "greenload.user.wait_time",
    "constant_throughput": "greenload.user.wait_time",
    "task": "greenload.user.tasks",
}

__all__ = [
    "Environment",
    "FastHttpUser",
    "GreenloadError",
    "HttpSession",
    "HttpUser",
    "InterruptTaskSet",
    "LoadShape",
    "OutOfRows",
    "RescheduleTask",
    "RescheduleTaskImmediately",
    "Response",
    "ResponseError",
    "Rows",
    "SequentialTaskSet",
    "StopUser",
    "TaskSet",
    "User",
    "__version__",
    "between",
    "constant",
    "constant_pacing",
    "constant_throughput",
    "task",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("greenload.version").VERSION
    if name not in _HOME:
        raise AttributeError(f"module 'greenload' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
