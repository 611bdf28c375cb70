"""``make run`` as a whole: real processes on a free port."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mcp_site.management.commands import run_worker
from mcp_site.serving import lifeline, supervisor
from tests import servers
from tests.servers import ROOT, Site

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc"),
]


def children(pid: int) -> dict[str, int]:
    """Return the process ids of web and worker."""
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (entry / "cmdline").read_bytes().decode().split("\0")
        except (OSError, IndexError):
            continue
        if parent == pid:
            found |= {name: int(entry.name) for name in ("run_web", "run_worker") if name in command}
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; the test run's own patience is the only limit but for a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a site that was started and stopped once."""
    folder = tmp_path_factory.mktemp("prepared")
    with servers.site(folder) as found:
        pass
    return found.data_dir


@pytest.fixture(scope="module")
def running(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("running")
    shutil.copytree(prepared, folder / "data")
    with servers.site(folder) as found:
        yield found


@pytest.fixture
def own(prepared: Path, tmp_path: Path) -> Iterator[Site]:
    """A site that the test may end."""
    shutil.copytree(prepared, tmp_path / "data")
    with servers.site(tmp_path) as found:
        eventually(lambda: len(children(found.process.pid)) == 2)
        yield found


def test_the_address_is_printed_once_it_answers(running: Site) -> None:
    eventually(lambda: "MCP answers at" in running.output())

    assert f"MCP answers at {running.url}/" in running.output()


def test_the_log_in_of_the_first_admin_works(running: Site) -> None:
    body = {"username": "admin", "password": "correct horse battery"}

    response = httpx.post(f"{running.url}/api/v1/auth/token", json=body)

    assert response.status_code == 200
    assert "correct horse battery" not in running.output()


def test_static_files_are_served_compressed_and_for_ever(running: Site) -> None:
    page = httpx.get(f"{running.url}/login").text
    path = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert path

    response = httpx.get(running.url + path[1], headers={"Accept-Encoding": "gzip"})

    assert response.status_code == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]


def test_no_answer_tells_which_server_it_is_from(running: Site) -> None:
    assert "Server" not in httpx.get(f"{running.url}/login").headers


def test_a_large_body_of_a_stranger_is_refused_and_not_kept(running: Site) -> None:
    response = httpx.post(
        f"{running.url}/api/v1/auth/token",
        content=b"x" * (3 * 2**20),
        headers={"Accept-Language": "fr"},
        timeout=30,
    )

    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["detail"] == "La requête dépasse 1 Mio."
    assert list((running.data_dir / "tmp").iterdir()) == []


def test_a_body_without_a_length_is_bounded_too(running: Site) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(48):
            yield b"x" * 65536

    assert httpx.post(f"{running.url}/api/v1/auth/token", content=parts(), timeout=30).status_code == 413


def test_a_websocket_is_refused_without_a_traceback(running: Site) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }

    assert httpx.get(f"{running.url}/anything", headers=headers).status_code == 403
    assert "Traceback" not in running.output()


def test_a_used_port_is_one_clear_line(running: Site, tmp_path: Path) -> None:
    port = running.url.rsplit(":", 1)[1]
    variables = {**os.environ, "PORT": port, "MCP_DATA_DIR": str(tmp_path / "data")}

    result = subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=variables, capture_output=True, text=True
    )

    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"MCP cannot start: PORT {port} on HOST 127.0.0.1 is already in use; set PORT to a free one."
    ]
    assert not (tmp_path / "data" / "mcp.sqlite3").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_with_success(own: Site, number: signal.Signals) -> None:
    family = children(own.process.pid)

    own.process.send_signal(number)
    code = own.process.wait(60)

    assert code == 0
    assert [pid for pid in family.values() if is_running(pid)] == []


def test_stubborn_children_are_killed_before_five_seconds_are_over() -> None:
    assert supervisor.GRACE_SECONDS + supervisor.POLL_SECONDS < 5
    assert lifeline.GRACE_SECONDS < 5
    assert run_worker.GRACE_SECONDS < supervisor.GRACE_SECONDS


def test_children_end_when_their_parent_is_killed(own: Site) -> None:
    family = children(own.process.pid)

    own.process.kill()

    eventually(lambda: not any(is_running(pid) for pid in family.values()))


def test_a_worker_that_dies_is_started_again(own: Site) -> None:
    first = children(own.process.pid)["run_worker"]

    os.kill(first, signal.SIGKILL)

    eventually(lambda: children(own.process.pid).get("run_worker", first) != first)
    assert httpx.get(f"{own.url}/health").status_code == 200


def test_everything_ends_when_the_web_server_dies(own: Site) -> None:
    worker = children(own.process.pid)["run_worker"]

    os.kill(children(own.process.pid)["run_web"], signal.SIGKILL)

    assert own.process.wait(60) != 0
    assert not is_running(worker)


def test_a_second_start_changes_nothing_and_keeps_the_password(tmp_path: Path) -> None:
    with servers.site(tmp_path, MCP_ADMIN_PASSWORD="") as first:
        eventually(lambda: "MCP answers" in first.output())
        shown = re.search(r"user admin, password (\S+) ", first.output())
    assert shown

    with servers.site(tmp_path, MCP_ADMIN_PASSWORD="") as second:
        eventually(lambda: "MCP answers" in second.output())
        body = {"username": "admin", "password": shown[1]}
        response = httpx.post(f"{second.url}/api/v1/auth/token", json=body)

    assert "password" not in second.output()
    assert response.status_code == 200


def test_everything_is_written_into_the_data_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with servers.site(tmp_path, TMPDIR=str(elsewhere), HOME=str(elsewhere)) as found:
        httpx.post(f"{found.url}/api/v1/auth/token", content=b" " * 900_000, timeout=30)

    assert list(elsewhere.iterdir()) == []
    assert (found.data_dir / "mcp.sqlite3").exists()


def test_a_slow_client_does_not_keep_others_waiting(running: Site) -> None:
    host, port = "127.0.0.1", int(running.url.rsplit(":", 1)[1])
    slow = [socket.create_connection((host, port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(
            b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
        )

    assert httpx.get(f"{running.url}/health").status_code == 200
    for connection in slow:
        connection.close()
