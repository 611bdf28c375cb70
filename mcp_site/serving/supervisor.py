"""Looks after child processes: starts them, restarts those that may die, ends them all within the grace period."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger("mcp.supervisor")

GRACE_SECONDS = 4.0
POLL_SECONDS = 0.2
LONGEST_BACKOFF = 30.0
HEALTHY_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Command:
    """A child to run; the end of an essential one ends everything, another one is started again."""

    name: str
    argv: Sequence[str]
    essential: bool
    pass_fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """One command and its current process, which leads its own group so that nothing of it can stay behind."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.failures = 0
        self.started_at = 0.0
        self.retry_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - the commands are our own
            list(self.command.argv),
            pass_fds=self.command.pass_fds,
            env={**os.environ, **self.command.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def exit_code(self) -> int | None:
        """Return the exit code once the process has ended, None while it runs or is not started."""
        return self.process.poll() if self.process else None

    def ended(self) -> None:
        """Clear what the ended process left behind and set when to start it again."""
        self.signal(signal.SIGKILL)
        self.process = None
        lived = time.monotonic() - self.started_at
        self.failures = 1 if lived > HEALTHY_AFTER else self.failures + 1
        self.retry_at = time.monotonic() + min(LONGEST_BACKOFF, 0.5 * 2**self.failures)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


class Supervisor:
    """Runs commands until told to stop or until an essential one ends."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.children = [Child(command) for command in commands]
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Ask ``run`` to end; safe in a signal handler and in any thread."""
        self.stopping.set()

    def run(self) -> int:
        """Run until the end; return 0 after ``stop``, else the exit code of the essential child that ended."""
        try:
            for child in self.children:
                child.start()
            while not self.stopping.wait(POLL_SECONDS):
                if (code := self._look_after()) is not None:
                    return code or 1
            return 0
        finally:
            self._end_all()

    def _look_after(self) -> int | None:
        for child in self.children:
            if (code := child.exit_code()) is not None:
                log.warning("process_ended", name=child.command.name, code=code)
                child.ended()
                if child.command.essential:
                    return code
            elif child.process is None and time.monotonic() >= child.retry_at:
                log.info("process_restarted", name=child.command.name, failures=child.failures)
                child.start()
        return None

    def _end_all(self) -> None:
        """Ask every child to end, then make it; the whole takes at most the grace period."""
        running = [child for child in self.children if child.process]
        for child in running:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for child in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))  # type: ignore[union-attr]
            child.signal(signal.SIGKILL)
        for child in running:
            child.process.wait()  # type: ignore[union-attr]
