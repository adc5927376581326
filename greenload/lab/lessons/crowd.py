"""Crowds: many of a kind that wait at once (green threads, tasks, OS threads), and the memory that they take."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from greenload.lab.lesson import LabError
from greenload.lab.probe import bare

PATIENCE_S, BEGIN_S = 60.0, 20.0
LAST_WORDS = 60
LEAST_KB = 0.5  # each: less was measured only where so few were begun that the process had room for them already
Look = Callable[[], dict[str, float]]


def look() -> dict[str, float]:
    """Return how much memory this process has now, in KB: really there (its share of what is shared), and promised."""
    there = re.search(r"^Pss:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    promised = re.search(r"^VmSize:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert there is not None  # by what the kernel documents
    assert promised is not None
    return {"resident_kb": float(there[1]), "virtual_kb": float(promised[1])}


def green_threads(count: int, look: Look) -> list[dict[str, float]]:
    """Look before any is there, when all were asked for, and when all have begun and wait."""
    begun: list[None] = []
    end = Event()

    def wait() -> None:
        begun.append(None)
        end.wait()

    seen = [look()]
    threads = [gevent.spawn(wait) for _ in range(count)]
    seen.append(look())  # too early: not one of them has run yet
    with gevent.Timeout(BEGIN_S, RuntimeError(f"not all had begun after {BEGIN_S:g} s")):
        while len(begun) < count:
            gevent.sleep(0.01)
    seen.append(look())
    end.set()
    gevent.joinall(threads)
    return seen


def asyncio_tasks(count: int, look: Look) -> list[dict[str, float]]:
    """The same with asyncio's tasks."""

    async def all_of_them() -> list[dict[str, float]]:
        begun: list[None] = []
        end = asyncio.Event()

        async def wait() -> None:
            begun.append(None)
            await end.wait()

        seen = [look()]
        tasks = [asyncio.create_task(wait()) for _ in range(count)]
        seen.append(look())
        while len(begun) < count:
            await asyncio.sleep(0.01)
        seen.append(look())
        end.set()
        await asyncio.gather(*tasks)
        return seen

    return asyncio.run(all_of_them())


def os_threads(count: int, look: Look) -> list[dict[str, float]]:
    """The same with OS threads; `start` returns when the thread runs, so nobody looks too early."""
    end = threading.Event()
    seen = [look()]
    threads = []
    try:
        for _ in range(count):
            threads.append(threading.Thread(target=end.wait, args=(PATIENCE_S,)))
            threads[-1].start()
        seen += [look(), look()]
    finally:
        end.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    return seen


GREEN, TASK, OS = "green thread", "asyncio task", "OS thread"
KINDS = {GREEN: green_threads, TASK: asyncio_tasks, OS: os_threads}


def memory_of(kind: str, count: int) -> dict[str, Any]:
    """Return the KB of each of `count`; `refused` when the machine does not give so many."""
    try:
        before, early, after = KINDS[kind](count, look)
    except (RuntimeError, MemoryError) as error:  # "can't start new thread"; a MemoryError says nothing
        return {"refused": str(error) or "there is not enough memory"}
    return {
        "resident_kb": (after["resident_kb"] - before["resident_kb"]) / count,
        "virtual_kb": (after["virtual_kb"] - before["virtual_kb"]) / count,
        "early_kb": (early["resident_kb"] - before["resident_kb"]) / count,
    }


def memory_in_a_process(kind: str, count: int) -> dict[str, Any]:
    """The same in a fresh process: memory that was once asked for is not given back."""
    try:
        found: dict[str, Any] = bare(memory_of, kind=kind, count=count)
    except LabError as error:  # green threads that run out of memory often take the process with them
        return {"refused": f"the process broke (its last words: {str(error)[-LAST_WORDS:]})"}
    return found


def fill(kind: str, kb_each: float, room_mb: float) -> dict[str, Any]:
    """Begin as many as should fit into the room.

    Return their `count`, and the `mb` they take or, as above, why they were `refused`.
    """
    count = max(1, int(1024 * room_mb / max(kb_each, LEAST_KB)))
    found = memory_in_a_process(kind, count)
    if "refused" in found:
        return {"count": count, **found}
    return {"count": count, "mb": count * found["resident_kb"] / 1024}
