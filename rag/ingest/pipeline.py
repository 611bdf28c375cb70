"""From a stored file to an answering version, in steps that can be cut off anywhere and taken up again.

1. read: claim a queued document, parse it, write a new version with its chunks. A first version answers lexically
   from here on; a later one waits until it is complete.
2. embed: batch by batch, the chunks that have no vector yet; then the version replaces the old one.

Each switch is one conditional update of the document's row; ``repair`` finishes what stands around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol

import structlog
from django.conf import settings
from django.db import transaction

from rag import storage
from rag.changes import announce
from rag.embedders.base import Embedder
from rag.embedders.openai import EmbeddingError
from rag.errors import IngestFailure
from rag.ingest import queue
from rag.ingest.chunking import chunk
from rag.ingest.errors import ParseError
from rag.models import Chunk, Document, DocumentStatus, DocumentVersion
from rag.passages import embedding_text, text_hash
from rag.values import ParsedDocument
from rag.vectors_store import missing, save_vectors

log = structlog.get_logger(__name__)

EMBED_BATCH = 32
"""Chunks a step: about a second of work, after which newly queued documents are read first."""
PAUSE_SECONDS = 5.0
READ_PROGRESS = 10
"""Percent that reading counts for; the rest is embedding."""


class Parser(Protocol):
    """Reads a file's bytes; raises ``ParseError``."""

    def parse(self, data: bytes, *, filename: str, media_type: str | None) -> ParsedDocument: ...


class Pipeline:
    """The two steps, bound to a parser and an embedder; ``worker`` is the name that claims are made under."""

    def __init__(self, *, parser: Parser, embedder: Callable[[], Embedder], worker: str) -> None:
        self._parser, self._embedder, self._worker = parser, embedder, worker

    def read_next(self) -> bool:
        """Read the oldest queued document; return whether there was one."""
        document = queue.claim_queued(self._worker)
        if document is None:
            return False
        try:
            self._read(document)
        except (IngestFailure, ParseError) as error:
            self._fail(document, error.code, dict(error.params))
        except EmbeddingError as error:  # the first document of all asks the server for its dimension
            self._try_later(document, error)
        except Exception as error:  # the queue must go on whatever a single document does to it
            log.exception("document_failed", document=str(document.pk))
            self._fail(document, "internal", {"error": type(error).__name__})
        return True

    def embed_next(self) -> bool:
        """Embed one batch of the oldest document that waits for vectors; return whether there was one."""
        document = queue.claim_unembedded(self._worker)
        if document is None:
            return False
        try:
            self._embed(document)
        except IngestFailure as error:
            self._fail(document, error.code, error.params)
        except EmbeddingError as error:
            self._try_later(document, error)
        except Exception as error:
            log.exception("embedding_failed", document=str(document.pk))
            self._fail(document, "embedding", {"reason": type(error).__name__})
        return True

    def _read(self, document: Document) -> None:
        _check_attempts(document)
        try:
            data = storage.read(document.content_hash)
        except FileNotFoundError as error:
            raise IngestFailure("missing_file") from error
        parsed = self._parser.parse(data, filename=document.filename, media_type=document.media_type or None)
        _drop_leftovers(document)
        title = (document.given_title or parsed.title or document.filename)[:300]
        version = write_version(document, parsed, title=title, count_tokens=self._embedder().count_tokens)
        changes: dict[str, object] = {
            "title": title,
            "language": document.given_language or parsed.language,
            "pending_version": version,
            "progress": READ_PROGRESS,
            "attempts": 0,
            "error_code": "",
            "error_params": {},
        }
        first = document.active_version_id is None
        if first:
            changes |= {"active_version": version, "chunk_count": version.chunks.count()}
        if not queue.release(document, self._worker, **changes):
            version.delete()
        elif first:
            announce_version(document, version)

    def _embed(self, document: Document) -> None:
        version, embedder = document.pending_version, self._embedder()
        if version is None:
            return
        _check_attempts(document)
        keys = list(dict.fromkeys(version.chunks.order_by("ordinal").values_list("text_hash", flat=True)))
        absent = missing(embedder.model_id, keys)
        todo = [key for key in keys if key in absent]
        batch = todo[:EMBED_BATCH]
        if batch:
            rows = version.chunks.filter(text_hash__in=batch).values_list("text_hash", "heading", "text")
            texts = {key: embedding_text(document.title, heading, text) for key, heading, text in rows}
            vectors = embedder.embed_passages(list(texts.values()))
            save_vectors(embedder.model_id, dict(zip(texts, vectors, strict=True)))
        left = len(todo) - len(batch)
        if left:
            done = 1 - left / len(keys)
            progress = READ_PROGRESS + int((100 - READ_PROGRESS) * done)
            queue.advance(document, self._worker, progress=progress, attempts=0)
        else:
            self._activate(document, version)

    def _activate(self, document: Document, version: DocumentVersion) -> None:
        """Let the version answer, tell the indexes, then call it ready: who sees "ready" can find it."""
        chunks = version.chunks.count()
        if not queue.advance(document, self._worker, active_version=version, chunk_count=chunks):
            return
        announce_version(document, version)
        done = {"status": DocumentStatus.READY, "pending_version": None, "progress": 100, "attempts": 0}
        queue.release(document, self._worker, **done)
        _drop_leftovers(document, keep=version)
        log.info("document_ready", document=str(document.pk), chunks=chunks)

    def _try_later(self, document: Document, error: EmbeddingError) -> None:
        """A server that is away for a while costs a pause, one that stays away the document's vectors."""
        log.warning("embedding_failed", document=str(document.pk), code=error.code)
        if document.attempts < queue.MAX_ATTEMPTS:
            queue.postpone(document, self._worker, PAUSE_SECONDS * 2**document.attempts)
        else:
            self._fail(document, "embedding", {**error.params, "code": error.code})

    def _fail(self, document: Document, code: str, params: dict[str, object]) -> None:
        changes = {"status": DocumentStatus.FAILED, "error_code": code, "error_params": params}
        queue.release(document, self._worker, pending_version=None, progress=0, **changes)
        log.warning("document_refused", document=str(document.pk), code=code)


