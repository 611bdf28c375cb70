"""The only place where rag, monitoring and lightning meet: registries and signals are joined here."""

from __future__ import annotations

from django.conf import settings

from mcp_site.health import Part


def connect() -> None:
    """Join the apps; called once when Django is ready."""
    _connect_accounts()
    _connect_errors()
    _connect_rag()


def _connect_accounts() -> None:
    from mcp_site import worker
    from mcp_site.accounts import services

    worker.register(worker.Task("accounts", services.sweep, every_seconds=6 * 3600))


def _connect_errors() -> None:
    from mcp_site import problems
    from rag.errors import RagError

    def convert(error: RagError) -> problems.Problem:
        message = str(error.message)
        errors = {error.field: [message]} if error.field else {}
        return problems.Problem(error.status, error.code, message, errors)

    problems.register(RagError, convert)


def _connect_rag() -> None:
    from mcp_site import health, starter, worker
    from rag import tasks
    from rag.starter_data import load_guide

    worker.register(worker.Task("repair", tasks.repair, every_seconds=60))
    worker.register(worker.Task("ingest", tasks.ingest, every_seconds=0.5))
    worker.register(worker.Task("sweep", tasks.sweep, every_seconds=3600))

    health.register("embedder", _embedder)
    health.register("generator", _generator)
    health.register("index", _index)
    starter.register("operator_guide", load_guide)


def _embedder() -> Part:
    from rag.embedding import active_embedder, active_model

    embedder = active_embedder()
    if embedder is None:
        return Part(
            False, active_model(), "the model of the stored vectors cannot run here: manage.py reindex"
        )
    engine = getattr(embedder, "engine", "")
    why = "OPENAI_EMBEDDING_MODEL" if settings.OPENAI_EMBEDDING_MODEL else "default"
    return Part(True, f"{embedder.model_id} {engine}".strip(), why)


def _index() -> Part:
    from django.db import connection

    from rag.library import library

    counts = library().counts()
    form = f"embedded, {counts.chunks} chunks, {counts.chunks_without_vector} without vector"
    if not settings.MONGO:
        return Part(True, form, "default")
    from rag.indexes.mongo import offers_vector_search
    from rag.models import StoredVector

    vectors = connection.get_collection(StoredVector._meta.db_table)  # type: ignore[attr-defined]
    offered = offers_vector_search(vectors)
    return Part(
        True, form, "MongoDB offers $vectorSearch; not used" if offered else "no $vectorSearch offered"
    )


def _generator() -> Part:
    from rag.answering import EXTRACTIVE, generator_name

    name = generator_name()
    if name == EXTRACTIVE:
        return Part(True, EXTRACTIVE, "no OPENAI_API_KEY and no OPENAI_BASE_URL: answers quote the documents")
    return Part(True, name, "OPENAI_BASE_URL" if settings.OPENAI_BASE_URL else "OPENAI_API_KEY")


def start_web() -> None:
    """Begin what a web process does in the background: load the index and the embedder, follow the corpus."""
    from rag.library import library

    library().start()
