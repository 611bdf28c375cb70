"""A pipe by which children notice that their parent has died, however it died."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass

VARIABLE = "MCP_LIFELINE"
GRACE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Lifeline:
    """The parent's side: children inherit ``fd``; the other end is open for as long as the parent lives."""

    fd: int
    held: int

    @classmethod
    def open(cls) -> Lifeline:
        """Return a new pipe; only its reading end is inherited."""
        return cls(*os.pipe())

    def environment(self) -> dict[str, str]:
        """Return what tells a child which descriptor to watch."""
        return {VARIABLE: str(self.fd)}


def watch() -> None:
    """End this process (SIGTERM, then SIGKILL to its group) when the parent is gone; nothing without a parent."""
    if number := os.environ.pop(VARIABLE, ""):
        threading.Thread(target=_wait, args=(int(number),), name="lifeline", daemon=True).start()


def _wait(fd: int) -> None:
    os.read(fd, 1)  # nothing is ever written: this returns when the last writing end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)
