"""Moves the library to another embedding model; until the switch the old one answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.changes import announce
from rag.embedders.base import Embedder
from rag.embedding import active_model, switch_model
from rag.models import Chunk, StoredVector
from rag.passages import embedding_text
from rag.vectors_store import missing, save_vectors

BATCH = 64


def unembedded(embedder: Embedder) -> list[str]:
    """Return the hashes of texts that have no vector under the model yet."""
    hashes = list(Chunk.objects.order_by().values_list("text_hash", flat=True).distinct())
    return sorted(missing(embedder.model_id, hashes))


def embed_hashes(embedder: Embedder, hashes: Sequence[str]) -> None:
    """Store the vectors of these texts; a text that is gone meanwhile is left out."""
    rows = Chunk.objects.filter(text_hash__in=hashes).values_list(
        "text_hash", "document__title", "heading", "text"
    )
    texts = {key: embedding_text(title, heading, text) for key, title, heading, text in rows}
    if texts:
        vectors = embedder.embed_passages(list(texts.values()))
        save_vectors(embedder.model_id, dict(zip(texts, vectors, strict=True)))


def move_to(embedder: Embedder, *, progress: Callable[[int], object] = lambda left: None) -> int:
    """Return how many texts were embedded. Cut off, it goes on where it was when it is called again."""
    total = _fill(embedder, progress)
    if active_model() != embedder.model_id:
        switch_model(embedder)
    # Told also without a switch: an earlier call may have been cut off before it said so, and what was embedded
    # now (after the embedder had failed) is known to no index yet.
    announce(None)
    # A document that was taken in during the switch has vectors of the old model only.
    if late := _fill(embedder, progress):
        total += late
        announce(None)
    StoredVector.objects.exclude(model=embedder.model_id).delete()
    return total


def _fill(embedder: Embedder, progress: Callable[[int], object]) -> int:
    todo = unembedded(embedder)
    for start in range(0, len(todo), BATCH):
        embed_hashes(embedder, todo[start : start + BATCH])
        progress(max(0, len(todo) - start - BATCH))
    return len(todo)
