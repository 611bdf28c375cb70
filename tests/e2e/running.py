"""A real server with the starter guide, for the browser tests and the pictures of the README."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USERNAME, PASSWORD = "admin", "password-of-the-e2e-tests"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 120
READ_SECONDS = 600
_FOREIGN = (
    "DATABASE_URL",
    "REDIS_URL",
    "MCP_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_EMBEDDING_MODEL",
    "SECRET_KEY",
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running installation."""

    address: str


def browser_path() -> str | None:
    """Return the path of a Chromium of this machine, None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def running_server() -> Iterator[Server]:
    """Yield a server on a free port whose guide has been read; its data is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mcp-e2e-") as data:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=_environment(data),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            server = Server(_announced(process))
            _wait_until_read(server)
            yield server
        finally:
            _stop(process)


def _environment(data: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "mcp_site.settings",
        "MCP_DATA_DIR": data,
        "MCP_DEMO": "1",
        "MCP_ADMIN_PASSWORD": PASSWORD,
        "HOST": "127.0.0.1",
        "PORT": str(_free_port()),
        "LOG_LEVEL": "WARNING",
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _announced(process: subprocess.Popen[str]) -> str:
    """Return the address that the server prints once it answers."""
    assert process.stdout is not None
    lines = []
    guard = threading.Timer(START_SECONDS, process.kill)
    guard.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if " answers at " in line:
                # Whatever follows has to be read, or the server stops once the pipe is full.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return line.split(" answers at ")[1].strip().rstrip("/")
    finally:
        guard.cancel()
    raise RuntimeError("the server did not start:\n" + "".join(lines[-30:]))


def _wait_until_read(server: Server) -> None:
    token = str(_call(server, "auth/token", {"username": USERNAME, "password": PASSWORD})["token"])
    deadline = time.monotonic() + READ_SECONDS
    while any(_count(server, token, state) for state in ("queued", "processing")):
        if time.monotonic() > deadline:
            raise RuntimeError("the guide was not read in time")
        time.sleep(0.5)


def _count(server: Server, token: str, state: str) -> int:
    return int(str(_call(server, f"rag/documents?status={state}", token=token)["count"]))


def _call(
    server: Server, path: str, body: dict[str, str] | None = None, token: str = ""
) -> dict[str, object]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{server.address}/api/v1/{path}", data, headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        found: dict[str, object] = json.load(answer)
    return found


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
