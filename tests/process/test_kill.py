"""A real worker is killed (SIGKILL) again and again while it takes documents in; nothing is lost, doubled or half."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = 12
KILLS = 4
PROMPT_SECONDS = 60.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of an installation of its own, with the tables made."""
    values = {
        **os.environ,
        "MCP_DATA_DIR": str(tmp_path / "var"),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "MCP_DEMO": "0",
    }
    run(values, "migrate", "-v0")
    return values


def run(environment: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        text=True,
        capture_output=True,
    ).stdout


def rows(environment: Mapping[str, str], query: str) -> list[Any]:
    with sqlite3.connect(Path(environment["MCP_DATA_DIR"]) / "mcp.sqlite3", timeout=20) as database:
        return database.execute(query).fetchall()


def progress(environment: Mapping[str, str]) -> int:
    counts = "(SELECT count(*) FROM rag_chunk) + (SELECT count(*) FROM rag_storedvector)"
    done = "(SELECT count(*) FROM rag_document WHERE status = 'ready')"
    return int(str(rows(environment, f"SELECT {counts} + {done}")[0][0]))  # noqa: S608 - no input from outside


def killed_in_the_middle(environment: Mapping[str, str], after: int) -> None:
    """Start a worker and kill it once it has written ``after`` more rows, or has nothing left to do."""
    before = progress(environment)
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker", "--once"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PROMPT_SECONDS
    while worker.poll() is None and progress(environment) < before + after and time.monotonic() < deadline:
        continue
    worker.send_signal(signal.SIGKILL)
    worker.wait()


def test_every_document_ends_ready_once_and_whole(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(DOCUMENTS):
        text = "\n\n".join(
            f"Sentence {n} of document {number} about channel {n * number}." for n in range(40)
        )
        (folder / f"{number}.md").write_text(f"# Document {number}\n\n{text}")
    (folder / "broken.md").write_bytes(b"\x00\x01\x02" * 100)
    run(environment, "ingest", str(folder), "--queue")
    dice = random.Random(7)

    for _ in range(KILLS):
        killed_in_the_middle(environment, after=dice.randrange(1, 25))
    run(environment, "run_worker", "--once")

    states: dict[str, int] = dict(
        rows(environment, "SELECT status, count(*) FROM rag_document GROUP BY status")
    )
    assert states == {"ready": DOCUMENTS, "failed": 1}
    versions = rows(environment, "SELECT count(*), count(DISTINCT document_id) FROM rag_documentversion")
    assert versions == [(DOCUMENTS, DOCUMENTS)]
    places = rows(environment, "SELECT count(*), count(DISTINCT version_id || '/' || ordinal) FROM rag_chunk")
    assert (
        places[0][0]
        == places[0][1]
        == sum(int(str(count)) for (count,) in rows(environment, "SELECT chunk_count FROM rag_document"))
    )
    without = "SELECT count(*) FROM rag_chunk WHERE text_hash NOT IN (SELECT text_hash FROM rag_storedvector)"
    assert rows(environment, without) == [(0,)]
    told = "SELECT count(*) FROM rag_document WHERE status = 'ready' AND announced_version IS NOT active_version_id"
    assert rows(environment, told) == [(0,)]
