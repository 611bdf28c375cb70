"""Runs the suite on SQLite, then what depends on a database or cache on MongoDB and Redis.

Both halves have to run tests, or the whole fails. Arguments go to pytest. The last lines are pytest's own summary.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402 - the path has to be set first

ON_BOTH = ("tests/web", "tests/contract")
PARALLEL = ("-n", "auto", "--maxprocesses=4")


def run_half(
    name: str, paths: tuple[str, ...], extra: list[str], environment: Mapping[str, str], folder: Path
) -> int:
    """Run pytest; return its exit code, or 1 where it ran no test at all."""
    print(f"== {name}", flush=True)
    report = folder / "report.xml"
    argv = [sys.executable, "-m", "pytest", *paths, *PARALLEL, f"--junitxml={report}", *extra]
    code = subprocess.run(argv, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode
    if code == 0 and tests_run(report) == 0:
        print(f"{name}: no test was run", flush=True)
        return 1
    return code


def tests_run(report: Path) -> int:
    """Return how many tests ran, skipped ones not counted."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it
    return sum(int(suite.get("tests", 0)) - int(suite.get("skipped", 0)) for suite in suites)


def main(extra: list[str]) -> int:
    """Run both halves; return the exit code."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-matrix-")))
        plain = {"DATABASE_URL": "", "REDIS_URL": ""}
        if code := run_half("SQLite and memory", ("tests",), extra, plain, folder):
            return code
        scaled = {
            "DATABASE_URL": stack.enter_context(servers.mongodb(folder)),
            "REDIS_URL": stack.enter_context(servers.redis(folder)),
        }
        return run_half("MongoDB and Redis", ON_BOTH, ["-m", "not once", *extra], scaled, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
