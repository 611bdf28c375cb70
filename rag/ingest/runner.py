"""The pipeline as the worker and the commands run it: one parser child, one embedder, this process's claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings

from rag.embedders.base import Embedder
from rag.embedding import active_embedder
from rag.errors import IngestFailure
from rag.ingest import queue
from rag.ingest.parsers import MEGABYTE, ParseLimits
from rag.ingest.pipeline import Pipeline
from rag.ingest.queue import worker_name
from rag.ingest.sandbox import ParserProcess
from rag.models import Document, DocumentStatus

WAIT_SECONDS = 0.2


def limits() -> ParseLimits:
    """Return how much one document may cost, by the settings."""
    return ParseLimits(
        max_bytes=settings.RAG_MAX_FILE_MB * MEGABYTE,
        max_decompressed_bytes=settings.RAG_MAX_DECOMPRESSED_MB * MEGABYTE,
        max_pages=settings.RAG_MAX_PAGES,
        max_characters=settings.RAG_MAX_CHARACTERS,
        max_seconds=float(settings.RAG_PARSE_SECONDS),
        max_memory_bytes=settings.RAG_PARSE_MEMORY_MB * MEGABYTE,
    )


def _embedder() -> Embedder:
    embedder = active_embedder()
    if embedder is None:
        raise IngestFailure("no_embedder")
    return embedder


@contextmanager
def open_pipeline() -> Iterator[Pipeline]:
    """Yield a pipeline whose parser child ends with the block."""
    with ParserProcess(limits()) as parser:
        yield build_pipeline(parser)


def build_pipeline(parser: ParserProcess) -> Pipeline:
    """Return the pipeline of this process; the parser is the caller's to end."""
    return Pipeline(parser=parser, embedder=_embedder, worker=worker_name())


def drain(pipeline: Pipeline, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Read and embed until nothing is left that this process can claim; new documents are read first."""
    while not should_stop() and (pipeline.read_next() or pipeline.embed_next()):
        continue


def finish(pipeline: Pipeline, documents: Iterable[Document]) -> list[Document]:
    """Return these documents once each is ready or has failed, also where another process is at work on it."""
    keys = [document.pk for document in documents]
    found = Document.objects.filter(pk__in=keys, deleted_at__isnull=True)
    waiting = found.filter(status__in=(DocumentStatus.QUEUED, DocumentStatus.PROCESSING))
    drain(pipeline)
    while waiting.exists():
        time.sleep(WAIT_SECONDS)
        queue.release_dead()
        queue.requeue_expired()
        drain(pipeline)
    return list(found)
