from __future__ import annotations

import os
import select
import sys
import threading
from pathlib import Path

import pytest

from mcp_site.serving import supervisor as module
from mcp_site.serving.supervisor import Command, Supervisor

SLEEP = "import time; time.sleep(600)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def ends(pid: int) -> bool:
    """Return whether a process is gone, or goes: a signal is sent at once and takes effect a moment later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 30)[0])
    finally:
        os.close(handle)


def test_a_stop_ends_every_child_with_all_that_it_started(tmp_path: Path) -> None:
    # The child ignores SIGTERM and has a child of its own, as a parser process would be.
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(sys.argv[1] + '.part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.rename(sys.argv[1] + '.part', sys.argv[1])\n"
        "time.sleep(600)"
    )
    note = tmp_path / "pids"
    found = Supervisor([Command("stubborn", python(code, str(note)), essential=False)])

    def stop_when_started() -> None:
        while not note.exists():
            threading.Event().wait(0.02)
        found.stop()

    threading.Thread(target=stop_when_started).start()

    assert found.run() == 0
    assert [ends(int(pid)) for pid in note.read_text().split()] == [True, True]


def test_the_end_of_an_essential_child_ends_the_others() -> None:
    sleeper = Command("sleeper", python(SLEEP), essential=False)
    found = Supervisor([sleeper, Command("web", python("raise SystemExit(7)"), essential=True)])

    assert found.run() == 7
    assert found.children[0].exit_code() is not None


def test_an_essential_child_that_ends_without_an_error_is_an_error() -> None:
    assert Supervisor([Command("web", python(""), essential=True)]).run() == 1


def test_another_child_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_BACKOFF", 0.0)
    log = tmp_path / "starts"
    count = "import sys; open(sys.argv[1], 'a').write('x')"
    found = Supervisor([Command("worker", python(count, str(log)), essential=False)])

    def stop_after_three() -> None:
        while not log.exists() or len(log.read_text()) < 3:
            threading.Event().wait(0.02)
        found.stop()

    threading.Thread(target=stop_after_three).start()

    assert found.run() == 0
    assert len(log.read_text()) >= 3


def test_the_pause_before_another_start_grows_to_its_limit() -> None:
    child = module.Child(Command("worker", python(""), essential=False))
    pauses = []
    for _ in range(10):
        child.start()
        assert child.process is not None
        child.process.wait()
        child.ended()
        pauses.append(round(child.retry_at - child.started_at))

    assert pauses[:3] == [1, 2, 4]
    assert pauses[-1] == round(module.LONGEST_BACKOFF)


def test_children_inherit_what_they_are_given(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    code = "import os; os.write(int(os.environ['FD']), b'hello')"
    command = Command(
        "child", python(code), essential=True, pass_fds=(writer,), environment={"FD": str(writer)}
    )

    Supervisor([command]).run()
    os.close(writer)

    assert os.read(reader, 10) == b"hello"
    os.close(reader)
