"""The Python interface as a script uses it, in a data folder that nothing has prepared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import asyncio, json, sys
from rag import RAGWorkflow

async def main():
    rag = RAGWorkflow()
    report = await rag.ingest_documents(sys.argv[1])
    response = await rag.query("Comment équilibrer un canal ?")
    follow_up = await rag.query("Et combien ça coûte ?", follow_up=True)
    unknown = await rag.query("Quelle est la capitale de l'Australie ?")
    print(json.dumps({
        "ready": report.ready, "failed": report.failed, "answer": str(response), "citations": response.citations,
        "answerable": [response.answerable, unknown.answerable],
        "conversations": [response.conversation, follow_up.conversation, unknown.conversation],
    }))

asyncio.run(main())
"""


def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    environment = {**os.environ, "MCP_DATA_DIR": str(tmp_path / "var"), "DATABASE_URL": "", "REDIS_URL": ""}
    folder = tmp_path / "documents"
    folder.mkdir()
    guide = ROOT / "rag" / "starter" / "fr" / "04-balancing.md"
    (folder / "balancing.md").write_bytes(guide.read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ready"] == 1
    assert list(result["failed"]) == ["broken.pdf"]
    assert result["answerable"] == [True, False]
    assert "[1]" in result["answer"]
    assert result["citations"][0]["quote"] in result["answer"]
    assert len(set(result["conversations"])) == 2


def test_a_path_that_does_not_exist_ends_the_command_with_code_2(tmp_path: Path) -> None:
    environment = {**os.environ, "MCP_DATA_DIR": str(tmp_path / "var"), "DATABASE_URL": "", "REDIS_URL": ""}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)

    done = subprocess.run(
        [*manage, "ingest", "/no/such/folder"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "/no/such/folder" in done.stderr
    assert "Traceback" not in done.stderr
