from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def read_by_the_settings() -> set[str]:
    source = (ROOT / "mcp_site" / "settings.py").read_text()
    return set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", source))


def test_every_setting_is_listed_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^# ([A-Z][A-Z_]+)=", example, re.MULTILINE))

    assert len(listed) > 20
    assert read_by_the_settings() - listed == set()
    assert listed - read_by_the_settings() == set()


def test_the_environment_is_read_in_the_settings_alone() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("mcp_site", "rag", "resilience")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"os\.(environ\b(?!\.setdefault)|getenv)", path.read_text())
    ]

    # The others hand a prepared environment to child processes, or name the settings module.
    assert set(readers) <= {
        "mcp_site/env.py",
        "mcp_site/serving/lifeline.py",
        "mcp_site/serving/supervisor.py",
        "rag/embedders/onnx_session.py",
        "rag/ingest/sandbox.py",
        "rag/ingest/sandbox_child.py",
    }
