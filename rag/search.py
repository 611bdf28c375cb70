"""From a question to passages: the index finds, the rows decide whether what it found still exists and may be read."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from rag.embedders.openai import EmbeddingError
from rag.library import View
from rag.models import Chunk, Document, DocumentStatus
from rag.values import Hit, Passage, Vector


@dataclass(frozen=True, slots=True)
class Found:
    """Passages in order, with what the search knew."""

    passages: tuple[Passage, ...]
    hits: tuple[Hit, ...]
    """More hits than passages: the distribution of their scores tells whether the best ones stand out."""
    vector: Vector | None
    """None when the question could only be searched by its words."""
    incomplete: bool
    """Some chunks have no vector yet, or no embedder is there: meaning was not (fully) searched."""


log = structlog.get_logger(__name__)

EVIDENCE_HITS = 30


class Stopwatch:
    """Milliseconds between laps, by name."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Note the time since the last lap under ``name``."""
        now = time.perf_counter()
        self.laps[name] = round(self.laps.get(name, 0.0) + (now - self._last) * 1000, 3)
        self._last = now


def find(
    query: str,
    *,
    view: View,
    scope: frozenset[UUID],
    top_k: int,
    language: str | None = None,
    clock: Stopwatch | None = None,
) -> Found:
    """Return the best passages of the collections in ``scope``; ``language`` restricts to passages in it."""
    clock = clock or Stopwatch()
    vector = _vector(view, query)
    clock.lap("embed")
    hits = view.index.search(
        query,
        vector,
        collections=frozenset(key.hex for key in scope),
        language=language,
        limit=max(EVIDENCE_HITS, top_k),
    )
    clock.lap("search")
    passages = passages_of(hits, scope, top_k)
    clock.lap("rows")
    incomplete = vector is None or not view.index.vectors_loaded or _some_wait(view, scope)
    return Found(tuple(passages), tuple(hits), vector, incomplete)


def _some_wait(view: View, scope: frozenset[UUID]) -> bool:
    """Return whether a document within the scope answers by its words only; others are nobody's business."""
    if not view.index.counts().chunks_without_vector:
        return False
    waiting = Document.objects.filter(
        collection_id__in=list(scope), active_version__isnull=False, deleted_at__isnull=True
    ).exclude(status=DocumentStatus.READY)
    return waiting.exists()


def _vector(view: View, query: str) -> Vector | None:
    """Return the question's vector; None when no embedder is there, or its server is away: words go on."""
    try:
        return view.embedder.embed_query(query) if view.embedder else None
    except EmbeddingError as error:
        log.warning("question_not_embedded", code=error.code)
        return None


def passages_of(hits: list[Hit], scope: frozenset[UUID], top_k: int) -> list[Passage]:
    """Return up to ``top_k`` passages whose rows still answer; a deleted document ends here at the latest."""
    passages: list[Passage] = []
    for start in range(0, len(hits), max(top_k, 1)):
        wanted = hits[start : start + top_k]
        rows = _rows([hit.chunk for hit in wanted], scope)
        passages += [rows[hit.chunk].passage(hit) for hit in wanted if hit.chunk in rows]
        if len(passages) >= top_k:
            break
    return passages[:top_k]


@dataclass(frozen=True, slots=True)
class _Row:
    title: str
    heading: str
    text: str
    start: int
    end: int
    language: str
    page: int | None

    def passage(self, hit: Hit) -> Passage:
        return Passage(
            hit=hit,
            title=self.title,
            heading=self.heading,
            text=self.text,
            start=self.start,
            end=self.end,
            language=self.language,
            page=self.page,
        )


def _rows(chunks: Iterable[str], scope: frozenset[UUID]) -> dict[str, _Row]:
    keys = [UUID(chunk) for chunk in chunks]
    rows: Iterable[tuple[Any, ...]] = Chunk.objects.filter(pk__in=keys).values_list(
        "pk",
        "version_id",
        "document__active_version_id",
        "document__deleted_at",
        "document__collection_id",
        "document__title",
        "heading",
        "text",
        "start",
        "end",
        "document__language",
        "page",
    )
    return {
        pk.hex: _Row(*values)
        for pk, version, active, deleted, collection, *values in rows
        if version == active and deleted is None and collection in scope
    }
