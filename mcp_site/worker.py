"""The worker: named tasks, each in its own thread at its own pace. Work lives in rows, so any step may be lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import close_old_connections

log = structlog.get_logger("mcp.worker")

LONGEST_BACKOFF = 60.0
ALIVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do again and again; ``run`` returns True if there may be more to do at once.

    ``run`` does one step (one document, one batch), so that a stop need not wait long, and is safe to repeat.
    """

    name: str
    run: Callable[[], bool]
    every_seconds: float


_tasks: dict[str, Task] = {}


def register(task: Task) -> None:
    """Add a task, replacing one of the same name."""
    _tasks[task.name] = task


def registered() -> list[Task]:
    """Return every task."""
    return list(_tasks.values())


class Worker:
    """Runs tasks until stopped."""

    def __init__(self, tasks: list[Task]) -> None:
        self.tasks = tasks
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Ask every task to end after its current step; safe in a signal handler."""
        self.stopping.set()

    def run(self, *, grace_seconds: float) -> bool:
        """Run until ``stop``; return whether every current step was finished within the grace period."""
        threads = [
            threading.Thread(target=self._repeat, args=(task,), name=task.name, daemon=True)
            for task in self.tasks
        ]
        for thread in threads:
            thread.start()
        while not self.stopping.wait(ALIVE_SECONDS):
            note_alive()
        deadline = time.monotonic() + grace_seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def run_once(self) -> bool:
        """Run each task until it has nothing more to do; return whether all went well."""
        results = [self._drain(task) for task in self.tasks]
        return all(results)

    def _drain(self, task: Task) -> bool:
        try:
            while task.run() and not self.stopping.is_set():
                pass
        except Exception:
            log.exception("task_failed", task=task.name)
            return False
        return True

    def _repeat(self, task: Task) -> None:
        failures = 0
        while not self.stopping.is_set():
            more, failed = _step(task)
            failures = failures + 1 if failed else 0
            pause = min(LONGEST_BACKOFF, task.every_seconds * 2**failures) if failed else task.every_seconds
            if not more:
                self.stopping.wait(pause)


def _step(task: Task) -> tuple[bool, bool]:
    """Return (there may be more, it failed); database connections are per thread and closed when stale."""
    close_old_connections()
    try:
        return task.run(), False
    except Exception:
        log.exception("task_failed", task=task.name)
        return False, True
    finally:
        close_old_connections()


def note_alive() -> None:
    """Leave a sign of life for ``/health``."""
    (settings.DATA_DIR / "worker.alive").touch()


def seconds_since_alive() -> float | None:
    """Return the age of the last sign of life in this data folder, None if there never was one."""
    try:
        return time.time() - (settings.DATA_DIR / "worker.alive").stat().st_mtime
    except OSError:
        return None
