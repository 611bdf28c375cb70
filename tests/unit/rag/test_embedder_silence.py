"""The engine reports nothing to its maker: no session file, no call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime has no build here")

ROOT = Path(__file__).resolve().parents[3]
LOAD = """
import sys
from rag.embedders.onnx_session import runtime
runtime().SessionOptions()
"""


def run(code: str, folder: Path) -> list[str]:
    """Run code in a process whose scratch folder is ``folder``; return what it left there."""
    # CI switches the reports off by itself, which would hide that we forgot to.
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "TMPDIR": str(folder), "HOME": str(folder)},
        check=True,
    )
    return sorted(path.name for path in folder.rglob("*"))


def test_loading_the_engine_leaves_no_trace_of_a_report(tmp_path: Path) -> None:
    assert run(LOAD, tmp_path) == []
