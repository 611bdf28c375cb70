"""The real embedder, loaded once; a library and a cache of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.embedders.base import Embedder


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """Return the embedder that the product ships."""
    from rag import embedding

    return embedding.configured_embedder()


@pytest.fixture(autouse=True)
def fresh_library(tmp_path: Path, settings: Any) -> Iterator[None]:
    """Keep what a process remembers of the corpus from one test to the next out of the tests."""
    from django.core.cache import cache

    from rag.library import reset_library

    settings.MEDIA_ROOT = tmp_path / "uploads"
    cache.clear()
    reset_library()
    yield
    reset_library()
