"""Files derived from the weights, kept in the data folder between starts.

A file is written whole under a temporary name and then renamed, so that processes that start at once, or lose
power, see a complete file or none. Where the folder cannot be written everything still works, only slower to
start.
"""

from __future__ import annotations

import io
import json
import logging
import os
import tempfile
from pathlib import Path

import numpy as np

from rag.embedders.e5_weights import digest_of
from rag.values import Matrix

log = logging.getLogger(__name__)


class DerivedFiles:
    """Small store of bytes by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where ``name`` is, or would be."""
        return self._folder / name

    def read(self, name: str) -> bytes | None:
        """Content of ``name``, None if it is not there."""
        try:
            return self.path(name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Stores ``data`` under ``name``; a folder that cannot be written is logged, not raised."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _replace(self.path(name), data)
        except OSError as error:
            log.warning("embedder_cache_not_written: %s (%s)", self.path(name), error)

    def forget(self, family: str, *, but: str) -> None:
        """Removes what earlier versions left: names that begin with ``family`` and not with ``but``."""
        for path in self._folder.glob(f"{family}*"):
            if not path.name.startswith(but):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    log.warning("embedder_cache_not_removed: %s (%s)", path, error)

    def digest(self, source: Path) -> str:
        """SHA-256 of ``source``, read again only when its size or time of change is not the known one."""
        status = source.stat()
        identity = [str(source), status.st_size, status.st_mtime_ns]
        known = _json_object(self.read("weights.json"))
        if known.get("identity") == identity and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
        digest = digest_of(source)
        self.write("weights.json", json.dumps({"identity": identity, "sha256": digest}).encode())
        return digest

    def read_matrix(self, name: str) -> Matrix | None:
        """A stored matrix, None if it is not there or not readable."""
        data = self.read(name)
        if data is None:
            return None
        try:
            return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), dtype=np.float32)
        except (ValueError, EOFError, OSError):
            return None

    def write_matrix(self, name: str, matrix: Matrix) -> None:
        """Stores ``matrix`` under ``name``."""
        buffer = io.BytesIO()
        np.save(buffer, matrix, allow_pickle=False)
        self.write(name, buffer.getvalue())


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _json_object(data: bytes | None) -> dict[str, object]:
    try:
        value = json.loads(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
