"""Which embedder answers: the one whose vectors the corpus holds, chosen by configuration at first."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction

from rag.embedders.base import Embedder, LocalEmbedder
from rag.indexes.questions import question_centres
from rag.models import CorpusState
from rag.values import Matrix

log = structlog.get_logger(__name__)
_lock = threading.Lock()
_loaded: dict[str, Embedder] = {}
_centres: dict[str, Matrix] = {}


def configured_embedder() -> Embedder:
    """Return the embedder that the settings ask for, one instance a process; loading takes a second or two."""
    with _lock:
        key = f"openai:{settings.OPENAI_EMBEDDING_MODEL}" if settings.OPENAI_EMBEDDING_MODEL else "local"
        return _load(key)


def embedder_for(model_id: str) -> Embedder | None:
    """Return the embedder of a model id, None when this installation cannot run it (any more)."""
    embedder = configured_embedder()
    if embedder.model_id == model_id:
        return embedder
    with _lock:
        local = _load("local")
    return local if local.model_id == model_id else None


def centres_of(embedder: Embedder) -> Matrix | None:
    """Return what questions have in common under a local model, computed once a process; None for others."""
    if not isinstance(embedder, LocalEmbedder):
        return None
    with _lock:
        if embedder.model_id not in _centres:
            _centres[embedder.model_id] = question_centres(embedder.embed_query)
        return _centres[embedder.model_id]


def active_model() -> str:
    """Return the id of the model whose vectors answer, "" before the first document."""
    return CorpusState.objects.filter(pk=1).values_list("model", flat=True).first() or ""


def active_embedder() -> Embedder | None:
    """Return the embedder that answers; the first one ever asked for becomes it."""
    model = active_model()
    if not model:
        embedder = configured_embedder()
        try:
            with transaction.atomic():
                CorpusState.objects.create(pk=1, model=embedder.model_id, dimension=embedder.dimension)
        except IntegrityError:
            return embedder_for(active_model())
        return embedder
    return embedder_for(model)


def switch_model(embedder: Embedder) -> None:
    """Let another model answer; its vectors must be complete. The caller announces the change."""
    CorpusState.objects.update_or_create(
        pk=1, defaults={"model": embedder.model_id, "dimension": embedder.dimension}
    )


def _load(key: str) -> Embedder:
    if key not in _loaded:
        _loaded[key] = _local() if key == "local" else _openai()
        log.info("embedder_loaded", model=_loaded[key].model_id)
    return _loaded[key]


def _local() -> Embedder:
    from rag.embedders import load_local_embedder

    return load_local_embedder(Path(settings.DATA_DIR) / "models", threads=settings.RAG_THREADS)


def _openai() -> Embedder:
    from rag.embedders.openai import OpenAIEmbedder

    return OpenAIEmbedder(
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL or None,
        model=settings.OPENAI_EMBEDDING_MODEL,
        timeout=settings.OPENAI_TIMEOUT,
    )