def _check_attempts(document: Document) -> None:
    """A document that ended its worker several times in a row is not tried again by itself."""
    if document.attempts > queue.MAX_ATTEMPTS:
        raise IngestFailure("attempts", {"attempts": document.attempts - 1})


def write_version(
    document: Document, parsed: ParsedDocument, *, title: str, count_tokens: Callable[[str], int]
) -> DocumentVersion:
    """Return a new version with its chunks written; it answers only once the document names it as active."""
    drafts = chunk(
        parsed,
        count_tokens=count_tokens,
        target_tokens=settings.RAG_CHUNK_TOKENS,
        max_tokens=settings.RAG_CHUNK_MAX_TOKENS,
    )
    with transaction.atomic():
        version = DocumentVersion.objects.create(
            document=document,
            content_hash=document.content_hash,
            text=parsed.text,
            blocks=[[b.kind.value, b.start, b.end, b.level, b.page] for b in parsed.blocks],
            pages=parsed.pages,
        )
        rows = []
        for draft in drafts:
            text = parsed.text[draft.start : draft.end]
            key = text_hash(embedding_text(title, draft.heading, text))
            values = asdict(draft) | {"kind": draft.kind.value, "heading": draft.heading[:1000]}
            rows.append(Chunk(version=version, document=document, text=text, text_hash=key, **values))
        Chunk.objects.bulk_create(rows, batch_size=200)
    return version


def announce_version(document: Document, version: DocumentVersion) -> None:
    """Tell all indexes about the active version, then note on the document that they were told."""
    announce(document.pk)
    Document.objects.filter(pk=document.pk, active_version=version).update(announced_version=version.pk)


def _drop_leftovers(document: Document, keep: DocumentVersion | None = None) -> None:
    """Delete versions of a document that neither answer nor wait: what a crash or a replacement left."""
    kept: Sequence[object] = [keep.pk] if keep else [document.active_version_id]
    delete_versions(DocumentVersion.objects.filter(document=document).exclude(pk__in=[k for k in kept if k]))


def delete_versions(versions: object) -> None:
    """Delete versions with their chunks, chunks first so that a crash leaves nothing that points nowhere."""
    for key in list(versions.values_list("pk", flat=True)):  # type: ignore[attr-defined]
        Chunk.objects.filter(version_id=key).delete()
        DocumentVersion.objects.filter(pk=key).delete()
