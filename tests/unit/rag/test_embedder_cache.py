from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag.embedders.e5_cache import DerivedFiles

ROOT = Path(__file__).resolve().parents[3]

WRITER = """
import sys
from pathlib import Path
from rag.embedders.e5_cache import DerivedFiles
files = DerivedFiles(Path(sys.argv[1]))
data = sys.argv[2].encode() * 3_000_000
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    files.write("model", data)
"""


def test_what_was_written_is_read_and_replaced(tmp_path: Path) -> None:
    files = DerivedFiles(tmp_path / "new" / "folder")

    files.write("model", b"data")
    assert files.read("model") == b"data"

    files.write("model", b"more")
    assert files.read("model") == b"more"
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["model"]


def test_files_of_earlier_versions_are_removed_and_others_stay(tmp_path: Path) -> None:
    files = DerivedFiles(tmp_path)
    for name in ("e5-a-v1-model", "e5-a-v2-model", "e5-a-v2-probes", "weights.json"):
        files.write(name, b"data")

    files.forget("e5-", but="e5-a-v2-")

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "e5-a-v2-model",
        "e5-a-v2-probes",
        "weights.json",
    ]


def test_processes_that_write_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), letter],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for letter in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"

    seen = set()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        seen.add(DerivedFiles(tmp_path).read("model"))
    for writer in writers:
        writer.communicate()

    whole = {b"a" * 3_000_000, b"b" * 3_000_000}
    assert seen - {None} <= whole
    assert DerivedFiles(tmp_path).read("model") in whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_made_is_logged_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    files = DerivedFiles(tmp_path / "file" / "folder")

    with caplog.at_level(logging.WARNING):
        files.write("model", b"data")

    assert files.read("model") is None
    assert "embedder_cache_not_written" in caplog.text


def test_the_digest_is_read_once_until_the_source_changes(tmp_path: Path) -> None:
    source, files = tmp_path / "weights.bin", DerivedFiles(tmp_path / "cache")
    source.write_bytes(b"one")
    os.utime(source, ns=(1, 1))
    first = files.digest(source)

    source.write_bytes(b"two")
    os.utime(source, ns=(1, 1))
    unchanged_by_its_looks = files.digest(source)
    os.utime(source, ns=(2, 2))
    changed = files.digest(source)

    assert first == unchanged_by_its_looks == hashlib.sha256(b"one").hexdigest()
    assert changed == hashlib.sha256(b"two").hexdigest()


@pytest.mark.parametrize("damage", [b"", b"not json", b"[]", b'{"identity": 3}'])
def test_a_damaged_note_of_the_digest_is_replaced(tmp_path: Path, damage: bytes) -> None:
    source, files = tmp_path / "weights.bin", DerivedFiles(tmp_path)
    source.write_bytes(b"one")
    files.write("weights.json", damage)

    assert files.digest(source) == hashlib.sha256(b"one").hexdigest()


def test_matrices_survive_and_a_damaged_one_counts_as_absent(tmp_path: Path) -> None:
    files, matrix = DerivedFiles(tmp_path), np.arange(6, dtype=np.float32).reshape(2, 3)

    files.write_matrix("probes", matrix)
    assert np.array_equal(files.read_matrix("probes"), matrix)  # type: ignore[arg-type]

    files.write("probes", (files.read("probes") or b"")[:-4])
    assert files.read_matrix("probes") is None
    assert files.read_matrix("absent") is None
