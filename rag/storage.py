"""Uploaded files in the data folder, named by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from rag.errors import RagError, TooLarge

BLOCK = 1 << 20
GRACE_SECONDS = 3600
"""An upload is on disk shortly before its document has a row."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is safely on disk."""

    content_hash: str
    size: int


def path_of(content_hash: str) -> Path:
    """Return where a content lies."""
    return Path(settings.MEDIA_ROOT) / content_hash[:2] / content_hash


def store(file: BinaryIO) -> Stored:
    """Return the hash and size of a file once it is on disk for good; raises ``TooLarge`` or ``RagError``."""
    limit = settings.RAG_MAX_FILE_MB * 2**20
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=root, prefix="incoming-", delete=False) as target:
        try:
            while block := file.read(BLOCK):
                size += len(block)
                if size > limit:
                    raise TooLarge(
                        _("The file is larger than %(limit)s MB.") % {"limit": settings.RAG_MAX_FILE_MB},
                        field="file",
                        code="too_large",
                    )
                digest.update(block)
                target.write(block)
            if not size:
                raise RagError(_("The file is empty."), field="file", code="empty")
            target.flush()
            os.fsync(target.fileno())
        except BaseException:
            os.unlink(target.name)
            raise
    return _settle(Path(target.name), digest.hexdigest(), size)


def _settle(temporary: Path, content_hash: str, size: int) -> Stored:
    final = path_of(content_hash)
    final.parent.mkdir(exist_ok=True)
    os.replace(temporary, final)
    directory = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Stored(content_hash, size)


def read(content_hash: str) -> bytes:
    """Return a stored content; raises ``FileNotFoundError``."""
    return path_of(content_hash).read_bytes()


def sweep(used: set[str]) -> int:
    """Return how many files were removed: contents that no document refers to, uploads that were broken off."""
    removed, root = 0, Path(settings.MEDIA_ROOT)
    for path in (*root.glob("??/*"), *root.glob("incoming-*")):
        if path.name not in used and time.time() - path.stat().st_mtime > GRACE_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
